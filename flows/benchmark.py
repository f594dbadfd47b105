"""Train every model on every device of an experiment and report what that showed.

Reads: an experiment, its images. Writes: one folder `results/<experiment>/<started>/`.
Runs: by `lungbench run FILE`, or as a deployment on a schedule. One that is retried goes on.
"""

from pathlib import Path
from threading import Event

from prefect import flow, unmapped
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture, wait
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from flows import pools
from flows.alarms import raise_alarms
from flows.cancelling import cancellable
from flows.retrying import begun_before, put_in_order
from flows.zombies import note_flow_run
from lungbench.errors import Refused
from lungbench.executions.execution import Execution, preflight
from lungbench.experiment import Experiment, RunSpec
from lungbench.host import describe_host
from tasks.prepare import prepare
from tasks.report import report
from tasks.table import shown_as_a_table
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
    begun = Execution.open(folder) if folder else begun_before(experiment, results, flow_run.id)
    execution = begun or _begun(experiment, results)
    with execution.held("flow run") as dead:
        note_flow_run(execution.folder)
        if begun and not folder:
            put_in_order(execution, dead)
        state = execute(execution)
        raise_alarms(execution)
        return state


def _begun(experiment: Experiment, results: Path) -> Execution:
    preflight(experiment, results, describe_host())
    return Execution.create(experiment, results)


def execute(execution: Execution) -> State:
    """Prepare, train what isn't complete, report; Failed if any training failed."""
    folder = execution.folder
    with cancellable() as stop:
        prepared = prepare(folder, stop, return_state=True)
        if stop.is_set():
            return Cancelled(message=prepared.message)
        prepared.result()
        if execution.experiment.hosts:
            return _elsewhere(execution, stop)
        with shown_as_a_table(execution):
            trainings = _trained(folder, execution.remaining(), stop)
    return final_state(trainings, report(folder))


def _elsewhere(execution: Execution, stop: Event) -> State:
    """Have the runs trained by the hosts of work pools; whatever interrupts that has its report."""
    try:
        with shown_as_a_table(execution):
            pools.train_on_pools(execution, stop)
    except Refused:
        execution.remove_if_not_begun()
        raise
    except BaseException:
        report(execution.folder)
        raise
    return pools.final_state(execution, report(execution.folder))


def _trained(folder: Path, runs: tuple[RunSpec, ...], stop: Event) -> list[PrefectFuture[State]]:
    """Train runs one after the other; whatever interrupts that ends them, and has its report."""
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
    return trainings


def final_state(trainings: list[PrefectFuture[State]], page: str) -> State:
    """Return the flow's state: a skipped training is no failure, a failed one is."""
    ends = [training.state for training in trainings]
    failed = sum(end.is_failed() or end.is_crashed() for end in ends)
    if any(end.is_cancelled() for end in ends):
        return Cancelled(message=f"Interrupted; what was done is in {page}")
    if failed:
        return Failed(message=f"{failed} of {len(ends)} trainings failed; see {page}")
    return Completed(message=f"{page}")
