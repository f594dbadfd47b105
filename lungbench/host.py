"""Facts of the machine: what trains here, how much of it is ours, and in which versions.

Everything is read without importing a framework. `root` is where /proc and /sys are looked for.
"""

import os
import platform
import socket
from contextlib import nullcontext
from importlib import metadata
from itertools import product
from pathlib import Path

import psutil

from lungbench.device import Device
from lungbench.errors import DeviceUnavailable
from lungbench.experiment import Matrix
from lungbench.record import Host
from lungbench.resources import cgroup
from lungbench.resources.nvml import Library, Nvml, open_nvml

_ROOT = Path("/")

# What decides a result, or is needed to repeat it.
_PACKAGES = (
    "lungbench",
    "tensorflow",
    "keras",
    "jax",
    "jaxlib",
    "torch",
    "numpy",
    "pillow",
    "scipy",
    "scikit-learn",
    "prefect",
    "psutil",
    "nvidia-ml-py",
    "nvidia-cudnn-cu12",
)


def describe_host(gpus: bool = True, *, root: Path = _ROOT, library: Library = None) -> Host:
    """Describe this machine as a record keeps it.

    Args:
        gpus: Whether NVML is asked for GPUs.
        root: Where /proc and /sys are.
        library: The NVML module; None imports pynvml.
    """
    with open_nvml(library) if gpus else nullcontext(Nvml(unavailable="not asked")) as nvml:
        return Host(
            hostname=socket.gethostname(),
            os=_os(),
            cpu_model=_cpu_model(root),
            cpu_logical=os.cpu_count() or 1,
            cpu_usable=_cpu_usable(root),
            memory_bytes=_memory_bytes(root),
            gpus=nvml.describe(),
            versions=_versions(nvml),
        )


def usable_cpus() -> tuple[int, ...]:
    """Return the logical processors that this process may run on, in ascending order."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def pick_cpus(threads: int, *, root: Path = _ROOT) -> tuple[int, ...]:
    """Choose the logical processors that a run of `threads` threads is pinned to.

    One processor of each physical core comes first and its SMT siblings last, lowest numbers
    first within both, so that the same run lands on the same cores every time.

    Raises:
        DeviceUnavailable: Fewer processors are usable.
    """
    usable = usable_cpus()
    if threads > len(usable):
        raise DeviceUnavailable(
            "A run is pinned to processors that exist.",
            received=f"threads={threads}",
            expected=f"at most {len(usable)}",
        )
    return _spread(usable, root)[:threads]


def unavailable(device: Device, host: Host, *, library: Library = None) -> str | None:
    """Say why `device` can't be used on `host`; None where it can."""
    if device.kind == "cpu":
        if (device.threads or 0) <= host.cpu_usable:
            return None
        return f"{device} asks for more than the {host.cpu_usable} processors usable here"
    if not host.gpus:
        return f"{device} needs a GPU, and NVML sees none: {_why_no_gpu(library)}"
    if device.index is None or device.index in {gpu.index for gpu in host.gpus}:
        return None
    seen = ", ".join(f"gpu:{gpu.index}" for gpu in host.gpus)
    return f"{device} is absent; NVML sees {len(host.gpus)}: {seen}"


def why_unusable(matrix: Matrix, host: Host) -> tuple[str | None, ...]:
    """Say of each device with each backend why it can't train on `host`; None where it can."""
    return tuple(
        unavailable(device, host) or device.unsuited(backend)
        for device, backend in product(matrix.devices, matrix.backends)
    )


def _why_no_gpu(library: Library) -> str:
    with open_nvml(library) as nvml:
        seen = nvml.count()
        return nvml.unavailable or nvml.missing.get("count") or f"it counts {seen} GPUs"


def _cpu_usable(root: Path) -> int:
    """Take the lower of affinity and quota; a part of a processor counts as one."""
    quota = cgroup.cpu_quota(root)
    allowed = len(usable_cpus())
    return allowed if quota is None else max(1, min(allowed, int(quota)))


def _memory_bytes(root: Path) -> int:
    machine = int(psutil.virtual_memory().total)
    limit = cgroup.memory_limit_bytes(root)
    return machine if limit is None else min(machine, limit)


def _spread(cpus: tuple[int, ...], root: Path) -> tuple[int, ...]:
    """Order processors so that no core is used twice before every core is used once."""
    seen: dict[str, int] = {}
    ranked = []
    for cpu in cpus:
        core = _core(cpu, root)
        ranked.append((seen.get(core, 0), cpu))
        seen[core] = seen.get(core, 0) + 1
    return tuple(cpu for _, cpu in sorted(ranked))


def _core(cpu: int, root: Path) -> str:
    """Name the physical core of a processor; where the kernel doesn't tell, each is its own."""
    topology = root / f"sys/devices/system/cpu/cpu{cpu}/topology"
    # core_id alone repeats in every package and, on some processors, in every die of one
    parts = [_text(topology / name) for name in ("physical_package_id", "die_id", "core_id")]
    return f"alone {cpu}" if parts[-1] is None else " ".join(str(part) for part in parts)


def _cpu_model(root: Path) -> str | None:
    for line in (_text(root / "proc/cpuinfo") or "").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine() or None


def _os() -> str:
    kernel = f"{platform.system()} {platform.release()} {platform.machine()}"
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {kernel}"
    except (OSError, KeyError):
        return kernel


def _versions(nvml: Nvml) -> dict[str, str]:
    """Return the installed versions by package name; what is absent is left out."""
    installed = ((name, _version(name)) for name in _PACKAGES)
    found = {name: version for name, version in installed if version is not None}
    cuda = nvml.cuda_version()
    return {"python": platform.python_version(), **found, **({"cuda_driver": cuda} if cuda else {})}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None
