"""What a run knows of its network besides the weights: `diagnosis.json`, beside `model.keras`.

How far its probabilities can be believed (`Calibration`), and what the images looked like that it
was trained on (`Appearance`), so that others can be told apart from them.
"""

import hashlib
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from pydantic import ValidationError

from lungbench.frozen import Frozen
from lungbench.job import DIAGNOSIS_FILE
from lungbench.predict.regular import read_at_most
from lungbench.predict.trust import Voucher
from lungbench.stats.calibration import Bin

MAX_CARD_BYTES = 2**20  # a thousand classes and every colour mode of Pillow take 50 kB

_LEVELS = (0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1)


class Calibration(Frozen):
    """How sure the network is of the validation images, and how often it is right.

    Attributes:
        images: The validation images.
        temperature: What the logarithms of probabilities are divided by, so that they fit how
            often the network is right; above 1 where it is too sure of itself. None where every
            image is diagnosed rightly: then nothing tells how sure is too sure.
        raw: The reliability of the probabilities as the network gives them.
        scaled: That of the scaled ones, each scaled by a temperature fitted to other images: those
            that a temperature was fitted to flatter it. None without a temperature.
    """

    images: int
    temperature: float | None
    raw: tuple[Bin, ...]
    scaled: tuple[Bin, ...] | None


class Quantiles(Frozen):
    """How a measure is spread over the training images."""

    least: float
    p01: float
    p05: float
    p25: float
    median: float
    p75: float
    p95: float
    p99: float
    most: float

    @classmethod
    def of(cls, values: ArrayLike) -> Self:
        """Return the quantiles of one value or more."""
        found = np.quantile(np.asarray(values, dtype=np.float64), _LEVELS)
        return cls(**dict(zip(cls.model_fields, map(float, found), strict=True)))


class Appearance(Frozen):
    """What the training images looked like.

    Attributes:
        images: Those that were looked at.
        brightness: Mean grey, 0 to 255, of the images as the network sees them.
        aspect: Width over height of the original images; None where that isn't on record.
        modes: Original images by the layout of their pixels, such as `L` and `RGB`.
        thumbnail: Their mean, 16 x 16, row by row; of unit length about 0.
        likeness: Correlation of each with that mean, -1 to 1.
    """

    images: int
    brightness: Quantiles
    aspect: Quantiles | None
    modes: dict[str, int]
    thumbnail: tuple[float, ...]
    likeness: Quantiles


class ModelCard(Frozen):
    """What `diagnosis.json` holds.

    Attributes:
        classes: In the order of the network's outputs.
        image_size: Height and width of the pixels that the network takes.
        calibration: None where the network gives no finite probabilities.
    """

    schema_version: Literal[1] = 1
    classes: tuple[str, ...]
    image_size: int
    calibration: Calibration | None
    appearance: Appearance


def card_of_run(voucher: Voucher, image_size: int) -> ModelCard | str:
    """Return what the run that saved a model left of it, or why nothing of that can be used.

    Args:
        voucher: Whose record holds the hash of the card.
        image_size: What the model takes.
    """
    digest = voucher.record.artifacts.get(DIAGNOSIS_FILE)
    if digest is None:
        return f"its run left no {DIAGNOSIS_FILE}"
    try:
        content = read_at_most(voucher.folder / DIAGNOSIS_FILE, MAX_CARD_BYTES)
    except OSError as error:
        return f"{DIAGNOSIS_FILE} can't be read ({error.strerror})"
    if hashlib.sha256(content).hexdigest() != digest:
        return f"{DIAGNOSIS_FILE} isn't what its run wrote"
    try:
        card = ModelCard.model_validate_json(content)
    except ValidationError:
        return f"{DIAGNOSIS_FILE} is of another version"
    if (card.classes, card.image_size) != (voucher.record.data.classes, image_size):
        return f"{DIAGNOSIS_FILE} is of another network"
    return card
