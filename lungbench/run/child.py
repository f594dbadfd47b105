"""A training child seen from its parent: started, waited for without spinning, ended."""

import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from lungbench.job import CPUS_VARIABLE, LIFELINE_VARIABLE, LOG_FILE, STARTED_VARIABLE

COMMAND = (sys.executable, "-m", "lungbench.train")

# A child that gets a library's thread count from the user's shell would not run on the device
# that its record names; Prefect's would make it a part of the flow, and hold passwords.
_NOT_INHERITED = (
    "OMP_",
    "MKL_",
    "OPENBLAS_",
    "TF_NUM_",
    "CUDA_VISIBLE",
    "KERAS_BACKEND",
    "PREFECT_",
)


_living: set[int] = set()


def trainings_here() -> frozenset[int]:
    """Return the processes that train for this one."""
    return frozenset(_living)


class Child:
    """One process that trains, its output in `log.txt`.

    It inherits the locks of its host or devices, and the read end of a pipe whose other end only
    this process holds: when this process ends, however it ends, the child reads end-of-file and
    exits.

    Args:
        run_dir: The run folder, its only argument.
        environ: Variables that confine it to its device.
        cpus: Logical processors that it pins itself to; empty means all.
        locks: File descriptors of the locks that own the host, or its devices.
        command: What is started, before the run folder.
    """

    def __init__(
        self,
        run_dir: Path,
        environ: Mapping[str, str],
        *,
        cpus: Sequence[int] = (),
        locks: Sequence[int] = (),
        command: Sequence[str] = COMMAND,
    ) -> None:
        read_end, self._lifeline = os.pipe()
        self.started = time.monotonic()
        try:
            with (run_dir / LOG_FILE).open("ab") as log:
                self._process = subprocess.Popen(
                    [*command, str(run_dir)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=self._environment(environ, cpus, read_end),
                    pass_fds=(read_end, *locks),
                )
        except BaseException:
            os.close(self._lifeline)
            raise
        else:
            _living.add(self.pid)
        finally:
            os.close(read_end)

    def _environment(
        self, environ: Mapping[str, str], cpus: Sequence[int], lifeline: int
    ) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(_NOT_INHERITED)}
        pinned = {CPUS_VARIABLE: ",".join(map(str, cpus))} if cpus else {}
        return {
            "TF_CPP_MIN_LOG_LEVEL": "2",
            **kept,
            **environ,
            **pinned,
            LIFELINE_VARIABLE: str(lifeline),
            STARTED_VARIABLE: repr(self.started),
            "PYTHONUNBUFFERED": "1",
        }

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def wait(self, seconds: float) -> int | None:
        """Sleep until the child ends or the time is over; return its exit code or None."""
        if self._process.poll() is None:
            _sleep_until_end(self._process, seconds)
        return self._process.poll()

    def end(self, grace_s: float = 3.0) -> int:
        """Ask the child to stop, then kill it and its own children; return its exit code."""
        family = _descendants(self.pid)
        self._process.terminate()
        if self.wait(grace_s) is None:
            self._process.kill()
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        return self._process.wait()

    def close(self) -> None:
        """Let go of the lifeline; a child that still runs then exits."""
        os.close(self._lifeline)
        _living.discard(self.pid)


def _sleep_until_end(process: "subprocess.Popen[bytes]", seconds: float) -> None:
    """Block in the kernel; Popen.wait with a timeout would wake twenty times a second."""
    if not hasattr(os, "pidfd_open"):
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        return
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        poller = select.poll()
        poller.register(handle, select.POLLIN)
        poller.poll(seconds * 1000)
    finally:
        os.close(handle)


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
