"""A flow run that is retried goes on in the execution that its earlier attempts began."""

from pathlib import Path

from flows.zombies import flow_runs_of
from lungbench.errors import LungbenchError
from lungbench.executions.execution import Execution
from lungbench.executions.repair import await_trainings, repair
from lungbench.executions.same_data import check_data
from lungbench.experiment import Experiment
from lungbench.flock import Holder


def begun_before(experiment: Experiment, results: Path, flow_run: str) -> Execution | None:
    """Return the execution of this experiment that a flow run has begun.

    None where there is none, and where the experiment was changed since: then the runs that are
    to come are others.

    Args:
        experiment: As it is now.
        results: Where executions lie.
        flow_run: Its id.
    """
    for folder in sorted((results.absolute() / experiment.name).glob("*/"), reverse=True):
        if flow_run in flow_runs_of(folder):
            try:
                execution = Execution.open(folder)
            except LungbenchError:
                continue
            if execution.experiment == experiment:
                return execution
    return None


def put_in_order(execution: Execution, dead: Holder | None) -> None:
    """Record what earlier attempts left, and refuse to go on with other images.

    Args:
        execution: The caller holds it.
        dead: Who held it before and ended without a word.

    Raises:
        LungbenchError: A training goes on, or the images have changed.
    """
    await_trainings(execution.folder)
    if dead:
        repair(execution, dead)
    if (execution.folder / "runs").is_dir():
        check_data(execution)
