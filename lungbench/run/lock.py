"""One training at a time on a host, across commands and users.

The lock is the kernel's `flock` on a file in a folder that every user of the host shares. The
training child inherits it, so that it is free the moment the child is gone, whatever ended it,
and not before: a child that outlives its parent still owns the host.
"""

import logging
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lungbench.errors import Refused
from lungbench.flock import Holder, sign, signed_by, try_lock

FOLDER_VARIABLE = "LUNGBENCH_LOCKS"
_POLL_S = 0.5

log = logging.getLogger(__name__)


class Stopped(Exception):
    """Somebody asked to stop while this process waited."""


def lock_folder() -> Path:
    """Return the folder of this host's locks, shared by its users."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    return Path(chosen) if chosen else Path(tempfile.gettempdir()) / "lungbench-locks"


@contextmanager
def host_lock(holder: str, stop: threading.Event) -> Iterator[int]:
    """Own the host; the file descriptor given out is to be inherited by the training child.

    Leaving the context closes this process's copy only: the host stays owned as long as a child
    holds its own.

    Args:
        holder: What others read while they wait, e.g. `vgg16 on cpu #1`.
        stop: Ends the wait when set.

    Raises:
        Stopped: `stop` was set before the host was free.
        Refused: The lock's folder can't be used.
    """
    handle = _open(lock_folder() / "host.lock")
    try:
        _wait(handle, holder, stop)
        with suppress(OSError):  # on a full disk; the lock holds without a name
            sign(handle, Holder.here(holder))
        yield handle
    finally:
        os.close(handle)


def _open(path: Path) -> int:
    try:
        if not path.parent.exists():
            path.parent.mkdir(parents=True)
            with suppress(OSError):  # another user's folder already has the right mode
                path.parent.chmod(0o1777)
        try:
            return os.open(path, os.O_RDWR)
        except FileNotFoundError:
            # Linux refuses O_CREAT on another user's file in a sticky folder, so it comes second.
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            with suppress(OSError):
                os.fchmod(handle, 0o666)
            return handle
    except OSError as error:
        raise Refused(
            "The host's lock must be readable and writable.",
            received=f"{path} ({error.strerror})",
            hint=f"name a folder that all users share in {FOLDER_VARIABLE}.",
        ) from None


def _wait(handle: int, holder: str, stop: threading.Event) -> None:
    said = False
    while not try_lock(handle):
        if not said:
            other = signed_by(handle) or "another process"
            log.info("%s: waiting for this host, held by %s", holder, other)
            said = True
        if stop.wait(_POLL_S):
            raise Stopped
    if stop.is_set():
        raise Stopped
