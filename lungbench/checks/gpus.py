"""Checks of the GPUs: as NVML sees them, as TensorFlow does, and why the two may differ."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from lungbench.checks import Asked, Check, Outcome
from lungbench.checks.question import TIMEOUT_S, Answer, ask
from lungbench.resources.nvml import Nvml, open_nvml

_NVIDIA = "0x10de"  # PCI's number of the vendor
_DISPLAY = "0x03"  # PCI's class of display controllers, GPUs without an output included
_CUDA_EXTRA = 'install the extra: pip install -c constraints.txt "lungbench[cuda]".'

_TENSORFLOW = """
import json
import tensorflow
build = tensorflow.sysconfig.get_build_info()
print(json.dumps({
    "gpus": len(tensorflow.config.list_physical_devices("GPU")),
    "cuda_build": bool(build.get("is_cuda_build")),
    "cuda": build.get("cuda_version"),
}))
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of the GPUs without TensorFlow.

    Attributes:
        by_nvml: How many GPUs NVML counts.
        driver_cuda: The newest CUDA version that the driver supports.
        cards: NVIDIA display controllers on the PCI bus, with a driver or without.
        hidden: CUDA_VISIBLE_DEVICES, where it is set.
        libraries: Whether the CUDA libraries of the extra `cuda` are installed.
    """

    by_nvml: int = 0
    driver_cuda: str | None = None
    cards: int = 0
    hidden: str | None = None
    libraries: bool = False


def nvml(asked: Asked) -> Iterator[Check]:
    """See what NVIDIA's monitoring library can tell of each GPU."""
    with open_nvml(asked.library) as library:
        if library.unavailable:
            yield _no_nvml(library.unavailable, _cards(asked.root))
        else:
            yield _readable(library)


def gpus(asked: Asked) -> Iterator[Check]:
    """Compare the GPUs that TensorFlow sees with those that NVML sees, and explain."""
    with open_nvml(asked.library) as library:
        seen = Seen(
            by_nvml=library.count(),
            driver_cuda=library.cuda_version(),
            cards=_cards(asked.root),
            hidden=os.environ.get("CUDA_VISIBLE_DEVICES"),
            libraries=_installed("nvidia-cudnn-cu12") or _installed("nvidia-cudnn-cu13"),
        )
    yield explain(ask(_TENSORFLOW), seen, needed=asked.wants_gpu)


def explain(answer: Answer, seen: Seen, *, needed: bool) -> Check:
    """Turn what TensorFlow and NVML see into one finding and its next step.

    Args:
        answer: TensorFlow's.
        seen: What is known without it.
        needed: Whether the experiment trains on a GPU, so that its lack is a failure.
    """
    if answer.late:
        found = f"TensorFlow did not say within {TIMEOUT_S:g} s"
        return Check("gpus", "warn", found, "run `lungbench doctor` again on an idle machine.")
    if answer.facts is None:
        found = f"TensorFlow can't be imported: {answer.last_words}"
        return Check("gpus", "fail", found, "install it again with `make setup`.")
    count = int(answer.facts["gpus"])
    if count == seen.by_nvml > 0:
        return Check("gpus", "pass", f"TensorFlow and NVML both see {count}")
    why, advice = next((why, advice) for holds, why, advice in _causes(answer.facts, seen) if holds)
    if not (count or seen.by_nvml or seen.cards or needed):
        return Check("gpus", "pass", f"{why}; the CPU trains")
    outcome: Outcome = "fail" if needed and not count else "warn"
    return Check("gpus", outcome, f"TensorFlow sees {count}, NVML {seen.by_nvml}: {why}", advice)


def _causes(facts: dict[str, Any], seen: Seen) -> Iterator[tuple[bool, str, str]]:
    """Yield whether a cause holds, what it is and its cure, the likeliest first."""
    by_tensorflow, by_driver, built_for = facts["gpus"], seen.driver_cuda, facts["cuda"]
    yield (
        by_tensorflow > seen.by_nvml,
        "NVML can't watch all of them",
        "expect no utilisation, memory or energy of these in the records.",
    )
    yield (
        not seen.by_nvml and seen.cards > 0,
        "an NVIDIA card is in this machine, but no working driver",
        "install the NVIDIA driver, or start the container with access to it.",
    )
    yield (
        not seen.by_nvml,
        "this machine has no NVIDIA GPU",
        'take "gpu" out of matrix.devices.',
    )
    yield (
        seen.hidden is not None,
        f"CUDA_VISIBLE_DEVICES={seen.hidden!r} hides the rest here",
        "unset it; every run chooses its own GPU.",
    )
    yield not facts["cuda_build"], "this TensorFlow is built for the CPU alone", _CUDA_EXTRA
    yield not seen.libraries, "the CUDA libraries are not installed", _CUDA_EXTRA
    yield (
        _older(by_driver, built_for),
        f"the driver supports CUDA {by_driver}, TensorFlow is built for {built_for}",
        "install a newer NVIDIA driver.",
    )
    yield (
        True,
        "TensorFlow can't use the rest",
        "read what TensorFlow prints when it is imported with TF_CPP_MIN_LOG_LEVEL=0.",
    )


def _no_nvml(why: str, cards: int) -> Check:
    found = f"not usable: {why}"
    if not cards:
        return Check("nvml", "pass", f"{found}; no NVIDIA GPU is in this machine")
    advice = "install the NVIDIA driver, or start the container with access to it."
    return Check("nvml", "warn", found, advice)


def _readable(library: Nvml) -> Check:
    """Read every GPU once, and tell what can't be read and who else computes there."""
    described = library.describe()
    for gpu in described:
        library.read(gpu.index)
    busy = [
        f"process {process.pid} on gpu:{gpu.index}"
        for gpu in described
        for process in library.processes(gpu.index) or ()
    ]
    names = ", ".join(f"gpu:{gpu.index} {gpu.name}" for gpu in described) or "no GPU"
    if busy:
        advice = "end them, or wait: on a shared GPU every time is wrong."
        return Check("nvml", "warn", f"{names}; in use by {', '.join(busy)}", advice)
    if library.missing:
        missing = "; ".join(f"{field}: {why}" for field, why in library.missing.items())
        advice = "records will hold null for these."
        return Check("nvml", "warn", f"{names}; it can't tell {missing}", advice)
    return Check("nvml", "pass", names)


def _cards(root: Path) -> int:
    return sum(
        _text(device / "vendor") == _NVIDIA and _text(device / "class").startswith(_DISPLAY)
        for device in (root / "sys/bus/pci/devices").glob("*")
    )


def _older(version: str | None, than: str | None) -> bool:
    """Compare two CUDA versions by their first number: minor versions work together."""
    if not version or not than:
        return False
    return int(version.split(".")[0]) < int(than.split(".")[0])


def _installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
