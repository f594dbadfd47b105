"""CPU time and memory of a process and everything it started, read from outside.

CPU time is counted from the kernel's cumulative clocks, never from `cpu_percent`. A process's
clock covers its own time and, once it waits for a child that ended, all of that child's. So a
descendant that lived and died between two readings is counted, and one that was seen before it
died is counted once. A zombie holds no memory, but keeps its clock until it is waited for. Lost
is only what nobody in the tree waited for: the last moments of a process whose parent ignores
its end, and whole lives of such processes between two readings.

A process that loses its parent is followed further; one that was never seen below the root, such
as a daemon that detached between two readings, is not.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

import psutil


@dataclass(frozen=True, slots=True)
class TreeReading:
    """What a process tree took.

    Attributes:
        cpu_s: CPU time, user and system, since the root started.
        rss_bytes: Sum of resident memory; what processes share counts in each. None where no
            process would tell.
        processes: Living processes, without zombies.
    """

    cpu_s: float
    rss_bytes: int | None
    processes: int


@dataclass(frozen=True, slots=True)
class _Clock:
    """One process: its own CPU time, that of children it waited for, and its memory."""

    own_s: float = 0.0
    waited_s: float = 0.0
    rss_bytes: int | None = None
    zombie: bool = False

    @property
    def total_s(self) -> float:
        return self.own_s + self.waited_s


class ProcessTree:
    """The tree below one process, remembered from reading to reading.

    Args:
        pid: The root; a process that is already gone gives readings of None.
    """

    def __init__(self, pid: int) -> None:
        self._clocks: dict[psutil.Process, _Clock] = {}
        self._cpu_s = 0.0
        self._owed_s = 0.0
        with suppress(psutil.Error):
            # psutil compares processes by (pid, time of creation): a reused pid is another one
            self._clocks[psutil.Process(pid)] = _Clock()

    def read(self) -> TreeReading | None:
        """Read the whole tree; None once nothing of it is left."""
        now = {}
        for process in _members(self._clocks):
            clock = _read(process, self._clocks.get(process))
            if clock is not None:
                now[process] = clock
        self._cpu_s += self._used_s(now)
        self._clocks = now
        return self._reading() if now else None

    @property
    def pids(self) -> frozenset[int]:
        """The processes of the last reading."""
        return frozenset(process.pid for process in self._clocks)

    def _used_s(self, now: dict[psutil.Process, _Clock]) -> float:
        """Return the CPU time used since the last reading, and remember `now`'s debts.

        What a parent waited for holds the whole life of a child, so what had been seen of that
        child is taken off. A child may vanish just before the clock of the parent that waits for
        it is seen to jump: then what is to be taken off is owed for one reading more.
        """
        before = self._clocks
        nothing = _Clock()
        own = sum(c.own_s - before.get(p, nothing).own_s for p, c in now.items())
        waited = sum(c.waited_s - before.get(p, nothing).waited_s for p, c in now.items())
        gone = sum(clock.total_s for process, clock in before.items() if process not in now)
        unseen = waited - self._owed_s - gone
        self._owed_s = min(gone, max(0.0, -unseen))
        return own + max(0.0, unseen)

    def _reading(self) -> TreeReading:
        clocks = self._clocks.values()
        sizes = [clock.rss_bytes for clock in clocks if clock.rss_bytes is not None]
        return TreeReading(
            cpu_s=self._cpu_s,
            rss_bytes=sum(sizes) if sizes else None,
            processes=sum(not clock.zombie for clock in clocks),
        )


def _members(known: Iterable[psutil.Process]) -> Iterable[psutil.Process]:
    """Return the processes of the tree, parents before their children."""
    found: dict[psutil.Process, None] = {}
    for top in known:
        if top not in found and top.is_running():
            found[top] = None
            found.update(dict.fromkeys(_descendants(top)))
    return found


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _read(process: psutil.Process, before: _Clock | None) -> _Clock | None:
    """Read one process; None where it is gone, its last clock where reading is forbidden."""
    try:
        with process.oneshot():
            times = process.cpu_times()
            zombie = process.status() == psutil.STATUS_ZOMBIE
            return _Clock(
                own_s=times.user + times.system,
                waited_s=times.children_user + times.children_system,
                rss_bytes=0 if zombie else process.memory_info().rss,
                zombie=zombie,
            )
    except psutil.AccessDenied:
        return replace(before or _Clock(), rss_bytes=None)
    except psutil.Error:
        return None
