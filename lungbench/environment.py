"""What decides the bits of a result beside the experiment: versions, processors, flags."""

import os
from collections.abc import Iterable

from lungbench.host import describe_host, usable_cpus

# The packages whose versions decide how fast and how well every run trains, and each backend's.
_OF_ALL = ("lungbench", "python", "keras", "numpy", "pillow")
_OF_BACKEND = {"tensorflow": ("tensorflow",), "jax": ("jax", "jaxlib"), "torch": ("torch",)}

# Variables by which the frameworks' arithmetic or its order can be changed.
_FLAGS = ("TF_", "OMP_", "MKL_", "ONEDNN_", "DNNL_", "XLA_", "JAX_", "KERAS_", "CUDA_", "NVIDIA_")
_QUIET = ("TF_CPP_",)  # what is logged decides nothing


def decisive_packages(backends: Iterable[str] = tuple(_OF_BACKEND)) -> tuple[str, ...]:
    """Return the packages whose versions decide how fast and how well a run trains.

    Args:
        backends: Those that are trained with; all where that isn't known.
    """
    return (*_OF_ALL, *(name for backend in backends for name in _OF_BACKEND[backend]))


def environment(device_seen: str = "cpu") -> dict[str, str]:
    """Describe this process, by names that a reader knows.

    Args:
        device_seen: The processors that the backend sees: `cpu`, or how many GPUs, as `2 gpu`.
            `gpu:all` sums over as many replicas, so another number gives other bits.
    """
    host = describe_host(gpus=False)
    flags = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(_FLAGS) and not name.startswith(_QUIET)
    }
    return {
        **host.versions,
        "processor": host.cpu_model or "unknown",
        "processors": str(len(usable_cpus())),
        "device": device_seen,
        **flags,
    }


def differences(before: dict[str, str], now: dict[str, str]) -> tuple[str, ...]:
    """Name what differs between two environments, with both values."""
    return tuple(
        f"{name}: {before.get(name, 'unset')}, now {now.get(name, 'unset')}"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    )
