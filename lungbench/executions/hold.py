"""One process at a time in an execution's folder.

The lock is the kernel's and ends with the process that holds it. Its signature stays where runs
were left without a record, so that one look tells a later command that a process died here.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lungbench.errors import Refused
from lungbench.files import sync_folder
from lungbench.flock import Holder, erase, sign, signed_by, try_lock
from lungbench.job import JOB_FILE
from lungbench.record import RECORD_FILE

LOCK_FILE = ".lock"

_POLL_S = 0.1

_held: set[tuple[int, int]] = set()
"""The lock files that this process holds, by device and inode."""


@contextmanager
def hold(folder: Path, what: str, *, patience_s: float = 1.0) -> Iterator[Holder | None]:
    """Own an execution's folder; within the process that owns it already, do nothing.

    Args:
        folder: The execution's.
        what: What others are told, e.g. `lungbench run`.
        patience_s: How long another holder is waited for; those that only repair or look are
            quick.

    Yields:
        Who held it last and died, None where it was left in order.

    Raises:
        Refused: Another process holds it, or it can't be written.
    """
    handle = _open(folder)
    try:
        lock = _identity(handle)
        if lock in _held:
            yield None
            return
        dead = _taken(handle, folder, what, patience_s)
        _held.add(lock)
        try:
            yield dead
        finally:
            _held.discard(lock)
            with suppress(OSError):
                _leave(handle, folder, dead)
    finally:
        os.close(handle)


def held_elsewhere(folder: Path) -> bool:
    """Return whether another process holds an execution's folder."""
    try:
        handle = os.open(folder / LOCK_FILE, os.O_RDWR)
    except OSError:
        return False
    try:
        return _identity(handle) not in _held and not try_lock(handle)
    except OSError:
        return False
    finally:
        os.close(handle)


def signed_here(folder: Path) -> bool:
    """Return whether a process of this host, which may live, signed for an execution's folder.

    One look at a file's size for most of them: it is asked of every execution there is.
    """
    path = folder / LOCK_FILE
    try:
        if path.stat().st_size == 0:
            return False
    except OSError:
        return False
    holder = signed_by(path)
    return holder is not None and holder.is_of_this_host


def begun_without_record(folder: Path) -> list[Path]:
    """Return the run folders of an execution that were begun and hold no record, sorted."""
    begun = (path.parent for path in (folder / "runs").glob(f"*/{JOB_FILE}"))
    return sorted(run_dir for run_dir in begun if not (run_dir / RECORD_FILE).exists())


def _open(folder: Path) -> int:
    try:
        return os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise not_writable(folder, error) from None


def _taken(handle: int, folder: Path, what: str, patience_s: float) -> Holder | None:
    """Lock and sign; return the signature that was there."""
    deadline = time.monotonic() + patience_s
    try:
        while not try_lock(handle):
            if time.monotonic() > deadline:
                raise _busy(folder, signed_by(handle))
            time.sleep(_POLL_S)
        dead = signed_by(handle)
        sign(handle, Holder.here(what))
        os.fsync(handle)
        sync_folder(folder)
    except OSError as error:
        raise not_writable(folder, error) from None
    return dead


def _leave(handle: int, folder: Path, dead: Holder | None) -> None:
    """Take the signature away, unless runs still wait for whoever repairs them."""
    if not begun_without_record(folder):
        erase(handle)
    elif dead:
        sign(handle, dead)


def _identity(handle: int) -> tuple[int, int]:
    status = os.fstat(handle)
    return status.st_dev, status.st_ino


def _busy(folder: Path, holder: Holder | None) -> Refused:
    return Refused(
        "Only one process at a time may work on an execution.",
        received=f"{folder}, held by {holder or 'another process'}",
        hint="wait until it has ended.",
    )


def not_writable(folder: Path, error: OSError) -> Refused:
    """Say that an execution's folder can't be written, and why."""
    return Refused(
        "The folder of an execution must be writable.",
        received=f"{folder} ({error.strerror})",
        hint="fix its permissions, or free space.",
    )
