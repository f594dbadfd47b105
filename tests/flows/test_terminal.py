"""What the terminal says of an execution, from the files alone."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from flows.terminal import trust_line, watched
from lungbench.execution import Execution
from lungbench.experiment import Experiment
from reports.summary import SUMMARY_FILE, Summary
from reports.summary_figures import GuardFigures


def guard(name: str, status: str) -> GuardFigures:
    return GuardFigures.model_validate(
        {"name": name, "status": status, "found": "Something.", "advice": None, "runs": 1}
    )


def judged(folder: Path, *guards: GuardFigures) -> Path:
    """Write the summary of an execution with these guards."""
    summary = Summary(
        executions=("quick",),
        baseline_device="cpu",
        cells=(),
        across_models=(),
        guards=guards,
        failures=(),
    )
    (folder / SUMMARY_FILE).write_text(summary.model_dump_json())
    return folder


@pytest.mark.parametrize(
    ("statuses", "line"),
    [
        (("pass", "pass"), "trust: all 2 checks passed"),
        (("pass", "unknown"), "trust: all 1 check passed"),
        (("warn", "pass"), "trust: 1 warning (see the report): other load during a run"),
        (("pass", "fail"), "trust: 1 failed check (see the report): CPU quota"),
        (
            ("warn", "fail"),
            "trust: 1 warning, 1 failed check (see the report): CPU quota, other load during a run",
        ),
    ],
)
def test_warnings_and_failed_checks_are_counted_and_named(
    tmp_path: Path, statuses: tuple[str, str], line: str
) -> None:
    first, second = statuses
    folder = judged(tmp_path, guard("Other load during a run", first), guard("CPU quota", second))
    assert trust_line(folder) == line


def test_many_guards_stay_one_line(tmp_path: Path) -> None:
    folder = judged(tmp_path, *(guard(f"Guard {n}", "warn") for n in range(9)))
    assert trust_line(folder) == (
        "trust: 9 warnings (see the report): guard 0, guard 1, guard 2, guard 3, guard 4, 4 more"
    )


def test_nothing_is_said_where_nothing_was_judged(tmp_path: Path) -> None:
    assert trust_line(tmp_path) is None
    assert trust_line(judged(tmp_path)) is None
    (tmp_path / SUMMARY_FILE).write_text("{")
    assert trust_line(tmp_path) is None


def test_an_execution_ends_with_the_line(tmp_path: Path) -> None:
    experiment = Experiment.model_validate(
        {"name": "tiny", "matrix": {"models": ["cnn10"], "devices": ["cpu"]}}
    )
    execution = Execution.create(experiment, tmp_path)
    screen: Any = io.StringIO()
    with watched(execution, Console(file=screen)):
        judged(execution.folder, guard("Repeats", "fail"))
    last = screen.getvalue().splitlines()[-1]
    assert last == "trust: 1 failed check (see the report): repeats"
