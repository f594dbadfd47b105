"""What processes hold while something is counted: watched, and what each count adds."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Held:
    """One look at a process.

    Attributes:
        count: How many of what is counted were done.
        rss_bytes: Its resident memory.
    """

    count: int
    rss_bytes: int


@dataclass(slots=True)
class Growth:
    """What one process held, from look to look.

    Attributes:
        name: What it is.
        unit: What is counted.
    """

    name: str
    unit: str
    held: list[Held] = field(default_factory=list)

    def at(self, share: float) -> Held:
        """Return the first look at which this share of the whole count was done."""
        first, last = self.held[0].count, self.held[-1].count
        return next(each for each in self.held if each.count >= first + share * (last - first))

    @property
    def bytes_each(self) -> float | None:
        """What a count adds, from half of them to the last; None where nothing was counted."""
        half, last = self.at(0.5), self.at(1.0)
        if last.count == half.count:
            return None
        return (last.rss_bytes - half.rss_bytes) / (last.count - half.count)


@contextmanager
def watched(name: str, unit: str, pid: int, count: Callable[[], int]) -> Iterator[Growth]:
    """Look at a process once a second while the body runs, and once after it if it lives."""
    growth, ended, process = Growth(name, unit), threading.Event(), psutil.Process(pid)

    def look() -> bool:
        try:
            growth.held.append(Held(count(), process.memory_info().rss))
        except psutil.Error:
            return False
        return True

    def look_on() -> None:
        while look() and not ended.wait(_EVERY_S):
            pass

    thread = threading.Thread(target=look_on, daemon=True)
    thread.start()
    try:
        yield growth
    finally:
        ended.set()
        thread.join()
        look()


def row(growth: Growth, shares: Sequence[float]) -> tuple[str, ...]:
    """Write the memory at these shares of the count, and what a count adds."""
    each = growth.bytes_each
    return (
        growth.name,
        f"{growth.held[-1].count - growth.held[0].count} {growth.unit}",
        *(f"{growth.at(share).rss_bytes / 2**20:.0f} MiB" for share in shares),
        "-" if each is None else f"{each / 1024:.1f} KiB",
    )
