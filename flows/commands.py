"""What the commands that work on executions do, from their start to their end.

Every start first puts in order what an earlier death left below the same results folder.
"""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.console import Console

from flows.suite import configure_prefect, run_plainly, run_with_prefect
from flows.terminal import preparing, resume_command, watched
from lungbench.errors import Interrupted, LungbenchError, Refused
from lungbench.executions.execution import (
    REPORT_FILE,
    Execution,
    check_host,
    newest_execution,
    preflight,
)
from lungbench.executions.hold import held_elsewhere, hold
from lungbench.executions.repair import await_trainings, repair, repair_abandoned, repair_all
from lungbench.executions.same_data import check_data
from lungbench.executions.same_experiment import check_experiment
from lungbench.executions.seal import seal
from lungbench.experiment import Experiment
from lungbench.host import describe_host

_REDACTED_FILE = "report-redacted.html"

log = logging.getLogger("lungbench.commands")


def run(experiment: Experiment, results: Path, *, prefect: bool) -> Execution:
    """Execute an experiment from its beginning.

    Raises:
        LungbenchError: It was refused, or somebody stopped it.
    """
    preflight(experiment, results, describe_host())
    _repair(results, prefect=prefect)
    if earlier := unfinished(experiment.name, results):
        log.info("unfinished: %s; `%s` goes on with it", earlier, resume_command(earlier))
    execution = Execution.create(experiment, results)
    with execution.held("lungbench run"), _interruptible(execution):
        with preparing(_console()) as progress:
            execution.prepare(progress)
        _carry_out(execution, prefect=prefect)
    return execution


def resume(folder: Path, *, prefect: bool) -> Execution:
    """Finish an execution: train what isn't complete, and report again.

    Args:
        folder: The execution's, or one above it: then the newest below.
        prefect: Whether Prefect is used.

    Raises:
        LungbenchError: It was refused, or somebody stopped it.
    """
    execution = Execution.open(newest_execution(folder))
    with execution.held("lungbench resume") as dead, _interruptible(execution):
        await_trainings(execution.folder)
        if dead:
            repair(execution, dead)
        _repair(execution.folder.parent.parent, prefect=prefect)
        check_experiment(execution)
        if execution.remaining():
            check_host(execution.experiment, describe_host())
            with preparing(_console()) as progress:
                check_data(execution, progress)
        _carry_out(execution, prefect=prefect)
    return execution


def report(
    folders: Sequence[Path], out: Path | None, *, redact: bool = False, pictures: bool = True
) -> Path:
    """Write one report over one or more executions; return its path.

    Args:
        folders: Of the executions, or above them: then the newest below each.
        out: The report's file; None is the only execution's own, else one in this folder.
        redact: Leave out the names of hosts and users. Such a page never takes the place of an
            execution's own.
        pictures: Show small pictures of some images; a page without them, likewise.

    Raises:
        LungbenchError: There is no execution, or the file can't be written.
    """
    from reports.drawings.engine import own_process

    found = [newest_execution(folder) for folder in folders]
    repair_abandoned(found)
    own = found[0] / REPORT_FILE
    usual = own if len(found) == 1 else Path(REPORT_FILE)
    target = out or (usual.with_name(_REDACTED_FILE) if redact or not pictures else usual)
    with own_process():  # started before the imports
        from reports.page.render import render

        page = render(found, target, redact=redact, pictures=pictures)
    if target == own:
        with suppress(LungbenchError, OSError), hold(found[0], "lungbench report", patience_s=0):
            seal(found[0], [REPORT_FILE])
    return page


def unfinished(name: str, results: Path) -> Path | None:
    """Return the newest execution of this name if nobody is at work on what is left of it."""
    try:
        execution = Execution.open(newest_execution(results / name))
    except LungbenchError:
        return None
    at_rest = not held_elsewhere(execution.folder)
    return execution.folder if at_rest and execution.left() else None


def _repair(results: Path, *, prefect: bool) -> None:
    repaired = repair_all(results)
    if repaired and not prefect and os.environ.get("PREFECT_API_URL"):
        configure_prefect()
        from flows.zombies import end_zombies

        end_zombies(results)


def _console() -> Console:
    return Console(stderr=True)


def _carry_out(execution: Execution, *, prefect: bool) -> None:
    if execution.experiment.hosts and not prefect:
        raise Refused(
            "Other hosts are reached through Prefect.",
            received="[hosts] with --no-prefect",
            hint="set PREFECT_API_URL to the server that the hosts' workers know.",
        )
    with watched(execution, _console()):
        (run_with_prefect if prefect else run_plainly)(execution)


@contextmanager
def _interruptible(execution: Execution) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(
            "The benchmark was interrupted.",
            hint=f"`{resume_command(execution.folder)}` goes on with it.",
        ) from None
    except OSError as error:
        raise LungbenchError(
            "An execution's files must stay readable and writable.",
            received=f"{error.filename or execution.folder} ({error.strerror or error})",
            hint=f"mend that; then `{resume_command(execution.folder)}` goes on.",
        ) from None
