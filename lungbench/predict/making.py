"""Make a network's card where it was trained, from what is at hand there."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lungbench.data.dataset import ImageSet, PreparedData
from lungbench.predict.appearance import Original, appearance_of
from lungbench.predict.card import Calibration, ModelCard
from lungbench.stats.calibration import COLDEST, fit_temperature, reliability, scaled

# Evenly chosen; the 1st percentile of so many rests on 20 images.
_MOST_IMAGES = 2048

_FOLDS = 5
_AT_THE_END = 1.01  # of the range that temperatures are looked for in


def card_of(data: PreparedData, images_csv: Path, probabilities: NDArray[Any]) -> ModelCard:
    """Sum up what a network was trained on, and how sure it may be of itself.

    Args:
        data: What it was trained on.
        images_csv: The table of the files; the originals' shapes are unknown where it isn't there.
        probabilities: What the network says of the validation images, image x class.
    """
    train, validation = ImageSet.open(data, "train"), ImageSet.open(data, "validation")
    rows = train.rows[:: -(-len(train) // _MOST_IMAGES)]
    return ModelCard(
        classes=data.classes,
        image_size=data.image_size,
        calibration=calibration_of(probabilities, validation.labels[validation.rows]),
        appearance=appearance_of([train.pixels[row] for row in rows], list(_originals(images_csv))),
    )


def calibration_of(probabilities: NDArray[Any], labels: NDArray[np.int64]) -> Calibration | None:
    """Fit a temperature to the validation images, and say what it changes.

    Args:
        probabilities: Image x class, of one image or more.
        labels: The true class of each.

    Returns:
        None where a probability is no finite number.
    """
    if not np.isfinite(probabilities).all():
        return None
    found, right = probabilities.clip(0, 1), probabilities.argmax(axis=1) == labels
    temperature = fit_temperature(found, labels)
    known = temperature > COLDEST * _AT_THE_END
    unseen = _scaled_unseen(found, labels).max(axis=1) if known else None
    return Calibration(
        images=len(labels),
        temperature=temperature if known else None,
        raw=reliability(found.max(axis=1), right),
        scaled=None if unseen is None else reliability(unseen, right),
    )


def _scaled_unseen(probabilities: NDArray[Any], labels: NDArray[np.int64]) -> NDArray[Any]:
    """Scale each image by a temperature that was fitted to others."""
    fold = np.arange(len(labels)) % _FOLDS
    out = np.array(probabilities, dtype=np.float64)
    for number in np.unique(fold).tolist():
        unseen = fold == number
        if not unseen.all():
            temperature = fit_temperature(probabilities[~unseen], labels[~unseen])
            out[unseen] = scaled(probabilities[unseen], temperature)
    return out


def _originals(images_csv: Path) -> Iterator[Original]:
    """Yield the files of the training images."""
    try:
        with images_csv.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["split"] == "train":
                    yield Original(int(row["width"]), int(row["height"]), row["mode"])
    except FileNotFoundError:
        return
