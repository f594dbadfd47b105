"""The one door to NVML, NVIDIA's monitoring library: what each GPU is and what it does now.

Nothing here raises because of a GPU, a driver or a missing library: what can't be read is None
and the reason is kept, once per GPU and field. GPUs are named by NVML index, which follows the
PCI bus; `lungbench.device` sets CUDA_DEVICE_ORDER=PCI_BUS_ID so that CUDA counts alike. On a GPU
that MIG has split, NVML refuses the utilisation of the whole: that field is then None.

The functions take the module `pynvml` (package nvidia-ml-py) as `library`, so that a stand-in
can take its place.
"""

import importlib
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lungbench.record import Gpu

Library = Any  # the module pynvml, or what stands in for it
Handle = Any
_Questions = tuple[tuple[str, Callable[[Library, Handle], Any]], ...]

# Bits of NVML's clock event reasons that slow a GPU down (nvml.h, nvmlClocksEventReason*).
# Left out: idle (1), clocks set by the user (2), sync boost (16) and display clocks (256).
_THROTTLES = (
    (0x004, "sw_power_cap"),
    (0x008, "hw_slowdown"),
    (0x020, "sw_thermal"),
    (0x040, "hw_thermal"),
    (0x080, "hw_power_brake"),
    (0x200, "board_limit"),
    (0x400, "reliability"),
)

_HOSTS_NUMBERS = 0xEFFFFFFC  # Linux's first namespace of process numbers, PROC_PID_INIT_INO


@dataclass(frozen=True, slots=True)
class GpuReading:
    """What one GPU does at one moment; None is what NVML would not tell.

    Attributes:
        utilisation_percent: Share of the last sample period in which a kernel ran.
        energy_j: Energy since the driver was loaded; two readings give what lay between.
        throttle_bits: Why the clocks are lowered, as NVML's bits; see `throttle_names`.
    """

    utilisation_percent: float | None = None
    memory_used_bytes: int | None = None
    power_w: float | None = None
    temperature_c: float | None = None
    sm_clock_mhz: float | None = None
    memory_clock_mhz: float | None = None
    energy_j: float | None = None
    throttle_bits: int | None = None


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """One process that computes on a GPU; its memory is None where NVML would not tell."""

    pid: int
    memory_bytes: int | None


def _throttle_bits(library: Library, handle: Handle) -> int:
    """Ask under the present name, and under the one that drivers before CUDA 12.2 know."""
    try:
        return int(library.nvmlDeviceGetCurrentClocksEventReasons(handle))
    except library.NVMLError_FunctionNotFound:
        return int(library.nvmlDeviceGetCurrentClocksThrottleReasons(handle))


def _processes(library: Library, handle: Handle) -> tuple[GpuProcess, ...]:
    found = library.nvmlDeviceGetComputeRunningProcesses(handle)
    return tuple(GpuProcess(int(one.pid), one.usedGpuMemory) for one in found)


# One line a field of GpuReading: its name and how pynvml is asked for it.
_READINGS: _Questions = (
    ("utilisation_percent", lambda lib, gpu: float(lib.nvmlDeviceGetUtilizationRates(gpu).gpu)),
    ("memory_used_bytes", lambda lib, gpu: int(lib.nvmlDeviceGetMemoryInfo(gpu).used)),
    ("power_w", lambda lib, gpu: lib.nvmlDeviceGetPowerUsage(gpu) / 1000),
    (
        "temperature_c",
        lambda lib, gpu: float(lib.nvmlDeviceGetTemperature(gpu, lib.NVML_TEMPERATURE_GPU)),
    ),
    ("sm_clock_mhz", lambda lib, gpu: float(lib.nvmlDeviceGetClockInfo(gpu, lib.NVML_CLOCK_SM))),
    (
        "memory_clock_mhz",
        lambda lib, gpu: float(lib.nvmlDeviceGetClockInfo(gpu, lib.NVML_CLOCK_MEM)),
    ),
    ("energy_j", lambda lib, gpu: lib.nvmlDeviceGetTotalEnergyConsumption(gpu) / 1000),
    ("throttle_bits", _throttle_bits),
)

# One line a field of Gpu.
_FACTS: _Questions = (
    ("name", lambda lib, gpu: str(lib.nvmlDeviceGetName(gpu))),
    ("uuid", lambda lib, gpu: str(lib.nvmlDeviceGetUUID(gpu))),
    ("memory_bytes", lambda lib, gpu: int(lib.nvmlDeviceGetMemoryInfo(gpu).total)),
    ("driver", lambda lib, _: str(lib.nvmlSystemGetDriverVersion())),
)


@dataclass(slots=True)
class Nvml:
    """NVML as `open_nvml` found it.

    Attributes:
        library: The module that is asked; None where NVML can't be used.
        unavailable: Why NVML can't be used; None where it can.
        missing: Why a field could not be read, by `gpu 0 power_w`; the first reason stays.
    """

    library: Library = None
    unavailable: str | None = None
    missing: dict[str, str] = field(default_factory=dict)
    _handles: dict[int, Handle] = field(default_factory=dict)

    def count(self) -> int:
        """Return how many GPUs NVML sees; 0 where it can't be used."""
        return self._ask("count", lambda lib: int(lib.nvmlDeviceGetCount())) or 0

    def cuda_version(self) -> str | None:
        """Return the newest CUDA version that the driver supports, such as `12.4`."""
        number = self._ask("cuda version", lambda lib: int(lib.nvmlSystemGetCudaDriverVersion_v2()))
        return None if number is None else f"{number // 1000}.{number % 1000 // 10}"

    def describe(self) -> tuple[Gpu, ...]:
        """Describe every GPU, also one that answers nothing but its place."""
        return tuple(
            Gpu(index=index, **self._fields(index, _FACTS)) for index in range(self.count())
        )

    def read(self, index: int) -> GpuReading:
        """Read what the GPU at `index` does now."""
        return GpuReading(**self._fields(index, _READINGS))

    def processes(self, index: int) -> tuple[GpuProcess, ...] | None:
        """Return the processes that compute on the GPU at `index`."""
        found: tuple[GpuProcess, ...] | None = self._ask_gpu(index, "processes", _processes)
        return found

    def strangers(self, indices: Iterable[int], own: Collection[int] = ()) -> int | None:
        """Count the processes that compute on these GPUs and aren't among `own`.

        Returns:
            None where there is no GPU to ask, or one would not tell. The driver numbers
            processes as the host does: in a container, where the same process has another
            number and others can't be seen, what is seen without an `own` to leave out counts,
            and everything else is unknown.
        """
        seen = [self.processes(index) for index in indices]
        if not seen or None in seen:
            return None
        found = {process.pid for processes in seen for process in processes or ()}
        if numbers_are_the_hosts():
            return len(found - set(own))
        self.missing.setdefault("gpu strangers", "a container hides the host's processes")
        return len(found) if found and not own else None

    def memory_used_bytes(self, indices: Iterable[int]) -> int | None:
        """Return the memory in use on these GPUs together; None where one would not tell."""
        used = [self.read(index).memory_used_bytes for index in indices]
        return sum(each or 0 for each in used) if used and None not in used else None

    def _fields(self, index: int, table: _Questions) -> dict[str, Any]:
        return {name: self._ask_gpu(index, name, question) for name, question in table}

    def _ask_gpu(self, index: int, name: str, question: Callable[[Library, Handle], Any]) -> Any:
        def ask(library: Library) -> Any:
            if index not in self._handles:
                self._handles[index] = library.nvmlDeviceGetHandleByIndex(index)
            return question(library, self._handles[index])

        return self._ask(f"gpu {index} {name}", ask)

    def _ask(self, name: str, question: Callable[[Library], Any]) -> Any:
        """Return the answer, or None with the reason kept under `name`."""
        if self.library is None:
            return None
        try:
            return question(self.library)
        except self.library.NVMLError as error:
            self.missing.setdefault(name, str(error))
        except (AttributeError, OSError, ValueError) as error:
            # an older pynvml lacks the function; a broken driver returns what isn't text
            self.missing.setdefault(name, f"{type(error).__name__}: {error}")
        return None


@contextmanager
def open_nvml(library: Library = None) -> Iterator[Nvml]:
    """Open NVML for a `with` block; where it can't be used, `unavailable` says why.

    Args:
        library: The module to ask; None imports pynvml.
    """
    nvml = _opened(library)
    try:
        yield nvml
    finally:
        if nvml.library is not None:
            with suppress(nvml.library.NVMLError, OSError):
                nvml.library.nvmlShutdown()


def numbers_are_the_hosts(proc: Path = Path("/proc")) -> bool:
    """Return whether this process sees the host's own process numbers, as the driver does."""
    try:
        return (proc / "self/ns/pid").stat().st_ino == _HOSTS_NUMBERS
    except OSError:
        return False


def throttle_names(bits: int) -> tuple[str, ...]:
    """Name what lowers a GPU's clocks; idling and clocks that somebody set are no throttling."""
    return tuple(name for bit, name in _THROTTLES if bits & bit)


def _opened(library: Library) -> Nvml:
    try:
        library = importlib.import_module("pynvml") if library is None else library
    except ImportError as error:
        return Nvml(unavailable=f"the package nvidia-ml-py can't be imported ({error})")
    try:
        library.nvmlInit()
    except library.NVMLError as error:
        return Nvml(unavailable=str(error))
    except (AttributeError, OSError) as error:
        return Nvml(unavailable=f"{type(error).__name__}: {error}")
    return Nvml(library)
