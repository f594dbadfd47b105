"""Watch a training from outside: a thread of its parent reads what it takes, once a second.

Nothing of the sampler runs in the process that is measured. Where it fails, the training goes
on: the failure is kept, and the coverage of the readings tells. The file that it writes is
described in `lungbench.resources.samples`.
"""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import psutil

from lungbench.record import Resources
from lungbench.resources.nvml import Library, Nvml, open_nvml
from lungbench.resources.process_tree import ProcessTree
from lungbench.resources.rapl import Meter
from lungbench.resources.samples import Sample, SampleFile, read_samples, summarise, tick

__all__ = ["Sampler", "read_samples"]

_JOIN_S = 5.0  # a lost GPU can block NVML for ever; the run's record doesn't wait for it
_SHORTEST_S = 0.05  # five ticks of the kernel's clock; rates over less are noise


class Sampler:
    """Reads the resources of one process tree and of the selected GPUs at a fixed rhythm.

    Readings are due at `started` + k x `interval_s`; one that can't begin before the next is due
    counts as missed. One more is taken at the start and at the end.

    Args:
        pid: The process whose tree is watched.
        out: The `samples.csv.gz` to write.
        started: `time.monotonic()` when that process was started.
        interval_s: Seconds between two readings.
        gpus: NVML indices of the GPUs to read.
        library: The NVML module; None imports pynvml.
        root: Where /sys is, with the node's energy.

    Attributes:
        failure: Why sampling ended early; None where it did not.
        missing: Why values are missing, by `gpu 0 power_w`, `nvml` or `energy of the node`.
    """

    def __init__(
        self,
        pid: int,
        *,
        out: Path,
        started: float,
        interval_s: float = 1.0,
        gpus: Sequence[int] = (),
        library: Library = None,
        root: Path = Path("/"),
    ) -> None:
        self.failure: str | None = None
        self.missing: dict[str, str] = {}
        self._out, self._started, self._interval_s = out, started, interval_s
        self._gpus, self._library = tuple(gpus), library
        self._meter = Meter(root)
        self._tree = ProcessTree(pid)
        self._tree_rate = _Rate(0.0, 0.0)
        self._host_rate = _Rate()
        self._steal_rate = _Rate()
        self._cpu_s = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> Resources:
        """Take the last reading and return what all of them sum up to; raises nothing."""
        self._ended.set()
        elapsed_s = self._elapsed_s()
        if self._thread.ident is not None:
            self._thread.join(_JOIN_S)
        if self._thread.is_alive():
            self._fail(TimeoutError(f"the last reading took more than {_JOIN_S:g} s"))
        summary = summarise(
            self._samples(),
            interval_s=self._interval_s,
            elapsed_s=elapsed_s,
            sampler_cpu_s=self._cpu_s,
        )
        return summary.model_copy(update={"node_energy_missing": self._meter.reason})

    def _samples(self) -> dict[str, list[float | None]]:
        try:
            return read_samples(self._out)
        except OSError as error:
            self._fail(error)
            return {}

    def _fail(self, error: Exception) -> None:
        if self.failure is None:
            self.failure = f"{type(error).__name__}: {error}"

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._started

    def _run(self) -> None:
        try:
            file = SampleFile(self._out, self._gpus, self._meter.domains)
            with file, self._nvml() as nvml:
                for _ in self._moments():
                    file.write(self._sample(nvml))
                    self._cpu_s = time.thread_time()
        except Exception as error:  # whatever it is, the training must not fail of being watched
            self._fail(error)

    def _moments(self) -> Iterator[None]:
        """Yield at the start, whenever a reading is due, and once more at the end."""
        yield
        while not self._ended.wait(self._until_due_s()):
            yield
        yield

    def _until_due_s(self) -> float:
        elapsed_s = self._elapsed_s()
        due = tick(elapsed_s, self._interval_s) + 1
        return max(0.0, due * self._interval_s - elapsed_s)

    def _nvml(self) -> AbstractContextManager[Nvml]:
        return open_nvml(self._library) if self._gpus else nullcontext(Nvml())

    def _sample(self, nvml: Nvml) -> Sample:
        t_s = self._elapsed_s()
        tree = self._tree.read()
        own = self._tree_rate.percent(t_s, tree.cpu_s if tree else None)
        host = self._host_rate.percent(t_s, host_busy_s())
        steal = self._steal_rate.percent(t_s, host_stolen_s())
        memory = psutil.virtual_memory()
        gpus = tuple(nvml.read(index) for index in self._gpus)
        strangers = nvml.strangers(self._gpus, own=self._tree.pids)
        processors = os.cpu_count() or 1
        self._note(nvml)
        return Sample(
            t_s=t_s,
            cpu_percent=own,
            rss_bytes=tree.rss_bytes if tree else None,
            processes=tree.processes if tree else 0,
            host_cpu_percent=None if host is None else host / processors,
            host_memory_used_bytes=memory.total - memory.available,
            other_load_percent=None if host is None or own is None else max(0.0, host - own),
            steal_percent=None if steal is None else steal / processors,
            gpu_strangers=strangers,
            gpus=gpus,
            node_energy_j=self._meter.read(t_s),
        )

    def _note(self, nvml: Nvml) -> None:
        self.missing = dict(nvml.missing)
        if nvml.unavailable:
            self.missing["nvml"] = nvml.unavailable
        if self._meter.reason:
            self.missing["energy of the node"] = self._meter.reason


class _Rate:
    """A growing number of CPU seconds, read as percent of one core between two readings.

    Args:
        t_s: When the number was first known; None is not yet.
        total_s: The number then.
    """

    def __init__(self, t_s: float | None = None, total_s: float = 0.0) -> None:
        self._t_s, self._total_s = t_s, total_s

    def percent(self, t_s: float, total_s: float | None) -> float | None:
        """Return the rate since the reading before; None where one of the two is missing."""
        if total_s is None or (self._t_s is not None and t_s - self._t_s < _SHORTEST_S):
            return None
        before_s, self._t_s = self._t_s, t_s
        gained_s, self._total_s = total_s - self._total_s, total_s
        return None if before_s is None else max(0.0, 100 * gained_s / (t_s - before_s))


def host_busy_s() -> float:
    """Return the CPU time that this machine spent on any work, all processors together."""
    times = psutil.cpu_times()
    parts = ("user", "nice", "system", "irq", "softirq")  # user holds guest; others idle or stolen
    return float(sum(getattr(times, part, 0.0) for part in parts))


def host_stolen_s() -> float | None:
    """Return the CPU time that the hypervisor gave to other machines; None but on Linux."""
    stolen: float | None = getattr(psutil.cpu_times(), "steal", None)
    return stolen
