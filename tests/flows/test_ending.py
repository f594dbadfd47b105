"""How an execution ended, by its records: one rule for exit codes and states."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.benchmark import final_state
from flows.ending import exit_code
from lungbench.executions.execution import Execution
from lungbench.experiment import Experiment
from lungbench.host import describe_host
from lungbench.record import DataFacts, Reason, RunRecord, Status, write_record


def ended(folder: Path, *statuses: Status | None) -> Execution:
    """Leave an execution whose runs ended so; None has no record."""
    experiment = Experiment.model_validate(
        {
            "name": "tiny",
            "matrix": {"models": ["cnn10"], "devices": ["cpu"], "repeats": len(statuses)},
        }
    )
    execution = Execution.create(experiment, folder)
    for spec, status in zip(experiment.runs(), statuses, strict=True):
        if status is not None:
            record = RunRecord(
                run_id=spec.run_id,
                status=status,
                reason=None if status == "completed" else Reason(kind="error", message="so"),
                started=datetime(2026, 11, 22, tzinfo=UTC),
                spec=spec,
                host=describe_host(gpus=False),
                data=DataFacts(fingerprint="f", source="x", classes=("a", "b"), counts={}),
            )
            execution.run_dir(spec).mkdir(parents=True)
            write_record(record, execution.run_dir(spec))
    return execution


@pytest.mark.parametrize(
    ("statuses", "code", "state", "message"),
    [
        (("completed", "completed"), 0, "COMPLETED", "page"),
        (("completed", "skipped"), 0, "COMPLETED", "page"),
        (("completed", "failed"), 1, "FAILED", "1 of 2 trainings failed; see page"),
        (("completed", None), 1, "FAILED", "1 of 2 trainings failed; see page"),
        (("interrupted", "completed"), 130, "CANCELLED", "Interrupted; what was done is in page"),
        (("interrupted", "failed"), 130, "CANCELLED", "Interrupted; what was done is in page"),
        (("interrupted", None), 130, "CANCELLED", "Interrupted; what was done is in page"),
    ],
)
def test_the_flows_state_says_what_the_exit_code_says(
    tmp_path: Path, statuses: tuple[Status | None, ...], code: int, state: str, message: str
) -> None:
    execution = ended(tmp_path, *statuses)
    found = final_state(execution, "page", stopped=False)
    assert (exit_code(execution), found.type.name, found.message) == (code, state, message)


def test_a_run_without_a_turn_is_no_failure_where_somebody_stopped_it(tmp_path: Path) -> None:
    execution = ended(tmp_path, "completed", None)
    assert final_state(execution, "page", stopped=True).type.name == "CANCELLED"


def test_a_stop_after_the_last_run_changes_nothing(tmp_path: Path) -> None:
    execution = ended(tmp_path, "completed", "skipped")
    assert final_state(execution, "page", stopped=True).type.name == "COMPLETED"
