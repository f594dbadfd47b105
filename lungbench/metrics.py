"""How well a network diagnoses: every figure follows from one confusion matrix, exactly.

Rates are computed as fractions of whole numbers and become floats once, at the end. The paper's
five come first; what else follows from the matrix (NPV, kappa, MCC) stands beside them. What needs
probabilities is in `lungbench.stats.discrimination` and `lungbench.stats.calibration`.
"""

import math
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
        """Return the paper's five rates by name; one whose denominator is 0 is None.

        Recall is what clinics call sensitivity, precision their positive predictive value.
        """
        right, all_images = self.tp + self.tn, self.tp + self.fp + self.fn + self.tn
        return {
            "accuracy": _ratio(right, all_images),
            "precision": _ratio(self.tp, self.tp + self.fp),
            "recall": _ratio(self.tp, self.tp + self.fn),
            "specificity": _ratio(self.tn, self.tn + self.fp),
            "f1": _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn),
        }

    @property
    def npv(self) -> Fraction | None:
        """Negative predictive value: the share of images not diagnosed so that are not so.

        None where every image is diagnosed so.
        """
        return _ratio(self.tn, self.tn + self.fn)


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
    """Return everything a confusion matrix says about the diagnoses.

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
        macro=_macro(tuple(counts.values())),
        kappa=_as_float(kappa(confusion)),
        mcc=mcc(confusion),
    )


def kappa(confusion: Confusion) -> Fraction | None:
    """Return Cohen's kappa: the agreement beyond chance, of the most that there could be.

    None where chance alone agrees on every image: one class is all that is true and predicted.

    Source: J. Cohen, Educational and Psychological Measurement 20 (1960) 37-46.
    """
    images, right, by_chance = _agreement(confusion)
    return _ratio(images * right - by_chance, images * images - by_chance)


def mcc(confusion: Confusion) -> float | None:
    """Return Matthews' correlation coefficient, generalised to any number of classes.

    From -1 or above to 1; 0 is what guessing gets. None where one class only is true, or one only
    predicted: what never varies has no correlation.

    Source: J. Gorodkin, Computational Biology and Chemistry 28 (2004) 367-374, as R_K.
    """
    images, right, by_chance = _agreement(confusion)
    true, predicted = (
        images * images - sum(count * count for count in counts) for counts in _margins(confusion)
    )
    if not true * predicted:
        return None
    return (images * right - by_chance) / math.sqrt(true * predicted)


def _agreement(confusion: Confusion) -> tuple[int, int, int]:
    """Return the images, those diagnosed rightly, and the latter by chance times the images."""
    true, predicted = _margins(confusion)
    right = sum(row[label] for label, row in enumerate(confusion))
    return sum(true), right, sum(map(int.__mul__, true, predicted))


def _margins(confusion: Confusion) -> tuple[list[int], list[int]]:
    """Return the images of each true class, and those of each predicted one."""
    return [sum(row) for row in confusion], [sum(column) for column in zip(*confusion, strict=True)]


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


def _as_float(rate: Fraction | None) -> float | None:
    return None if rate is None else float(rate)


def _as_floats(rates: Rates) -> dict[str, float | None]:
    return {name: _as_float(rate) for name, rate in rates.items()}


def _macro(counts: Sequence[Counts]) -> Macro:
    rates = macro_rates(each.rates() for each in counts)
    return Macro(**_as_floats(rates), npv=_as_float(_mean([each.npv for each in counts])))


def _class_rates(counts: Counts) -> ClassRates:
    return ClassRates(
        tp=counts.tp,
        fp=counts.fp,
        fn=counts.fn,
        tn=counts.tn,
        npv=_as_float(counts.npv),
        **_as_floats(counts.rates()),
    )
