"""What the terminal says of an execution, from the files alone."""

import io
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from flows.terminal import left_line, resume_command, trust_line, verdict_lines, watched
from lungbench.data.dataset import DATA_FILE, PreparedData
from lungbench.executions.execution import SUMMARY_FILE, Execution
from lungbench.experiment import Experiment
from lungbench.host import describe_host
from lungbench.job import EPOCHS_FILE, JOB_FILE, SAMPLES_FILE, Spent
from lungbench.record import DataFacts, Epoch, Reason, RunRecord, Status, write_record
from lungbench.training.checkpoint import CHECKPOINT_FILE, Header, write_checkpoint
from reports.summaries.figures import AxisFigures, GuardFigures
from reports.summaries.summary import Summary


def guard(name: str, status: str) -> GuardFigures:
    return GuardFigures.model_validate(
        {"name": name, "status": status, "found": "Something.", "advice": None, "runs": 1}
    )


FAILED = guard("Repeats", "fail")
DATA = PreparedData(
    fingerprint="f",
    source="x",
    classes=("a", "b"),
    image_size=224,
    split_seed=0,
    pixels=Path("nowhere"),
    rows={},
    paths=(),
    images_found=0,
    images_skipped=0,
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


def told(folder: Path, verdicts: int, *guards: GuardFigures) -> None:
    """Write the summary of an execution with so many verdicts, a sentence and a half each."""
    axes = tuple(
        AxisFigures(
            axis="precision",
            baseline="float32",
            comparisons=(),
            across_models=(),
            verdict=(f"Half as fast ({n}).", "As good."),
        )
        for n in range(verdicts)
    )
    summary = Summary.model_validate_json((judged(folder, *guards) / SUMMARY_FILE).read_bytes())
    told_too = summary.model_copy(update={"axes": axes})
    (folder / SUMMARY_FILE).write_text(told_too.model_dump_json())


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


@pytest.fixture
def execution(tmp_path: Path) -> Execution:
    """Three runs of two epochs each."""
    experiment = Experiment.model_validate(
        {
            "name": "tiny",
            "train": {"epochs": 2},
            "matrix": {"models": ["cnn10"], "devices": ["cpu"], "repeats": 3},
        }
    )
    return Execution.create(experiment, tmp_path)


def begin(execution: Execution, number: int, epochs: int = 0) -> None:
    """Leave what a run leaves whose process was started."""
    run_dir = execution.run_dir(execution.experiment.runs()[number])
    run_dir.mkdir(parents=True)
    (run_dir / JOB_FILE).write_text("{}")
    (run_dir / SAMPLES_FILE).touch()
    lines = [
        Epoch(epoch=n, started_s=1, train_s=2, images_per_s=3).model_dump_json() + "\n"
        for n in range(1, epochs + 1)
    ]
    (run_dir / EPOCHS_FILE).write_text("".join(lines))


def end(execution: Execution, number: int, status: Status, reason: str | None = None) -> None:
    spec = execution.experiment.runs()[number]
    record = RunRecord(
        run_id=spec.run_id,
        status=status,
        reason=Reason(kind="error", message=reason) if reason else None,
        started=datetime(2026, 11, 22, tzinfo=UTC),
        spec=spec,
        host=describe_host(gpus=False),
        data=DataFacts(fingerprint="f", source="x", classes=("a", "b"), counts={}),
    )
    execution.run_dir(spec).mkdir(parents=True, exist_ok=True)
    write_record(record, execution.run_dir(spec))


def screen_of(execution: Execution, body: Callable[[], None], *, terminal: bool = False) -> str:
    """Return what is shown while the body runs."""
    screen: Any = io.StringIO()
    with watched(execution, Console(file=screen, force_terminal=terminal, width=200)):
        body()
    return str(screen.getvalue())


def test_an_execution_ends_with_its_trust_and_with_what_is_left(execution: Execution) -> None:
    def judge() -> None:
        judged(execution.folder, FAILED)

    screen = screen_of(execution, judge)
    assert screen.splitlines()[-2:] == [
        "trust: 1 failed check (see the report): repeats",
        "done: 0 of 3 runs; left: cnn10 on cpu #1, cnn10 on cpu #2, cnn10 on cpu #3",
    ]


def test_runs_that_never_began_are_left_and_nothing_else(execution: Execution) -> None:
    def interrupted_in_the_second_run() -> None:
        begin(execution, 0)
        end(execution, 0, "completed")
        begin(execution, 1, epochs=1)
        end(execution, 1, "interrupted")
        end(execution, 2, "interrupted")

    first, *shown = screen_of(execution, interrupted_in_the_second_run).splitlines()
    assert first == f"{execution.folder}: 3 runs"
    assert shown == [
        "[1/3] cnn10 on cpu #1: started",
        "[1/3] cnn10 on cpu #1: completed",
        "[2/3] cnn10 on cpu #2: started",
        "[2/3] cnn10 on cpu #2: epoch 1/2 2.00 s, 3.0 images/s",
        "[2/3] cnn10 on cpu #2: interrupted",
        "done: 1 of 3 runs; left: cnn10 on cpu #2, cnn10 on cpu #3",
    ]


def test_a_skipped_run_says_why_and_not_that_it_was_started(execution: Execution) -> None:
    def skipped() -> None:
        for number in range(3):
            end(execution, number, "skipped", "it has no GPU")

    shown = screen_of(execution, skipped).splitlines()[1:]
    assert shown == [f"[{n}/3] cnn10 on cpu #{n}: skipped: it has no GPU" for n in (1, 2, 3)]


def test_a_table_shows_the_same_and_what_went_wrong_above_it(
    execution: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")

    def one_of_three() -> None:
        begin(execution, 0, epochs=2)
        end(execution, 0, "failed", "it broke")
        end(execution, 1, "skipped", "it has no GPU")

    screen = screen_of(execution, one_of_three, terminal=True)
    assert "[1/3] cnn10 on cpu #1: failed: it broke" in screen
    assert "[2/3] cnn10 on cpu #2: skipped: it has no GPU" in screen
    assert "0 of 3 done, 1 failed, 1 skipped, 1 waiting" in screen
    assert "done: 2 of 3 runs; left: cnn10 on cpu #3" in screen


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(
    execution: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")

    def one_of_three() -> None:
        begin(execution, 0, epochs=1)
        end(execution, 0, "completed")

    screen = screen_of(execution, one_of_three, terminal=True)
    assert "[1/3] cnn10 on cpu #1: epoch 1/2 2.00 s, 3.0 images/s" in screen
    assert "\x1b[1A" not in screen


def test_what_is_logged_meanwhile_stands_above_the_table(
    execution: Execution, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    log, across = logging.getLogger("lungbench"), logging.StreamHandler()
    log.addHandler(across)
    try:
        screen = screen_of(execution, lambda: log.warning("it waits"), terminal=True)
        log.warning("later")
    finally:
        log.removeHandler(across)
    assert "it waits\n" in screen
    assert capsys.readouterr().err == "later\n"


@pytest.mark.parametrize("many", [1, 7])
def test_up_to_seven_verdicts_have_a_line_each(tmp_path: Path, many: int) -> None:
    told(tmp_path, many)
    assert verdict_lines(tmp_path) == [f"Half as fast ({n}). As good." for n in range(many)]


def test_of_more_verdicts_the_report_tells_the_rest(tmp_path: Path) -> None:
    told(tmp_path, 9)
    *_, last_shown, rest = verdict_lines(tmp_path)
    assert last_shown == "Half as fast (5). As good."
    assert rest == "3 more verdicts stand in the report"


def test_an_execution_ends_with_its_verdicts_before_its_trust(execution: Execution) -> None:
    screen = screen_of(execution, lambda: told(execution.folder, 1, FAILED))
    assert screen.splitlines()[-3:-1] == [
        "Half as fast (0). As good.",
        "trust: 1 failed check (see the report): repeats",
    ]


def test_a_resume_says_what_is_complete_and_where_a_run_goes_on(execution: Execution) -> None:
    runs = execution.experiment.runs()
    (execution.folder / DATA_FILE).write_text(DATA.model_dump_json())
    end(execution, 0, "completed")
    begin(execution, 1, epochs=2)
    end(execution, 1, "interrupted")
    kept = Epoch(epoch=1, started_s=1, train_s=2, images_per_s=3)
    header = Header(
        spec=runs[1], data="f", environment={}, epochs=(kept,), batches=0, spent=Spent(), attempts=1
    )
    checkpoint = execution.run_dir(runs[1]) / CHECKPOINT_FILE
    write_checkpoint(checkpoint, header, {"network/0": np.zeros(1)})
    assert left_line(execution) == (
        "done: 1 of 3 runs; left: cnn10 on cpu #2 (after epoch 1 of 2), cnn10 on cpu #3"
    )

    def interrupted_again() -> None:
        (execution.run_dir(runs[1]) / JOB_FILE).write_text('{"again": true}')
        end(execution, 1, "interrupted")

    first, *shown = screen_of(execution, interrupted_again).splitlines()
    assert first == f"{execution.folder}: 3 runs, 1 of them complete"
    assert shown[:2] == [
        "[2/3] cnn10 on cpu #2: goes on after epoch 1",
        "[2/3] cnn10 on cpu #2: interrupted",
    ]


def test_the_command_that_goes_on_can_be_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert resume_command(tmp_path / "results" / "x y") == "lungbench resume 'results/x y'"
    assert resume_command(tmp_path.parent) == f"lungbench resume {tmp_path.parent}"
