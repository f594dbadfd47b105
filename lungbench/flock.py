"""The kernel's `flock` on files that say who holds them.

The kernel lets go of a lock when the last process that has its file descriptor is gone, whatever
ended it. So a lock whose file is signed, and which is free, was held by a process that died.
"""

import fcntl
import os
import socket
import time
from pathlib import Path

from pydantic import ValidationError

from lungbench.frozen import Frozen

_LONGEST_BYTES = 4096


class Holder(Frozen):
    """Who signed a lock.

    Attributes:
        pid: The process.
        host: The machine that it runs on.
        what: What it does, e.g. `lungbench run`.
        since: Since when, by that machine's clock.
    """

    pid: int
    host: str
    what: str
    since: str

    @classmethod
    def here(cls, what: str) -> "Holder":
        """Describe this process."""
        host, since = socket.gethostname(), time.strftime("%FT%T%z")
        return cls(pid=os.getpid(), host=host, what=what, since=since)

    @property
    def is_of_this_host(self) -> bool:
        """Whether it ran on this machine."""
        return self.host == socket.gethostname()

    def __str__(self) -> str:
        return f"{self.what} (process {self.pid} on {self.host}, since {self.since})"


def try_lock(handle: int, *, shared: bool = False) -> bool:
    """Take the lock of an open file if it is free.

    Args:
        handle: The file.
        shared: Whether others may share it.

    Raises:
        OSError: Its file system knows no locks.
    """
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sign(handle: int, holder: Holder) -> None:
    """Write the holder into the file; whoever is killed here leaves it signed all the same.

    Raises:
        OSError: It can't be written.
    """
    text = holder.model_dump_json().encode()
    os.pwrite(handle, text, 0)
    os.ftruncate(handle, len(text))


def erase(handle: int) -> None:
    """Take the signature away.

    Raises:
        OSError: The file can't be written.
    """
    os.ftruncate(handle, 0)


def signed_by(file: int | Path) -> Holder | None:
    """Return who signed a lock; None where nobody did, or it can't be read."""
    try:
        text = os.pread(file, _LONGEST_BYTES, 0) if isinstance(file, int) else file.read_bytes()
        return Holder.model_validate_json(text)
    except (OSError, ValidationError):
        return None
