# One command each; the first call of any of them sets everything up in .venv.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.installed

.PHONY: run test lint setup clean

run: $(READY)  ## benchmark the embedded data on this machine and write a report
	$(BIN)/lungbench run experiments/quick.toml

test: $(READY)  ## run every test
	$(BIN)/python -m pytest

lint: $(READY)  ## check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

setup: $(READY)  ## install the pinned dependencies, once

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "lungbench needs Python 3.11 or newer; received " + sys.version.split()[0])'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable . --group dev
	touch $@

clean:  ## remove the environment and every cache, but no results
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
