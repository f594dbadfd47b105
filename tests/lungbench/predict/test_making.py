"""The card that a training leaves, from its data and its validation predictions."""

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lungbench.data.dataset import PreparedData
from lungbench.data.images_csv import COLUMNS, IMAGES_FILE
from lungbench.predict.making import calibration_of, card_of
from lungbench.stats.calibration import reliability, scaled

SURE = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.4, 0.6]])


def drawn(images: int, temperature: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Probabilities that are honest at this temperature, with labels drawn from the honest ones."""
    draw = np.random.default_rng(3)
    honest = scaled(draw.dirichlet((1.0, 1.0, 1.0), images), 0.5)
    labels = np.array([draw.choice(3, p=row) for row in honest])
    return scaled(honest, 1 / temperature), labels


def test_a_network_that_is_too_sure_gets_the_temperature_that_makes_it_honest() -> None:
    made = calibration_of(*drawn(4000, 2.5))
    assert made is not None
    # Honest at 2.5 by construction; 4,000 draws leave a tenth.
    assert made.temperature == pytest.approx(2.5, rel=0.1)
    assert made.images == 4000
    assert sum(each.images for each in made.raw) == 4000
    assert made.scaled is not None
    assert sum(each.images for each in made.scaled) == 4000


def test_the_temperature_brings_confidence_nearer_to_the_truth_on_images_it_was_not_fitted_to() -> (
    None
):
    made = calibration_of(*drawn(2000, 3.0))
    assert made is not None
    assert made.scaled is not None

    def off(bins: tuple[object, ...]) -> float:
        return sum(each.images * abs(each.accuracy - each.confidence) for each in bins)  # type: ignore[attr-defined]

    assert off(made.scaled) < off(made.raw) / 2


def test_where_every_image_is_right_no_temperature_is_known() -> None:
    made = calibration_of(SURE, np.array([0, 0, 0, 1]))
    assert made is not None
    assert (made.temperature, made.scaled) == (None, None)
    assert made.raw == reliability(SURE.max(axis=1), [True] * 4)


def test_what_is_no_number_calibrates_nothing() -> None:
    wrong = np.where(SURE == 0.9, math.nan, SURE)
    assert calibration_of(wrong, np.array([0, 0, 0, 1])) is None


def test_a_single_image_makes_a_card(data: PreparedData, tmp_path: Path) -> None:
    one = data.model_copy(update={"rows": data.rows | {"train": (0,), "validation": (6,)}})
    card = card_of(one, tmp_path / IMAGES_FILE, np.array([[0.4, 0.6]]))
    assert card.calibration is not None
    assert card.calibration.images == card.appearance.images == 1


def test_a_card_tells_of_the_training_images_and_the_validation_predictions(
    data: PreparedData, tmp_path: Path
) -> None:
    rows = [",".join(COLUMNS)]
    for split, width in (("train", 300), ("train", 600), ("test", 9000)):
        rows.append(f"a.png,covid,{split},yes,,00,9,{width},300,RGB,PNG,80")
    rows.append("b.png,covid,,no,damaged,00,9,,,,,")
    (tmp_path / IMAGES_FILE).write_text("\r\n".join(rows) + "\r\n")
    card = card_of(data, tmp_path / IMAGES_FILE, SURE)
    assert (card.classes, card.image_size) == (data.classes, data.image_size)
    seen = card.appearance
    assert (seen.images, seen.modes) == (12, {"RGB": 2})
    assert seen.aspect is not None
    assert (seen.aspect.least, seen.aspect.most) == (1.0, 2.0)
    pixels = np.load(data.pixels / "images.npy")[list(data.rows["train"])]
    means = pixels.mean(axis=(1, 2))
    assert (seen.brightness.least, seen.brightness.most) == pytest.approx(
        (means.min(), means.max())
    )
    # The validation images are 2 of the first class and 2 of the second; see the fixture.
    assert card.calibration is not None
    assert sum(round(each.accuracy * each.images) for each in card.calibration.raw) == 3
