"""What the paper prints, as data: Tables I to VII, the times of section IV and what it states.

The figures stand in `paper_published.json`; its first key says how to read them.

The paper prints each class against the rest, not the whole confusion matrix. Those counts fix
every rate, but leave one degree of freedom in the matrix: `matrices` lists what is possible.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from lungbench.metrics import Confusion, Counts, Rates, macro_rates

CLASSES = ("covid", "healthy", "tuberculosis")

_DATA = Path(__file__).with_suffix(".json")


@dataclass(frozen=True, slots=True)
class PublishedClass:
    """One row of Tables I to VI: the rates as printed, and the counts behind them."""

    counts: Counts
    printed: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class PublishedRun:
    """One network on one device: a table of the paper, its row in Table VII and its times.

    Attributes:
        table: I to VI.
        macro: The row of Table VII.
        overall_accuracy: What the paper calls General Precision.
        epoch_s: Seconds of one epoch; the middle of `epoch_s_range` where there is one.
        epoch_s_range: Shortest and longest epoch, where the text gives both.
        total_s_stated: Training time as the text states it, mostly approximate.
        saved_as: File that the text says the trained network was written to, where it names one.
    """

    table: str
    model: Literal["cnn10", "inceptionv3", "vgg16"]
    device: Literal["cpu", "gpu"]
    per_class: Mapping[str, PublishedClass]
    macro: Mapping[str, Decimal]
    overall_accuracy: Decimal
    epoch_s: float
    epoch_s_range: tuple[float, float] | None
    total_s_stated: float
    saved_as: str | None

    @property
    def correct(self) -> int:
        """Test images diagnosed rightly."""
        return sum(each.counts.tp for each in self.per_class.values())

    @property
    def images(self) -> int:
        """Test images."""
        return sum(each.counts.tp + each.counts.fn for each in self.per_class.values())


@dataclass(frozen=True, slots=True)
class Statements:
    """What the paper's prose states.

    Attributes:
        test_images_taken_from: Folders that the test images were copied from.
        tensorflow_versions: Versions named for the one experiment.
        best_model: The network that the conclusion names the best.
    """

    epochs: int
    images: int
    train_images_per_class: int
    validation_images_per_class: int
    test_images_taken_from: tuple[str, ...]
    training_images_in_the_abstract: int
    training_images_in_section_iv: int
    tensorflow_versions: tuple[str, ...]
    best_model: str


@dataclass(frozen=True, slots=True)
class Recomputed:
    """What a run's counts give, exactly."""

    per_class: dict[str, Rates]
    macro: Rates
    overall_accuracy: Fraction


def published() -> tuple[PublishedRun, ...]:
    """Return the six runs, in the order of Tables I to VI."""
    runs = TypeAdapter(tuple[PublishedRun, ...])
    return runs.validate_python(_data()["runs"])


def statements() -> Statements:
    """Return what the paper's prose states."""
    return TypeAdapter(Statements).validate_python(_data()["text"])


def recomputed(run: PublishedRun) -> Recomputed:
    """Compute every rate of a run from its counts."""
    per_class = {name: each.counts.rates() for name, each in run.per_class.items()}
    return Recomputed(
        per_class=per_class,
        macro=macro_rates(per_class.values()),
        overall_accuracy=Fraction(run.correct, run.images),
    )


def four_decimals(value: Fraction) -> Decimal:
    """Round to 4 decimals, halves up, without a detour over floats."""
    return Decimal(math.floor(value * 10_000 + Fraction(1, 2))).scaleb(-4)


def matrices(run: PublishedRun) -> tuple[Confusion, ...]:
    """Return every confusion matrix that gives the run's counts.

    Rows are true classes, columns predicted ones, in the order of `CLASSES`. The images of the
    first class diagnosed as the second are the one free number; it fixes the other five errors.
    """
    first, second, third = (run.per_class[name].counts for name in CLASSES)
    found = []
    for free in range(first.fn + 1):
        third_as_second = second.fp - free
        third_as_first = third.fn - third_as_second
        second_as_first = first.fp - third_as_first
        second_as_third = second.fn - second_as_first
        matrix = (
            (first.tp, free, first.fn - free),
            (second_as_first, second.tp, second_as_third),
            (third_as_first, third_as_second, third.tp),
        )
        if min(map(min, matrix)) >= 0 and matrix[0][2] + matrix[1][2] == third.fp:
            found.append(matrix)
    return tuple(found)


@cache
def _data() -> dict[str, object]:
    content: dict[str, object] = json.loads(_DATA.read_text(encoding="utf-8"))
    return content
