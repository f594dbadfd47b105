"""What disturbs a measurement: others at work before it, limits and this tool itself during it.

What others do during a run is in its samples; here is what they can't hold. Both results carry
the names of the fields of `lungbench.record.Resources` that they fill.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from lungbench.resources.cgroup import Throttling, cpu_throttling
from lungbench.resources.nvml import Library, open_nvml
from lungbench.resources.sampler import host_busy_s

_GLANCE_S = 0.2  # every run pays for it; a suite may cost 0.3 s a run beyond its trainings
_LOOK_S = 1.0
_SEEMS_BUSY_PERCENT = 10.0  # two of the 10 ms ticks that a glance can tell


@dataclass(frozen=True, slots=True)
class Before:
    """What went on just before a run; None is what could not be read."""

    other_load_before_percent: float | None = None
    gpu_strangers_before: int | None = None
    gpu_memory_before_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class During:
    """What held a run back from here; None is what could not be read."""

    tool_percent: float | None = None
    server_percent: float | None = None
    cgroup_throttled_periods: int | None = None
    cgroup_throttled_s: float | None = None


def look_around(
    gpus: Sequence[int] = (),
    *,
    pause: Callable[[float], object] = time.sleep,
    library: Library = None,
) -> Before:
    """Measure what others do on this host, and on `gpus`, while this process waits.

    A glance of 0.2 s is enough where the host is quiet. Where it seems busy the second after it
    is what counts, since a glance can't tell a burst from a load.

    Args:
        gpus: NVML indices.
        pause: Waits for so many seconds.
        library: The NVML module; None imports pynvml.
    """
    load = _other_load_percent(_GLANCE_S, pause)
    if load is not None and load > _SEEMS_BUSY_PERCENT:
        load = _other_load_percent(_LOOK_S, pause)
    if not gpus:
        return Before(load)
    with open_nvml(library) as nvml:
        return Before(load, nvml.strangers(gpus), nvml.memory_used_bytes(gpus))


class Bystander:
    """Counts what this process and its children take beside a training.

    It is made before the training child and stopped once that is gone, so that the child is none
    of the children that it sees.

    Args:
        trainings: Tells which children of this process train: other load, and not its own.
        root: Where /proc and /sys are.
    """

    def __init__(
        self, *, trainings: Callable[[], Collection[int]] = tuple, root: Path = Path("/")
    ) -> None:
        self._root, self._trainings = root, trainings
        self._started = time.monotonic()
        self._own_s = time.process_time()
        self._children_s = dict(_children_s(trainings()))
        self._throttled = cpu_throttling(root)

    def stop(self) -> During:
        """Return what was taken since this was made."""
        elapsed_s = time.monotonic() - self._started
        if elapsed_s <= 0:
            return During()
        children = dict(_children_s(self._trainings()))
        gained_s = sum(cpu_s - self._children_s.get(each, 0.0) for each, cpu_s in children.items())
        throttled = _gained(self._throttled, cpu_throttling(self._root))
        return During(
            tool_percent=100 * (time.process_time() - self._own_s) / elapsed_s,
            server_percent=100 * gained_s / elapsed_s if children else None,
            cgroup_throttled_periods=throttled.periods if throttled else None,
            cgroup_throttled_s=throttled.stood_still_s if throttled else None,
        )


def _children_s(without: Collection[int]) -> Iterator[tuple[psutil.Process, float]]:
    """Yield the CPU time of each living process below this one, with what it waited for.

    Args:
        without: Children that are left out, with all below them.
    """
    for child in psutil.Process().children():
        if child.pid not in without:
            for process in (child, *_below(child)):
                with suppress(psutil.Error):
                    yield process, sum(process.cpu_times()[:4])


def _below(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.Error):
        return process.children(recursive=True)
    return []


def _other_load_percent(seconds: float, pause: Callable[[float], object]) -> float | None:
    """Return the CPU time of everything but this process over some time; 100 is one core."""
    started, own_s, busy_s = time.monotonic(), time.process_time(), host_busy_s()
    pause(seconds)
    elapsed_s = time.monotonic() - started
    if elapsed_s < seconds / 2:  # somebody wants everything to end
        return None
    others_s = host_busy_s() - busy_s - (time.process_time() - own_s)
    return max(0.0, 100 * others_s / elapsed_s)


def _gained(before: Throttling | None, after: Throttling | None) -> Throttling | None:
    if before is None or after is None:
        return None
    return Throttling(after.periods - before.periods, after.stood_still_s - before.stood_still_s)
