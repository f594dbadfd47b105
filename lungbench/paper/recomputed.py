"""The published comparison, recomputed: what the paper prints beside what its counts give.

Source: "Comparison Analysis of Convolutional Neural Networks Using CPU and GPU in the Diagnosis
of Lung Diseases" (LACCEI 2025), Tables I to VII and section IV.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from lungbench.metrics import Rates
from lungbench.paper.contradictions import contradictions
from lungbench.paper.published import (
    CLASSES,
    PublishedRun,
    Recomputed,
    four_decimals,
    published,
    recomputed,
)

__all__ = [
    "CLASSES",
    "Comparison",
    "PublishedRun",
    "PublishedSpeedup",
    "Recomputed",
    "comparison",
    "contradictions",
    "published",
    "recomputed",
    "speedups",
]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One published figure beside the same figure recomputed, both to 4 decimals.

    Attributes:
        table: Where it is printed, I to VII.
        of: A class, `macro` or `all classes`.
        rate: A rate's name, or `overall_accuracy`.
    """

    table: str
    model: str
    device: str
    of: str
    rate: str
    published: Decimal
    recomputed: Decimal | None

    @property
    def matches(self) -> bool:
        """Whether the two are the same 4 decimals."""
        return self.published == self.recomputed


@dataclass(frozen=True, slots=True)
class PublishedSpeedup:
    """A network's CPU epoch time over its GPU epoch time: one run a side, so no interval.

    Attributes:
        lowest: From the shortest CPU epoch, where the paper gives a range; not a confidence limit.
        highest: From the longest.
    """

    model: str
    estimate: float
    lowest: float | None
    highest: float | None


def comparison() -> tuple[Comparison, ...]:
    """Return all 126 published figures beside the recomputed ones.

    Tables I to VI hold 3 classes x 5 rates and one overall accuracy each, Table VII 6 x 5 means.
    """
    return tuple(row for run in published() for row in _rows(run))


def speedups() -> tuple[PublishedSpeedup, ...]:
    """Return the published speed-up of each network."""
    runs = {(run.model, run.device): run for run in published()}
    return tuple(
        _speedup(cpu, runs[model, "gpu"])
        for (model, device), cpu in runs.items()
        if device == "cpu"
    )


def _rows(run: PublishedRun) -> Iterator[Comparison]:
    ours = recomputed(run)
    for name, each in run.per_class.items():
        yield from _rate_rows(run, run.table, name, each.printed, ours.per_class[name])
    overall = {"overall_accuracy": run.overall_accuracy}
    yield from _rate_rows(
        run, run.table, "all classes", overall, {"overall_accuracy": ours.overall_accuracy}
    )
    yield from _rate_rows(run, "VII", "macro", run.macro, ours.macro)


def _rate_rows(
    run: PublishedRun, table: str, of: str, printed: Mapping[str, Decimal], exact: Rates
) -> Iterator[Comparison]:
    for rate, value in printed.items():
        ours = exact[rate]
        rounded = None if ours is None else four_decimals(ours)
        yield Comparison(table, run.model, run.device, of, rate, value, rounded)


def _speedup(cpu: PublishedRun, gpu: PublishedRun) -> PublishedSpeedup:
    low, high = cpu.epoch_s_range or (None, None)
    return PublishedSpeedup(
        model=cpu.model,
        estimate=cpu.epoch_s / gpu.epoch_s,
        lowest=None if low is None else low / gpu.epoch_s,
        highest=None if high is None else high / gpu.epoch_s,
    )
