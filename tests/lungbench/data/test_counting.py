"""How many images an experiment would use, unopened."""

from pathlib import Path
from typing import Any

import pytest

from lungbench.data.counting import expected_images
from lungbench.errors import DataError
from lungbench.settings import DataSettings


def folder_of(path: Path, counts: dict[str, int]) -> str:
    for name, count in counts.items():
        (path / name).mkdir(parents=True)
        for number in range(count):
            (path / name / f"{number}.png").touch()
    return str(path)


@pytest.mark.parametrize(
    ("asked", "train", "validation", "test"),
    [
        ({"test_fraction": 0.2, "validation_fraction": 0.1}, 70, 10, 20),
        # The paper's: 80 to 20, and a fifth of all tests a second time.
        ({"split": "paper"}, 80, 20, 20),
        ({"kfold": 4, "validation_fraction": 0.1}, 65, 10, 25),
        ({"per_class": 20, "test_fraction": 0.2, "validation_fraction": 0.1}, 28, 4, 8),
    ],
)
def test_files_are_split_as_asked(
    tmp_path: Path, asked: dict[str, Any], train: int, validation: int, test: int
) -> None:
    source = folder_of(tmp_path, {"covid": 40, "healthy": 60})
    found = expected_images(DataSettings.model_validate({"source": source, **asked}))
    assert found.classes == 2
    assert found.images == {"train": train, "validation": validation, "test": test}


def test_a_source_with_splits_keeps_them(tmp_path: Path) -> None:
    each = {"covid": 3, "healthy": 5}
    for split, times in (("Train", 10), ("Val", 2), ("Testeo", 1)):
        folder_of(tmp_path / split, {name: times * count for name, count in each.items()})
    found = expected_images(DataSettings(source=str(tmp_path), split="folders"))
    assert found.images == {"train": 80, "validation": 16, "test": 8}


def test_drawn_images_are_counted_without_drawing_them() -> None:
    found = expected_images(DataSettings(synthetic_per_class=100, test_fraction=0.2))
    assert found.classes == 3
    assert sum(found.images.values()) == 300


def test_a_source_that_is_gone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        expected_images(DataSettings(source=str(tmp_path / "gone")))
