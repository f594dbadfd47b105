"""Train every model on every device of an experiment and report what that showed.

Reads: an experiment, its images. Writes: one folder `results/<experiment>/<started>/`.
Runs: by `lungbench run FILE`, or as a deployment on a schedule. One that is retried goes on.
"""

from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Event

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture, wait
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed, Failed

from flows.alarms import raise_alarms
from flows.cancelling import cancellable
from flows.ending import ending, statuses
from flows.retrying import begun_before, put_in_order
from flows.zombies import note_flow_run
from lungbench.errors import LungbenchError, Refused
from lungbench.executions.execution import Execution, preflight
from lungbench.experiment import Experiment
from lungbench.host import describe_host
from lungbench.run.turns import Turns, turns_of
from tasks.prepare import prepare
from tasks.report import report
from tasks.table import shown_as_a_table
from tasks.train import train


@flow(
    name="benchmark",
    flow_run_name="{experiment.name}",
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
        trained = _elsewhere if execution.experiment.hosts else _here
        with shown_as_a_table(execution):
            trained(execution, stop)
    return final_state(execution, report(folder), stopped=stop.is_set())


def _elsewhere(execution: Execution, stop: Event) -> None:
    """Have the runs trained by the hosts of work pools; whatever interrupts that has its report."""
    from flows import pools  # what most executions have no need of

    try:
        pools.train_on_pools(execution, stop)
    except Refused:
        execution.remove_if_not_begun()
        raise
    except BaseException:
        report(execution.folder)
        raise


def _here(execution: Execution, stop: Event) -> None:
    """Train what isn't complete, each run in its turn; whatever interrupts that has its report."""
    runs, begun = execution.remaining(), list[PrefectFuture[State]]()
    turns = turns_of(runs, execution.experiment.measure.exclusive, describe_host())
    try:
        for number in turns:
            spec = runs[number]
            training = train.submit(execution.folder, spec.run_id, spec.label, stop)
            begun.append(training)
            training.add_done_callback(partial(_ended, turns, number))
    except BaseException:
        # Task threads can't be interrupted: they see this, end their children and their records.
        stop.set()
        wait(begun)
        with suppress(LungbenchError, OSError):
            for spec in execution.left():
                execution.train(spec.run_id, stop)  # which only records that it had no turn
        report(execution.folder)
        raise


def _ended(turns: Turns, number: int, _: PrefectFuture[State]) -> None:
    turns.ended(number)


def final_state(execution: Execution, page: str, *, stopped: bool) -> State:
    """Return the flow's state, as `flows.ending` sums up its records."""
    ended = statuses(execution, stopped=stopped)
    match ending(ended):
        case "interrupted":
            return Cancelled(message=f"Interrupted; what was done is in {page}")
        case "failed":
            failed = ended.count("failed")
            return Failed(message=f"{failed} of {len(ended)} trainings failed; see {page}")
        case "completed":
            return Completed(message=page)
