"""Train one run in a process of its own, watched from the Prefect UI.

No task has a tag: for each tag Prefect asks its server for a slot before the task begins, and a
server that is gone would hold up every training by its retries, and then fail it.
"""

import threading
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Failed

from lungbench.executions.execution import Execution
from lungbench.record import RunRecord
from tasks.progress import reported


@task(
    name="train",
    task_run_name="train {label}",
    cache_policy=NO_CACHE,
    persist_result=False,
)
def train(
    folder: Path,
    run_id: str,
    label: str,  # noqa: ARG001 - names the task
    stop: threading.Event,
) -> State:
    """Train one run; the state tells how it ended, and `record.json` everything else."""
    execution = Execution.open(folder)
    spec = execution.spec(run_id)
    with reported(execution.experiment.name, spec, execution.run_dir(spec)):
        record = execution.train(run_id, stop)
    return state_of(record)


def state_of(record: RunRecord) -> State:
    """Return the Prefect state that says how a run ended."""
    message = record.reason.message if record.reason else None
    if record.status == "completed":
        return Completed(message=_result(record))
    if record.status == "skipped":
        return Completed(name="Skipped", message=message)
    if record.status == "interrupted":
        return Cancelled(message="Interrupted; the record says so.")
    return Failed(message=message)


def _result(record: RunRecord) -> str:
    accuracy = record.metrics.overall_accuracy if record.metrics else float("nan")
    wall_s = record.timing.wall_s if record.timing else float("nan")
    return f"accuracy {accuracy:.4f} on the test images, {wall_s:.0f} s"
