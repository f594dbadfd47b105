"""Stop a worker so that every flow run of its own ends in a true state.

A worker that is stopped kills its flow runs at once, and the server shows them as Running for ever.
So the flow runs are asked to end first; the worker follows when they are gone.

`python -m flows.draining PID` is what a service manager runs to stop the worker.
"""

import sys
from collections.abc import Sequence
from contextlib import suppress

import psutil

PATIENCE_S = 60.0
"""A training finishes its batch and writes a checkpoint, then the report is made."""

_WORKER_S = 10.0


def drain(worker: int, patience_s: float = PATIENCE_S) -> None:
    """End the flow runs of a worker, then the worker; return when all are gone.

    Args:
        worker: Its process.
        patience_s: How long the flow runs may take before they are killed.
    """
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(worker)
        runs = process.children()
        _end(runs, patience_s)
        _end([process], _WORKER_S)


def _end(processes: Sequence[psutil.Process], patience_s: float) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, stubborn = psutil.wait_procs(processes, timeout=patience_s)
    for process in stubborn:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=_WORKER_S)


if __name__ == "__main__":
    drain(int(sys.argv[1]))
