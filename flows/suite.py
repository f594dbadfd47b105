"""Execute an experiment from the command line, with Prefect or without."""

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from lungbench.errors import LungbenchError
from lungbench.executions.execution import REPORT_FILE, Execution
from lungbench.experiment import RunSpec
from lungbench.host import describe_host
from lungbench.record import RunRecord, read_record, run_folders
from lungbench.run.turns import turns_of
from lungbench.secrets import without_password

# Prefect reads these once, when it is first imported. What the user has set stays.
_PREFECT = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    # The newer UI asks a service of its makers' in the internet, analytics or not.
    "PREFECT_SERVER_UI_V2_ENABLED": "false",
    # Its embedded server needs up to 20 s for a new home, which is also its default limit.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    # The terminal belongs to `flows.terminal`; Prefect's log lines go to its server, and those of
    # its workers, which can't reach that server, nowhere.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_HANDLERS_DEBUG_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "lungbench,flows",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    # Nothing here stores results; what somebody adds would be read again without running code.
    "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
}

log = logging.getLogger("lungbench.suite")


def run_with_prefect(execution: Execution) -> None:
    """Run the flow in this process, against `PREFECT_API_URL` or Prefect's embedded server.

    Raises:
        LungbenchError: The Prefect server can't be reached.
        KeyboardInterrupt: The user stopped it; the records say so.
    """
    configure_prefect()
    from httpx import HTTPError
    from prefect.exceptions import Abort, PrefectException

    from flows.benchmark import benchmark
    from flows.zombies import end_zombies

    _start_embedded_server()
    end_zombies(execution.folder.parent.parent)

    # A log line that the server doesn't take is no matter for the terminal, and no traceback.
    logging.raiseExceptions = False
    # Prefect ends the flow on TERM, then sends the signal again to the handler of before.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    page = execution.folder / REPORT_FILE
    before = _changed(page)
    try:
        state = benchmark(execution.experiment, folder=execution.folder, return_state=True)
    except RuntimeError as error:
        if "Failed to reach API" not in str(error):
            raise
        raise _no_answer(without_password(os.environ.get("PREFECT_API_URL", ""))) from None
    except (HTTPError, PrefectException, Abort) as error:
        why = (str(error) or type(error).__name__).splitlines()[0]
        if _changed(page) == before:
            raise _no_answer(why) from None
        log.warning("Prefect could not be told how this ended: %s", why)
        return
    if state.is_cancelled():
        raise KeyboardInterrupt
    # A flow that ended in the report has said everything in its records; another has not.
    if not page.exists():
        state.result()


def _start_embedded_server() -> None:
    """Start Prefect's embedded server where no other one is named.

    Importing it costs 3 s of CPU time, which a process that has a server can do without.
    """
    from prefect.settings import PREFECT_API_URL, PREFECT_SERVER_EPHEMERAL_ENABLED

    if not PREFECT_API_URL.value() and PREFECT_SERVER_EPHEMERAL_ENABLED.value():
        from flows.embedded import start_embedded_server

        start_embedded_server()


def _changed(path: Path) -> int | None:
    """Return when a file was written; None where there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _no_answer(received: str | None) -> LungbenchError:
    return LungbenchError(
        "The Prefect server must answer.",
        received=received,
        hint="start it, unset PREFECT_API_URL to use the embedded one, or pass --no-prefect.",
    )


def configure_prefect() -> None:
    """Set what Prefect reads when it is first imported."""
    for name, value in _PREFECT.items():
        os.environ.setdefault(name, value)


def run_plainly(execution: Execution) -> None:
    """Take the flow's steps in this process, without Prefect.

    Raises:
        OSError: The execution's folder is gone, or its report can't be written.
        KeyboardInterrupt: The user stopped it; the records say so.
    """
    from reports.publish import publish

    execution.prepare()
    with _stop_on_signals() as stop:
        _train_in_turn(execution, stop)
    publish(execution.folder)
    if stop.is_set():
        raise KeyboardInterrupt


def _train_in_turn(execution: Execution, stop: threading.Event) -> None:
    """Train what isn't complete, each run in a thread of its own when its turn has come.

    Nobody waits for these threads where this process is told twice to end: the training children
    see that it is gone.

    Raises:
        Exception: What the first run that could not even be recorded ended with; no other began.
    """
    runs, errors = execution.remaining(), list[Exception]()
    turns = turns_of(runs, execution.experiment.measure.exclusive, describe_host())

    def train(number: int) -> None:
        try:
            if not errors:
                _train(execution, runs[number], stop)
        except Exception as error:  # raised again below, in the thread that waits
            errors.append(error)
            stop.set()
        finally:
            turns.ended(number)

    for number in turns:
        threading.Thread(target=train, args=(number,), name="training", daemon=True).start()
    if errors:
        raise errors[0]


def _train(execution: Execution, spec: RunSpec, stop: threading.Event) -> None:
    """Train one run; one whose files can't be written has no record, and others may have theirs."""
    try:
        execution.train(spec.run_id, stop)
    except OSError as error:
        if not execution.folder.is_dir():
            raise
        where = error.filename or execution.run_dir(spec)
        log.warning("%s: not recorded: %s (%s)", spec.label, where, error.strerror or error)


@contextmanager
def _stop_on_signals() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C or TERM into an orderly stop; a second one ends this process."""
    stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signal's signature
        stop.set()
        for each, handler in before.items():
            signal.signal(each, handler)

    before = {each: signal.signal(each, ask) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def records(folder: Path) -> list[RunRecord]:
    """Return the records of an execution that can be read."""
    found = []
    for run_dir in run_folders(folder):
        try:
            found.append(read_record(run_dir))
        except LungbenchError:
            continue
    return found
