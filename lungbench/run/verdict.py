"""How a run ended and why, from how its process ended and what it left."""

import signal
from dataclasses import dataclass
from pathlib import Path

from lungbench.job import Training
from lungbench.reasons import reason_of_exit
from lungbench.record import Host, Reason, Resources, Status
from lungbench.run import outcome
from lungbench.run.watch import Ended


@dataclass(frozen=True, slots=True)
class Memory:
    """What is known of the memory of a run that is over.

    Attributes:
        host: With the memory that the run might use, the machine's or its control group's.
        resources: With what its processes held at most, by the sampler.
        kernel_killed: Whether the kernel killed anything for want of memory while it lived.
    """

    host: Host
    resources: Resources
    kernel_killed: bool = False


def verdict(run_dir: Path, ended: Ended, memory: Memory) -> tuple[Status, Reason | None]:
    """Return the status of a run and its reason."""
    status, reason = _verdict(run_dir, ended, outcome.read_training(run_dir), memory)
    if reason and reason.kind == "out_of_memory":
        reason = _out_of_memory(memory)
    return status, reason


def _verdict(
    run_dir: Path, ended: Ended, training: Training | None, memory: Memory
) -> tuple[Status, Reason | None]:
    if ended.interrupted:
        return "interrupted", None
    if ended.ended_for:
        return "failed", ended.ended_for
    if training is None or (ended.code and not training.stopped and not training.failure):
        return "failed", _unsaid(run_dir, ended.code, memory)
    return _said(training)


def _said(training: Training) -> tuple[Status, Reason | None]:
    """Return how the child itself says that it ended."""
    if training.stopped:
        message = "SIGTERM asked the training to end; it can go on from its checkpoint."
        return "interrupted", Reason(kind="signal", message=message)
    if training.failure:
        absent = training.failure.kind == "device_unavailable"
        return "skipped" if absent else "failed", training.failure
    return "completed", None


def _unsaid(run_dir: Path, code: int, memory: Memory) -> Reason:
    if code == -signal.SIGKILL and memory.kernel_killed:
        return _out_of_memory(memory)
    return reason_of_exit(code, outcome.last_words(run_dir))


def _out_of_memory(memory: Memory) -> Reason:
    """Say the same of memory that ran out, whoever noticed: Python, a framework, the kernel."""
    parts = [_held("its processes", memory.resources.rss_peak_bytes, memory.host.memory_bytes)]
    used = memory.resources.gpu_memory_peak_bytes
    if used is not None:
        sizes = [gpu.memory_bytes for gpu in memory.host.gpus if gpu.memory_bytes is not None]
        parts.append(_held("its GPUs", used, sum(sizes) or None))
    message = f"The training ran out of memory: {'; '.join(parts)}."
    return Reason(kind="out_of_memory", message=message)


def _held(what: str, peak_bytes: int | None, limit_bytes: int | None) -> str:
    peak = "an unknown amount" if peak_bytes is None else f"{peak_bytes / 1e9:.1f} GB"
    limit = "" if limit_bytes is None else f" of {limit_bytes / 1e9:.1f} GB"
    return f"{what} held {peak}{limit} at the sampler's highest reading"
