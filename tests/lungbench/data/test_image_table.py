import csv
import math
from pathlib import Path

import numpy as np
import pytest

from lungbench.data.dataset import LABELS_FILE, PreparedData
from lungbench.data.image_table import UNKNOWN, ImageTable, Words
from lungbench.errors import DataError

HEADER = ("path", "class", "split", "sha256", "bytes", "width", "height", "mode", "format")


@pytest.fixture
def data(tmp_path: Path) -> PreparedData:
    """Five decoded images, of which the second is in no split and the last in two."""
    np.save(tmp_path / LABELS_FILE, np.array([0, 0, 0, 1, 1]))
    return PreparedData(
        fingerprint="f",
        source="s",
        classes=("covid", "normal"),
        image_size=16,
        split_seed=0,
        pixels=tmp_path,
        rows={"train": (0, 4), "validation": (2,), "test": (3, 4)},
        paths=("=a.png", "b.png", "c.png", "d.png", "e.png"),
        images_found=5,
        images_skipped=0,
    )


def written(folder: Path, rows: list[tuple[str, ...]], header: tuple[str, ...] = HEADER) -> Path:
    path = folder / "table.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def test_only_images_in_a_split_have_a_row(data: PreparedData, tmp_path: Path) -> None:
    table = ImageTable.read(data, written(tmp_path, []))
    assert [table.path(place) for place in range(4)] == ["=a.png", "c.png", "d.png", "e.png"]
    assert table.positions.tolist() == [0, 2, 3, 4]
    assert table.labels.tolist() == [0, 0, 1, 1]
    assert {name: within.tolist() for name, within in table.splits.items()} == {
        "train": [True, False, False, True],
        "validation": [False, True, False, False],
        "test": [False, False, True, True],
    }


def test_columns_are_joined_by_path_whatever_their_order(
    data: PreparedData, tmp_path: Path
) -> None:
    rows = [
        ("e.png", "normal", "test", "hash", "900", "30", "40", "RGB", "JPEG"),
        ("'=a.png", "covid", "train", "hash", "100", "10", "20", "L", "PNG"),  # as it is written
    ]
    table = ImageTable.read(data, written(tmp_path, rows))
    assert table.numbers["width"][[0, 3]].tolist() == [10, 30]
    assert math.isnan(table.numbers["height"][1])
    assert table.words["mode"].names == ("L", "RGB")
    assert table.words["mode"].numbers.tolist() == [0, UNKNOWN, UNKNOWN, 1]
    assert table.words["sha256"].numbers.tolist() == [0, UNKNOWN, UNKNOWN, 0]


def test_a_column_that_is_absent_is_unknown(data: PreparedData, tmp_path: Path) -> None:
    table = ImageTable.read(data, written(tmp_path, [("c.png", "covid")], ("path", "class")))
    assert not table.words["patient"].known.any()
    assert np.isnan(table.numbers["bytes"]).all()


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00", b'"never closed'])
def test_without_a_readable_table_all_is_unknown(
    data: PreparedData, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "table.csv"
    if content is not None:
        path.write_bytes(content)
    table = ImageTable.read(data, path)
    assert len(table) == 4
    assert not any(words.known.any() for words in table.words.values())


def test_files_of_one_content_under_two_labels_are_a_contradiction(
    data: PreparedData, tmp_path: Path
) -> None:
    rows = [
        ("covid/x.png", "covid", "", "same"),
        ("normal/x.png", "normal", "", "same"),
        ("covid/damaged.png", "covid", "", "other"),
        ("covid/damaged2.png", "covid", "", "other"),
        ("normal/unreadable.png", "normal", "", ""),
        ("covid/unreadable.png", "covid", "", ""),
    ]
    (found,) = ImageTable.read(data, written(tmp_path, rows, HEADER[:4])).contradictions
    assert found.paths == ("covid/x.png", "normal/x.png")
    assert found.classes == ("covid", "normal")


def test_every_fold_has_its_own_splits(data: PreparedData, tmp_path: Path) -> None:
    folds = ({"train": (0, 2), "test": (3,)}, {"train": (3, 2), "test": (0,)})
    crossed = PreparedData.model_validate({**data.model_dump(), "rows": folds[0], "folds": folds})
    table = ImageTable.read(crossed, tmp_path / "absent.csv")
    assert table.positions.tolist() == [0, 2, 3]
    assert [fold["test"].tolist() for fold in table.folds] == [
        [False, False, True],
        [True, False, False],
    ]
    assert not table.splits["validation"].any()


def test_words_are_numbered_in_order_and_empty_ones_unknown() -> None:
    words = Words.of(["b", "", "a", "b"])
    assert (words.names, words.numbers.tolist()) == (("a", "b"), [1, UNKNOWN, 0, 1])


def test_labels_that_only_a_lost_cache_tells_are_refused(
    data: PreparedData, tmp_path: Path
) -> None:
    (tmp_path / LABELS_FILE).unlink()
    with pytest.raises(DataError, match="must stay in the cache"):
        ImageTable.read(data, tmp_path / "table.csv")
