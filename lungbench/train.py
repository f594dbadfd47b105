"""The process that trains one network: `python -m lungbench.train RUN_DIR`.

It confines itself to its processors, dies with its parent, does the work of
`lungbench.training.fit`, and leaves `training.json` behind whether that went well or not.
Frameworks are imported only after the process is confined, because they size their thread pools on
import.
"""

import os
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path

import psutil

from lungbench.errors import TrainingFailed
from lungbench.files import write_atomically
from lungbench.job import (
    CPUS_VARIABLE,
    JOB_FILE,
    LIFELINE_VARIABLE,
    STARTED_VARIABLE,
    TRAINING_FILE,
    Job,
    Training,
)
from lungbench.reasons import reason_of
from lungbench.record import Reason


def main(run_dir: Path) -> int:
    """Train what `spec.json` in `run_dir` asks for; return the exit code."""
    die_with_the_parent()
    confine()
    started = float(os.environ.get(STARTED_VARIABLE, time.monotonic()))
    try:
        job = Job.model_validate_json((run_dir / JOB_FILE).read_bytes())
        from lungbench.training import fit

        training = fit.train(job, run_dir, lambda: time.monotonic() - started)
    except Exception as error:
        if not isinstance(error, TrainingFailed):
            traceback.print_exc()
        training = Training(failure=reason_of(error))
    return _leave(run_dir, training)


def die_with_the_parent() -> None:
    """Exit when the parent's end of the lifeline closes, however the parent ended.

    What this process has started itself goes with it.
    """
    # Ctrl-C reaches the whole process group; the parent decides what it means for this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lifeline = os.environ.pop(LIFELINE_VARIABLE, None)
    if lifeline is None:
        return

    def watch() -> None:
        os.read(int(lifeline), 1)
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                child.kill()
        os._exit(128 + signal.SIGTERM)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def confine() -> None:
    """Pin this process to its processors, before a framework counts them."""
    cpus = os.environ.get(CPUS_VARIABLE)
    if cpus and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(cpu) for cpu in cpus.split(",")})


def _leave(run_dir: Path, training: Training) -> int:
    """Write the last word; a result that can't be written is a failure too."""
    try:
        write_atomically(run_dir / TRAINING_FILE, training.model_dump_json(indent=2) + "\n")
    except OSError as error:
        failure: Reason | None = training.failure or reason_of(error)
    else:
        failure = training.failure
    if failure:
        print(f"{failure.kind}: {failure.message}", file=sys.stderr)  # noqa: T201 - the run's log
        return 1
    return 128 + signal.SIGTERM if training.stopped else 0


if __name__ == "__main__":
    code = main(Path(sys.argv[1]))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # everything is on disk; a framework that hangs on exit must not lose it
