"""What a network said of each test image, read back from `predictions.csv`, and what it is worth.

The file is the one source of everything that is said of a diagnosis: of the matrix, and of what
needs the probabilities besides.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from lungbench.job import PREDICTIONS_FILE
from lungbench.metrics import Confusion, confusion_matrix, metrics_of
from lungbench.record import Area, ClassRates, Metrics
from lungbench.stats.calibration import (
    Bin,
    as_probabilities,
    brier,
    calibration_error,
    reliability,
)
from lungbench.stats.discrimination import Roc, roc


@dataclass(frozen=True, slots=True, eq=False)
class Diagnoses:
    """One network's diagnoses of the test images, in the order of its file.

    Attributes:
        classes: Class names; labels are their positions.
        paths: Path of each image, as the prepared data has it.
        true: Label of each image.
        predicted: Label that the network gave it.
        probabilities: Of each class, image x class, from 0 to 1; None where the file has none.
    """

    classes: tuple[str, ...]
    paths: tuple[str, ...]
    true: NDArray[np.int64]
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float64] | None

    @property
    def confusion(self) -> Confusion:
        """Rows are true classes, columns predicted ones."""
        return confusion_matrix(self.true, self.predicted, len(self.classes))

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether each image was diagnosed rightly."""
        return np.equal(self.true, self.predicted)

    @property
    def confidences(self) -> NDArray[np.float64] | None:
        """The probability of each image's diagnosis; None without probabilities."""
        if self.probabilities is None:
            return None
        return self.probabilities[np.arange(len(self.paths)), self.predicted]

    @property
    def bins(self) -> tuple[Bin, ...] | None:
        """The diagnoses by their confidence; None without probabilities."""
        return None if self.confidences is None else reliability(self.confidences, self.right)

    def roc_of(self, label: int) -> Roc | None:
        """Return the curve of one class against the rest; None without probabilities."""
        if self.probabilities is None:
            return None
        return roc(self.true == label, self.probabilities[:, label])

    def metrics(self) -> Metrics:
        """Return everything that a record says of them.

        Raises:
            ValueError: There is no image.
        """
        of_matrix, bins = metrics_of(self.confusion, self.classes), self.bins
        if self.probabilities is None or bins is None:
            return of_matrix
        per_class = {
            name: _with_roc(of_matrix.per_class[name], self.roc_of(label))
            for label, name in enumerate(self.classes)
        }
        rates = per_class.values()
        means = {
            "auc": _mean([each.auc.value if each.auc else None for each in rates]),
            "average_precision": _mean([each.average_precision for each in rates]),
        }
        more = {
            "per_class": per_class,
            "macro": of_matrix.macro.model_copy(update=means),
            "brier": brier(self.probabilities, self.true),
            "calibration_error": calibration_error(bins),
        }
        return of_matrix.model_copy(update=more)


def read_diagnoses(run_dir: Path, classes: Sequence[str]) -> Diagnoses:
    """Read the diagnoses that a run saved.

    Args:
        run_dir: The run's folder.
        classes: Class names, in the order of the run's data.

    Raises:
        OSError: The file can't be read.
        KeyError: It lacks a column, or names another class.
        ValueError: It is no table of text.
    """
    label = {name: index for index, name in enumerate(classes)}
    try:
        with (run_dir / PREDICTIONS_FILE).open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except csv.Error as error:
        raise ValueError(f"{PREDICTIONS_FILE} is no table: {error}") from None
    return Diagnoses(
        classes=tuple(classes),
        paths=tuple(row.get("path") or "" for row in rows),
        true=np.array([label[row["true"]] for row in rows], dtype=np.int64),
        predicted=np.array([label[row["predicted"]] for row in rows], dtype=np.int64),
        probabilities=_probabilities(rows, classes),
    )


def _probabilities(
    rows: Sequence[dict[str, str]], classes: Sequence[str]
) -> NDArray[np.float64] | None:
    """Return the probabilities, or None where a single one is missing or is none."""
    try:
        found = [[float(row[f"p_{name}"]) for name in classes] for row in rows]
        return as_probabilities(found) if found else None
    except (KeyError, TypeError, ValueError):
        return None


def _with_roc(rates: ClassRates, of_class: Roc | None) -> ClassRates:
    if of_class is None:
        return rates
    more = {"auc": _area(of_class), "average_precision": of_class.average_precision}
    return rates.model_copy(update=more)


def _area(of_class: Roc) -> Area | None:
    area, interval = of_class.auc, of_class.auc_interval()
    if area is None or interval is None:
        return None
    return Area(value=float(area), low=interval.low, high=interval.high)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if len(known) == len(values) else None
