"""Train every model on every device of an experiment and report what that showed.

Reads: an experiment, its images. Writes: one folder `results/<experiment>/<started>/`.
Runs: by `lungbench run FILE`, or as a deployment on a schedule.
"""

import threading
from pathlib import Path

from prefect import flow, unmapped
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture, wait
from prefect.states import Cancelled, Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from flows.zombies import note_flow_run
from lungbench.executions.execution import Execution, preflight
from lungbench.experiment import Experiment
from lungbench.host import describe_host
from tasks.prepare import prepare
from tasks.report import report
from tasks.train import train


@flow(
    name="benchmark",
    flow_run_name="{experiment.name}",
    # Trainings on one host may not overlap, and their order is the matrix's.
    task_runner=ThreadPoolTaskRunner(max_workers=1),  # type: ignore[arg-type]
    persist_result=False,
)
def benchmark(
    experiment: Experiment, results: Path = Path("results"), folder: Path | None = None
) -> State:
    """Execute an experiment.

    Args:
        experiment: What to train, on which images and devices.
        results: Where the execution's folder is made.
        folder: An execution's folder that was made already; it is used instead of a new one.
    """
    return executed(experiment, results, folder)


def executed(experiment: Experiment, results: Path, folder: Path | None = None) -> State:
    """Make the execution's folder, or open it, and carry the execution out; see `benchmark`."""
    if folder:
        execution = Execution.open(folder)
    else:
        preflight(experiment, results, describe_host())
        execution = Execution.create(experiment, results)
    with execution.held("flow run"):
        note_flow_run(execution.folder)
        return execute(execution)


def execute(execution: Execution) -> State:
    """Prepare, train what isn't complete, report; Failed if any training failed."""
    folder, stop = execution.folder, threading.Event()
    prepare(folder)
    runs = execution.remaining()
    trainings = train.map(
        unmapped(folder),
        [spec.run_id for spec in runs],
        [spec.label for spec in runs],
        unmapped(stop),
    )
    try:
        wait(trainings)
    except BaseException:
        # Task threads can't be interrupted: they see this, end their children and their records.
        stop.set()
        wait(trainings)
        report(folder)
        raise
    return final_state(trainings, report(folder))


def final_state(trainings: list[PrefectFuture[State]], page: str) -> State:
    """Return the flow's state: a skipped training is no failure, a failed one is."""
    ends = [training.state for training in trainings]
    failed = sum(end.is_failed() or end.is_crashed() for end in ends)
    if any(end.is_cancelled() for end in ends):
        return Cancelled(message=f"Interrupted; what was done is in {page}")
    if failed:
        return Failed(message=f"{failed} of {len(ends)} trainings failed; see {page}")
    return Completed(message=f"{page}")
