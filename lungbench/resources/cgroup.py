"""What Linux control groups, and so containers and job schedulers, let this process use.

Both versions are read, and every group from this process's own up to the top: the lowest limit
counts, whoever set it. Source: the kernel's admin guide, cgroup-v1 and cgroup-v2.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_ROOT = Path("/")


def cpu_quota(root: Path = _ROOT) -> float | None:
    """Return how many processors' worth of time the groups grant; None is no limit."""
    v2 = (_quota(group, "cpu.max") for group in _groups(root, ""))
    v1 = (_quota(group, "cpu.cfs_quota_us", "cpu.cfs_period_us") for group in _groups(root, "cpu"))
    return min((quota for quota in (*v2, *v1) if quota is not None), default=None)


def memory_limit_bytes(root: Path = _ROOT) -> int | None:
    """Return the memory that the groups grant, in bytes; None is no limit.

    Version 1 writes a number near 2**63 where there is no limit; the caller takes the lower of
    this and the machine's memory.
    """
    v2 = (_numbers(group, "memory.max") for group in _groups(root, ""))
    v1 = (_numbers(group, "memory.limit_in_bytes") for group in _groups(root, "memory"))
    return min((numbers[0] for numbers in (*v2, *v1) if numbers), default=None)


@dataclass(frozen=True, slots=True)
class Throttling:
    """How often and how long groups were held back for having used up their CPU quota.

    Attributes:
        periods: Scheduling periods in which that happened, since the groups were made.
        stood_still_s: For how long, summed over processors.
    """

    periods: int
    stood_still_s: float


def cpu_throttling(root: Path = _ROOT) -> Throttling | None:
    """Return what this process's groups were held back so far; None where none of them counts it.

    A group counts only what its own quota did, so the groups on the way up add up.
    """
    v2 = (_throttling(group, "throttled_usec", 1e-6) for group in _groups(root, ""))
    v1 = (_throttling(group, "throttled_time", 1e-9) for group in _groups(root, "cpu"))
    found = [each for each in (*v2, *v1) if each is not None]
    if not found:
        return None
    return Throttling(
        sum(each.periods for each in found), sum(each.stood_still_s for each in found)
    )


def kernel_kills(root: Path = _ROOT) -> int:
    """Return how many processes the kernel has killed for want of memory since it started.

    It counts those of every control group; 0 where the kernel doesn't tell.
    """
    for line in _lines(root / "proc/vmstat"):
        name, _, count = line.partition(" ")
        if name == "oom_kill":
            return int(count)
    return 0


@dataclass(frozen=True, slots=True)
class _Mount:
    """One mounted hierarchy: which part of it is seen, and where."""

    shown: PurePosixPath
    at: PurePosixPath


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders from this process's group up to the top; `""` is version 2."""
    own, mount = _own_group(root, controller), _mount(root, controller)
    if own is None or mount is None:
        return
    top = root / mount.at.relative_to("/")
    # In a container the group's path may lie outside of what is mounted; then only the top shows.
    inside = own.is_relative_to(mount.shown) and ".." not in own.parts
    below = own.relative_to(mount.shown) if inside else PurePosixPath()
    for group in (below, *below.parents):
        yield top / group


def _own_group(root: Path, controller: str) -> PurePosixPath | None:
    """Find this process's line in /proc/self/cgroup: `4:memory:/path`, or `0::/path`."""
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return PurePosixPath(path)
    return None


def _mount(root: Path, controller: str) -> _Mount | None:
    """Find where a hierarchy is mounted, in /proc/self/mountinfo (see proc(5))."""
    for line in _lines(root / "proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        wanted = kind == "cgroup2" if not controller else controller in options.split(",")
        if kind.startswith("cgroup") and wanted:
            fields = before.split(" ")
            return _Mount(PurePosixPath(fields[3]), PurePosixPath(fields[4]))
    return None


def _throttling(group: Path, clock: str, unit_s: float) -> Throttling | None:
    """Read `cpu.stat`; without the controller it has no such lines, or isn't there."""
    pairs = (line.partition(" ") for line in _lines(group / "cpu.stat"))
    counts = {name: int(number) for name, _, number in pairs if number.isdecimal()}
    if "nr_throttled" not in counts or clock not in counts:
        return None
    return Throttling(counts["nr_throttled"], counts[clock] * unit_s)


def _quota(group: Path, *names: str) -> float | None:
    """Divide quota by period, both in microseconds, from one file or two."""
    numbers = [number for name in names for number in _numbers(group, name)]
    if len(numbers) != 2 or min(numbers) <= 0:  # noqa: PLR2004 - quota and period
        return None
    return numbers[0] / numbers[1]


def _numbers(group: Path, name: str) -> list[int]:
    """Read the whole numbers of a control file; `max` and a missing file give none."""
    words = [word for line in _lines(group / name) for word in line.split()]
    return [int(word) for word in words] if all(map(_is_whole, words)) else []


def _is_whole(word: str) -> bool:
    return word.removeprefix("-").isdecimal()


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
