# One command each; the first call of any of them sets everything up in .venv.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.installed
# A folder with one sub-folder per class, e.g. make bench XRAYS=../xrays; without it, drawn X-rays.
XRAYS ?=
# How many test files run at once: one more than processors, since many of them wait.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
# Where this is set, each of the hundreds of Pythons that tests start compiles lungbench anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test lint bench faults serve setup clean

run: $(READY)  ## benchmark the embedded data on this machine and write a report
	$(BIN)/lungbench run experiments/quick.toml

test: $(READY)  ## run every test
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --maxprocesses 4 --no-loadscope-reorder

lint: $(READY)  ## check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)  ## measure lungbench against its peers, in a short form (docs/performance.md)
	$(BIN)/python -m benchmarks.startup --rounds 2
	$(BIN)/python -m benchmarks.pipeline --rounds 3 --images 64 $(XRAYS:%=--data %)
	$(BIN)/python -m benchmarks.epoch --rounds 2 --images 32 --models cnn10 $(XRAYS:%=--data %)
	$(BIN)/python -m benchmarks.sampling --rounds 3 --products 200
	$(BIN)/python -m benchmarks.preparation --rounds 1 --sizes 300 1000
	$(BIN)/python -m benchmarks.parent_memory --rounds 20
	$(BIN)/python -m benchmarks.suite --rounds 1 --runs 1 --sides plain embedded
	$(BIN)/python -m benchmarks.cancelling --rounds 2 --seconds 10 --every 0.1
	$(BIN)/python -m benchmarks.scale --cells 10 --flow-runs 2 --trainings 2

faults: $(READY)  ## do every harm that a benchmark must survive, for an hour (docs/reliability.md)
	FAULTS=long FAULTS_OUT=build/faults $(BIN)/python -m pytest tests/faults \
		tests/lungbench/training/test_resume.py tests/flows/test_pools.py \
		tests/flows/test_postgres.py -q -o timeout=3600

serve: $(READY)  ## start a Prefect server and a worker here: schedules, the UI (docs/lab-server.md)
	$(BIN)/lungbench serve

setup: $(READY)  ## install the pinned dependencies, once

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "lungbench needs Python 3.11 or newer; received " + sys.version.split()[0])'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable . --group dev
	touch $@

clean:  ## remove the environment and every cache, but no results
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
