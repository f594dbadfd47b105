"""One training at a time on a host, or on each of its devices, across commands and users.

A training that owns its device alone shares the host's lock with others like it, so that nobody
owns the host meanwhile, and takes the lock of each device that it trains on.

The lock is the kernel's `flock` on a file in a folder that every user of the host shares. The
training child inherits it, so that it is free the moment the child is gone, whatever ended it,
and not before: a child that outlives its parent still owns the host.
"""

import logging
import os
import re
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from lungbench.errors import Refused
from lungbench.flock import Holder, sign, signed_by, try_lock

FOLDER_VARIABLE = "LUNGBENCH_LOCKS"
_HOST, _DEVICE = "host.lock", "device-{name}.lock"
_POLL_S = 0.5

log = logging.getLogger(__name__)


class Stopped(Exception):
    """Somebody asked to stop while this process waited."""


def lock_folder() -> Path:
    """Return the folder of this host's locks, shared by its users."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    return Path(chosen) if chosen else Path(tempfile.gettempdir()) / "lungbench-locks"


@contextmanager
def host_lock(
    holder: str, stop: threading.Event, devices: Sequence[str] = ()
) -> Iterator[tuple[int, ...]]:
    """Own the host; the file descriptors given out are to be inherited by the training child.

    Leaving the context closes this process's copies only: the host stays owned as long as a child
    holds its own.

    Args:
        holder: What others read while they wait, e.g. `vgg16 on cpu #1`.
        stop: Ends the wait when set.
        devices: Names of the devices to own, beside others that own theirs; none is the host.

    Raises:
        Stopped: `stop` was set before the host was free.
        Refused: The lock's folder can't be used.
    """
    handles: list[int] = []
    try:
        for name in (_HOST, *_device_files(devices)):
            handles.append(_open(lock_folder() / name))
            _wait(handles[-1], holder, stop, shared=bool(devices) and name == _HOST)
            with suppress(OSError):  # on a full disk; the lock holds without a name
                sign(handles[-1], Holder.here(holder))
        yield tuple(handles)
    finally:
        for handle in handles:
            os.close(handle)


class Neighbours:
    """Other trainings that own devices of this host, counted from now on.

    A lock is signed by each that takes it, so one that came and went is known by the change.

    Args:
        devices: The names that the caller owns; none is the host, where nobody else can train.
    """

    def __init__(self, devices: Sequence[str]) -> None:
        self._own = set(_device_files(devices))
        self._before = self._signed()
        self._held = self._held_now()

    def count(self) -> int:
        """Return on how many other devices somebody has trained meanwhile."""
        signed = self._signed()
        came = {name for name, when in signed.items() if when != self._before.get(name)}
        return len(self._held | came | self._held_now())

    def _signed(self) -> dict[str, int]:
        return {path.name: path.stat().st_mtime_ns for path in self._others()}

    def _held_now(self) -> set[str]:
        return {path.name for path in self._others() if _is_held(path)}

    def _others(self) -> list[Path]:
        found = lock_folder().glob(_DEVICE.format(name="*")) if self._own else ()
        return [path for path in found if path.name not in self._own]


def _device_files(devices: Sequence[str]) -> list[str]:
    """Name the locks of devices, in one order for all, so that no two wait for each other."""
    return sorted(_DEVICE.format(name=re.sub(r"[^A-Za-z0-9.-]", "_", each)) for each in devices)


def _is_held(path: Path) -> bool:
    handle = _open(path)
    try:
        return not try_lock(handle, shared=True)
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


def _wait(handle: int, holder: str, stop: threading.Event, *, shared: bool) -> None:
    said = False
    while not try_lock(handle, shared=shared):
        if not said:
            other = signed_by(handle) or "another process"
            log.info("%s: waiting for this host, held by %s", holder, other)
            said = True
        if stop.wait(_POLL_S):
            raise Stopped
    if stop.is_set():
        raise Stopped
