from pathlib import Path

import numpy as np
import pytest

from lungbench.data.dataset import (
    DATA_FILE,
    LABELS_FILE,
    PIXELS_FILE,
    ImageSet,
    PreparedData,
)
from lungbench.data.packed import Rows
from lungbench.errors import DataError

LABELS = np.array([0, 0, 0, 1, 1, 2])


@pytest.fixture
def data(tmp_path: Path) -> PreparedData:
    """Six images of 16 x 16 pixels, each as bright as its position."""
    np.save(tmp_path / PIXELS_FILE, np.arange(6, dtype=np.uint8).repeat(256).reshape(6, 16, 16))
    np.save(tmp_path / LABELS_FILE, LABELS)
    return PreparedData(
        fingerprint="f" * 64,
        source="synthetic",
        classes=("covid", "normal", "tuberculosis"),
        image_size=16,
        split_seed=0,
        pixels=tmp_path,
        rows={"train": (4, 0, 5), "validation": (1,), "test": (2, 3)},
        paths=tuple(f"{number}.png" for number in range(6)),
        images_found=7,
        images_skipped=1,
    )


def test_it_is_read_as_it_was_written(data: PreparedData, tmp_path: Path) -> None:
    (tmp_path / DATA_FILE).write_text(data.model_dump_json())
    assert PreparedData.read(tmp_path / DATA_FILE) == data


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff"])
def test_what_is_no_prepared_data_is_refused_in_one_line(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / DATA_FILE).write_bytes(content)
    with pytest.raises(DataError, match=r"data\.json") as caught:
        PreparedData.read(tmp_path / DATA_FILE)
    assert "\n" not in str(caught.value)


def test_facts_count_each_class_in_each_split(data: PreparedData) -> None:
    assert data.facts().counts == {
        "train": {"covid": 1, "normal": 1, "tuberculosis": 1},
        "validation": {"covid": 1, "normal": 0, "tuberculosis": 0},
        "test": {"covid": 1, "normal": 1, "tuberculosis": 0},
    }


def test_a_split_has_its_own_images_in_its_own_order(data: PreparedData) -> None:
    train = ImageSet.open(data, "train")
    pixels, one_hot = train.batch([0, 1, 2])
    assert len(train) == 3
    assert pixels.shape == (3, 16, 16)
    assert pixels.dtype == np.uint8
    assert pixels[:, 0, 0].tolist() == [4, 0, 5]
    assert one_hot.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
    assert one_hot.dtype == np.float32


def test_a_batch_follows_the_order_asked_for(data: PreparedData) -> None:
    pixels, _ = ImageSet.open(data, "train").batch(np.array([2, 2, 0]))
    assert pixels[:, 0, 0].tolist() == [5, 5, 4]


def test_pixels_are_mapped_and_not_read(data: PreparedData) -> None:
    assert isinstance(ImageSet.open(data, "test").pixels, np.memmap)


@pytest.mark.parametrize("name", [PIXELS_FILE, LABELS_FILE])
@pytest.mark.parametrize("content", [None, b"", b"damaged"])
def test_a_cache_that_is_gone_or_damaged_is_refused(
    data: PreparedData, name: str, content: bytes | None
) -> None:
    (data.pixels / name).unlink()
    if content is not None:
        (data.pixels / name).write_bytes(content)
    with pytest.raises(DataError, match="Prepare the data again"):
        ImageSet.open(data, "train")


def test_it_is_written_piece_by_piece_as_it_is_read(data: PreparedData, tmp_path: Path) -> None:
    for written in (data, data.model_copy(update={"folds": (data.rows, data.rows)})):
        written.write(tmp_path / DATA_FILE)
        assert PreparedData.read(tmp_path / DATA_FILE) == written


def test_what_an_older_version_wrote_is_read(data: PreparedData, tmp_path: Path) -> None:
    new = {"split", "folds", "class_sizes", "collections", "leaked", "grouped", "remark"}
    old = data.model_dump_json(exclude=new | {"images_left_out"}, indent=1)
    (tmp_path / DATA_FILE).write_text(old)
    assert PreparedData.read(tmp_path / DATA_FILE) == data


def test_the_data_of_a_fold_are_its_own(data: PreparedData) -> None:
    second = {"train": Rows([0]), "validation": Rows([1]), "test": Rows([2])}
    crossed = data.model_copy(update={"folds": (data.rows, second)})
    assert crossed.of_fold(1).rows == data.rows
    assert crossed.of_fold(2).rows == second
    assert crossed.of_fold(2).facts().counts["train"] == {
        "covid": 1,
        "normal": 0,
        "tuberculosis": 0,
    }
    assert data.of_fold(None) == data


@pytest.mark.parametrize(("folds", "fold"), [(0, 1), (2, None), (2, 3), (2, 0)])
def test_a_fold_that_was_not_prepared_is_refused(
    data: PreparedData, folds: int, fold: int | None
) -> None:
    crossed = data.model_copy(update={"folds": (data.rows,) * folds})
    with pytest.raises(DataError, match=rf"fold {fold} of {folds}"):
        crossed.of_fold(fold)


def test_the_sizes_of_the_classes_tell_the_labels_without_the_cache(data: PreparedData) -> None:
    facts = data.facts()
    (data.pixels / LABELS_FILE).unlink()
    sized = data.model_copy(update={"class_sizes": (3, 2, 1)})
    assert sized.labels().tolist() == LABELS.tolist()
    assert sized.facts() == facts
