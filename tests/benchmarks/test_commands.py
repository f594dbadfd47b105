"""Every benchmark answers `--help` without measuring anything."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMANDS = (
    "cancelling",
    "epoch",
    "parent_memory",
    "pipeline",
    "preparation",
    "sampling",
    "scale",
    "startup",
    "suite",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_what_is_measured(command: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{command}", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--rounds" in ended.stdout
    assert "Measure" in ended.stdout or "Time" in ended.stdout


def test_make_bench_runs_every_benchmark() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert [name for name in COMMANDS if f"benchmarks.{name}" not in makefile] == []


def test_every_module_with_options_is_among_the_commands() -> None:
    with_options = {
        path.stem
        for path in (ROOT / "benchmarks").glob("*.py")
        if "def parser()" in path.read_text()
    }
    assert with_options == set(COMMANDS)


def test_a_number_of_rounds_below_one_is_refused() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.sampling", "--rounds", "0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert "0 is less than 1" in ended.stderr
