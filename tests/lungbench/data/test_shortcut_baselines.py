"""Shortcuts are found where they are planted, and only there."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from lungbench.data import shortcut_baselines as baselines
from lungbench.data.image_table import ImageTable
from lungbench.data.shortcut_baselines import ShortcutBaselines, shortcut_baselines
from lungbench.stats.intervals import wilson

TableOf = Callable[..., ImageTable]

PER_CLASS = 60
CLASSES = ["a"] * PER_CLASS + ["b"] * PER_CLASS
SPLITS = (["train"] * 36 + ["validation"] * 8 + ["test"] * 16) * 2


def noise(images: int = 2 * PER_CLASS) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(60, 180, (images, 24, 24), dtype=np.uint8)


def found(table: ImageTable, pixels: NDArray[np.uint8]) -> ShortcutBaselines:
    result = shortcut_baselines(table, pixels)
    assert result is not None
    return result


def right(result: ShortcutBaselines) -> dict[str, float]:
    return {each.sees: each.right / len(result.test) for each in result.baselines}


def test_noise_is_not_shown_to_beat_guessing(table_of: TableOf) -> None:
    result = found(table_of(CLASSES, SPLITS), noise())
    for each in result.baselines:
        assert wilson(each.right, len(result.test)).low < 0.5


def test_a_class_in_another_format_is_told_by_file_facts_alone(table_of: TableOf) -> None:
    formats = ["PNG"] * PER_CLASS + ["JPEG"] * PER_CLASS
    result = found(table_of(CLASSES, SPLITS, format=formats), noise())
    assert right(result)["file facts"] == 1
    assert result.best == "file facts"
    assert right(result)["grey statistics"] < 0.8


def test_a_brighter_class_is_told_by_its_greys(table_of: TableOf) -> None:
    pixels = noise()
    pixels[PER_CLASS:] += 40
    result = found(table_of(CLASSES, SPLITS), pixels)
    assert right(result)["grey statistics"] == 1
    assert right(result)["file facts"] == 0.5


def test_a_mark_in_a_corner_is_told_by_the_thumbnail(table_of: TableOf) -> None:
    pixels = noise()
    pixels[PER_CLASS:, :3, :3] = 255
    pixels[:PER_CLASS, 12:15, 12:15] = 255  # so that both have as many white pixels
    result = found(table_of(CLASSES, SPLITS), pixels)
    assert right(result)["thumbnails"] == 1
    assert right(result)["grey statistics"] < 0.8
    assert result.best_baseline.sees == "thumbnails"


def test_guessing_is_of_the_training_and_test_images(table_of: TableOf) -> None:
    classes = ["a"] * 6 + ["b"] * 2 + ["c"] * 2 + ["a"] + ["b"] * 3
    result = found(table_of(classes, ["train"] * 10 + ["test"] * 4), noise(14))
    assert result.chance == pytest.approx(1 / 3)
    assert (result.majority_class, result.majority) == ("a", 0.25)
    # 0.6 of a quarter and 0.2 of three quarters
    assert result.in_proportion == pytest.approx(0.6 * 0.25 + 0.2 * 0.75)
    assert result.trained_images == 10


def test_every_test_image_has_a_diagnosis_that_counts_up_to_the_accuracy(
    table_of: TableOf,
) -> None:
    result = found(table_of(CLASSES, SPLITS), noise())
    tested = [number for number, split in enumerate(SPLITS) if split == "test"]
    assert result.test == tuple(tested)
    assert result.true == tuple([0] * 16 + [1] * 16)
    for each in result.baselines:
        hits = [told == true for told, true in zip(each.predicted, result.true, strict=True)]
        assert sum(hits) == each.right
        assert each.macro_recall == pytest.approx((sum(hits[:16]) / 16 + sum(hits[16:]) / 16) / 2)


def test_without_validation_images_the_best_is_the_one_that_sees_all(table_of: TableOf) -> None:
    splits = ["train" if each == "validation" else each for each in SPLITS]
    result = found(table_of(CLASSES, splits, format=CLASSES), noise())
    assert result.best == "file facts, greys and thumbnails"
    assert all(each.validation_accuracy is None for each in result.baselines)


def test_images_that_train_and_test_are_in_both(table_of: TableOf) -> None:
    splits = [("train", "test") if number % 2 else ("train",) for number in range(120)]
    result = found(table_of(CLASSES, splits), noise())
    assert (result.trained_images, len(result.test)) == (120, 60)


@pytest.mark.parametrize("splits", [["train"] * 120, ["train"] * 60 + ["test"] * 60])
def test_nothing_to_test_or_nothing_to_choose_from_is_no_baseline(
    table_of: TableOf, splits: list[str]
) -> None:
    assert shortcut_baselines(table_of(CLASSES, splits), noise()) is None


def test_a_large_training_split_is_drawn_from_and_nothing_else_is(
    table_of: TableOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(baselines, "_MOST_TRAINED", 20)
    first, second = (found(table_of(CLASSES, SPLITS), noise()) for _ in range(2))
    assert (first.trained_images, len(first.test)) == (20, 32)
    assert first == second


def test_a_cross_validation_tests_every_image_once(table_of: TableOf) -> None:
    formats = ["PNG"] * PER_CLASS + ["JPEG"] * PER_CLASS
    table = table_of(CLASSES, SPLITS, format=formats)
    halves = np.arange(len(CLASSES)) % 2 == 0
    none = np.zeros_like(halves)
    folds = tuple({"train": ~half, "validation": none, "test": half} for half in (halves, ~halves))
    result = found(replace(table, folds=folds), noise())
    assert sorted(result.test) == list(range(len(CLASSES)))
    assert result.true == tuple(table.labels[list(result.test)].tolist())
    assert right(result)["file facts"] == 1
    assert (result.majority, result.in_proportion, result.chance) == (0.5, 0.5, 0.5)
