"""Checkers that npm brings for one run of the tests; without npm or a network they are skipped."""

import shutil
import subprocess
from pathlib import Path

import pytest

AXE = "axe-core@4.10.3"
HTML_VALIDATE = "html-validate@10.9.0"  # the last one for Node 20
FETCH_S = 180


def installed(package: str, folder: Path) -> Path:
    """Install a package, without running any script of its own; return its `node_modules`."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    quietly = ("--silent", "--no-audit", "--no-fund", "--ignore-scripts")
    command = [npm, "install", *quietly, "--prefix", str(folder), package]
    done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_S, check=False)
    if done.returncode:
        pytest.skip(f"npm could not fetch {package}: {done.stderr.strip()[-200:]}")
    return folder / "node_modules"


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The accessibility checker, as a script for the page."""
    modules = installed(AXE, tmp_path_factory.mktemp("axe"))
    return (modules / "axe-core" / "axe.min.js").read_text()


@pytest.fixture(scope="session")
def html_validate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program that checks pages against the HTML standard."""
    folder = tmp_path_factory.mktemp("html-validate")
    return installed(HTML_VALIDATE, folder) / ".bin" / "html-validate"
