"""How well a network diagnoses: every figure follows from one confusion matrix, exactly.

Rates are computed as fractions of whole numbers and become floats once, at the end.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lungbench.record import ClassRates, Macro, Metrics

RATE_NAMES = ("accuracy", "precision", "recall", "specificity", "f1")

Labels = Sequence[int] | NDArray[Any]
Confusion = tuple[tuple[int, ...], ...]
Rates = dict[str, Fraction | None]


@dataclass(frozen=True, slots=True)
class Counts:
    """One class against the rest: true and false positives, false and true negatives."""

    tp: int
    fp: int
    fn: int
    tn: int

    def rates(self) -> Rates:
        """Return every rate by name; one whose denominator is 0 is None."""
        right, all_images = self.tp + self.tn, self.tp + self.fp + self.fn + self.tn
        return {
            "accuracy": _ratio(right, all_images),
            "precision": _ratio(self.tp, self.tp + self.fp),
            "recall": _ratio(self.tp, self.tp + self.fn),
            "specificity": _ratio(self.tn, self.tn + self.fp),
            "f1": _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn),
        }


def confusion_matrix(true: Labels, predicted: Labels, classes: int) -> Confusion:
    """Count how often each true class was diagnosed as each class.

    Args:
        true: Labels from 0 to `classes` - 1, one an image.
        predicted: The network's labels, in the same order.
        classes: Number of classes.

    Returns:
        Rows are true classes, columns predicted ones.

    Raises:
        ValueError: The two differ in length, or a label is no class.
    """
    rows, columns = np.asarray(true, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
    if rows.shape != columns.shape:
        raise ValueError(f"{rows.size} true labels for {columns.size} predicted ones")
    if any(
        labels.size and not 0 <= labels.min() <= labels.max() < classes
        for labels in (rows, columns)
    ):
        raise ValueError(f"a label is outside 0 to {classes - 1}")
    counts = np.bincount(rows * classes + columns, minlength=classes * classes)
    return tuple(tuple(row) for row in counts.reshape(classes, classes).tolist())


def metrics_of(confusion: Confusion, classes: Sequence[str]) -> Metrics:
    """Return everything a record says about the diagnoses.

    Args:
        confusion: Rows are true classes, columns predicted ones, in the order of `classes`.
        classes: Their names.

    Raises:
        ValueError: The matrix isn't square in `classes`, or counts no image.
    """
    images = sum(map(sum, confusion))
    if {len(confusion), *map(len, confusion)} != {len(classes)} or images == 0:
        raise ValueError(f"{confusion} is no confusion matrix of {len(classes)} classes")
    counts = {name: counts_of(confusion, label) for label, name in enumerate(classes)}
    return Metrics(
        overall_accuracy=sum(each.tp for each in counts.values()) / images,
        confusion=confusion,
        per_class={name: _class_rates(each) for name, each in counts.items()},
        macro=Macro(**_as_floats(macro_rates(each.rates() for each in counts.values()))),
    )


def counts_of(confusion: Confusion, label: int) -> Counts:
    """Return the counts of one class against the rest."""
    tp = confusion[label][label]
    fn = sum(confusion[label]) - tp
    fp = sum(row[label] for row in confusion) - tp
    return Counts(tp, fp, fn, tn=sum(map(sum, confusion)) - tp - fp - fn)


def macro_rates(per_class: Iterable[Rates]) -> Rates:
    """Return the unweighted means of the unrounded rates; None where any of them is."""
    classes = tuple(per_class)
    return {name: _mean([rates[name] for rates in classes]) for name in RATE_NAMES}


def _ratio(numerator: int, denominator: int) -> Fraction | None:
    return Fraction(numerator, denominator) if denominator else None


def _mean(values: list[Fraction | None]) -> Fraction | None:
    known = [value for value in values if value is not None]
    return sum(known, Fraction()) / len(known) if len(known) == len(values) else None


def _as_floats(rates: Rates) -> dict[str, float | None]:
    return {name: None if rate is None else float(rate) for name, rate in rates.items()}


def _class_rates(counts: Counts) -> ClassRates:
    return ClassRates(
        tp=counts.tp, fp=counts.fp, fn=counts.fn, tn=counts.tn, **_as_floats(counts.rates())
    )
