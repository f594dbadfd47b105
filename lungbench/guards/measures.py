"""What the guards of a report's times measure: one figure of a run, or of the repeats of a cell.

A measure takes the runs of one group, of which there is one where it is about single runs, and
returns None where they don't tell.
"""

from collections.abc import Callable, Sequence
from statistics import median

from lungbench.record import Resources, RunRecord

Runs = Sequence[RunRecord]
Measure = Callable[[Runs], float | None]

_GIB = 1024**3
_HARDWARE_SLOWDOWNS = {"hw_slowdown", "hw_thermal", "hw_power_brake"}


def usable_for_timing(record: RunRecord) -> bool:
    """Return whether a run's times may stand in a table: whole, and trained in one go.

    A run that went on from a checkpoint paid start-up and compilation twice, on a machine that
    may have changed in between.
    """
    timing = record.timing
    return record.status == "completed" and timing is not None and not timing.resumed


def on_gpu(runs: Runs) -> bool:
    """Return whether the runs trained on a GPU."""
    return runs[0].spec.device.kind == "gpu"


def repeated(runs: Runs) -> bool:
    """Return whether a cell has more than one run."""
    return len(runs) > 1


def used(field: str) -> Measure:
    """Return the measure that reads one field of a run's resources."""

    def measure(runs: Runs) -> float | None:
        value: float | None = getattr(runs[0].resources or Resources(), field)
        return value

    return measure


def of_host(field: str) -> Measure:
    """Return the measure that takes a load, in percent of one core, as a share of the host."""

    def measure(runs: Runs) -> float | None:
        load = used(field)(runs)
        return None if load is None else load / runs[0].host.cpu_logical

    return measure


def stolen(runs: Runs) -> float | None:
    """Return the share of the CPU time the machine asked for that it did not get."""
    used = runs[0].resources or Resources()
    if used.steal_percent is None or used.host_cpu_percent_mean is None:
        return None
    wanted = used.steal_percent + used.host_cpu_percent_mean
    return 100 * used.steal_percent / wanted if wanted else 0.0


def held_back(runs: Runs) -> float | None:
    """Return how long a CPU quota let a run stand still, in percent of its wall time."""
    stood_still_s, timing = used("cgroup_throttled_s")(runs), runs[0].timing
    if stood_still_s is None or timing is None or timing.wall_s <= 0:
        return None
    return 100 * stood_still_s / timing.wall_s


def strangers(runs: Runs) -> float | None:
    """Return the most processes of others on the selected GPUs, before or during a run."""
    seen = [used(name)(runs) for name in ("gpu_strangers_before", "gpu_strangers_max")]
    return max((number for number in seen if number is not None), default=None)


def gpu_memory_gib(runs: Runs) -> float | None:
    """Return the memory that was in use on the selected GPUs before a run."""
    used_bytes = used("gpu_memory_before_bytes")(runs)
    return None if used_bytes is None else used_bytes / _GIB


def hardware_slowdowns(runs: Runs) -> float | None:
    """Return how many of the GPU's own protections slowed it down."""
    reasons = (runs[0].resources or Resources()).gpu_throttle_reasons
    return None if reasons is None else len(_HARDWARE_SLOWDOWNS.intersection(reasons))


def resumed(runs: Runs) -> float | None:
    """Return 1 for a run that went on from a checkpoint, else 0."""
    timing = runs[0].timing
    return None if timing is None else float(timing.resumed)


def steady_s(run: RunRecord) -> list[float]:
    """Return the training times of a run's epochs after its first."""
    return [epoch.train_s for epoch in run.epochs[1:]]


def steady_epochs(runs: Runs) -> float | None:
    """Return how many epochs a run has after its first."""
    return len(steady_s(runs[0])) if runs[0].epochs else None


def spread_of_epochs(runs: Runs) -> float | None:
    """Return how far a run's steady epochs lie apart, in percent of their median."""
    return _spread(steady_s(runs[0]))


def spread_of_repeats(runs: Runs) -> float | None:
    """Return how far the steady epoch times of a cell's runs lie apart, likewise."""
    times = (run.timing.steady_epoch_s for run in runs if run.timing and usable_for_timing(run))
    return _spread([time for time in times if time])


def _spread(values: Sequence[float]) -> float | None:
    """Return the median absolute deviation in percent of the median; of two, half their range."""
    if len(values) < 2 or median(values) <= 0:  # noqa: PLR2004 - one value has no spread
        return None
    middle = median(values)
    deviation: float = median(abs(value - middle) for value in values)
    return 100 * deviation / middle


def leaked_percent(runs: Runs) -> float | None:
    """Return the share of the test images that were trained on; None without test images."""
    images = tested(runs)
    return 100 * runs[0].data.leaked / images if images else None


def leaked_of_tested(runs: Runs) -> str:
    """Return the same in words: `135 of 169 test images`."""
    return f"{runs[0].data.leaked:,} of {tested(runs):,} test images"


def tested(runs: Runs) -> int:
    """Return how many test images a run has, as far as is known."""
    return sum(runs[0].data.counts.get("test", {}).values())


def tool(runs: Runs) -> float | None:
    """Return what this tool took beside a run, in percent of one core."""
    used = runs[0].resources or Resources()
    return None if used.tool_percent is None else used.tool_percent + (used.server_percent or 0.0)


def ledger(runs: Runs) -> float | None:
    """Return how far the ledger is from the wall time; a negative rest is also too much."""
    timing = runs[0].timing
    parts = timing.ledger.model_dump().values() if timing else ()
    known: list[float] = [part for part in parts if part is not None]
    if timing is None or not known or timing.wall_s <= 0:
        return None
    off_s = max(abs(sum(known) - timing.wall_s), -min(known))
    return 100 * off_s / timing.wall_s
