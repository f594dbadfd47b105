import io
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungbench.data.row_file import RowFile


def test_what_is_written_in_any_order_is_an_npy_file(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 7, 7), dtype=np.uint8)
    with RowFile.create(tmp_path / "images.npy", 5, 7) as rows:
        for row in (3, 0, 4, 1, 2):
            rows.write(row, images[row])
    np.testing.assert_array_equal(np.load(tmp_path / "images.npy"), images)


@settings(max_examples=40)
@given(st.permutations(range(12)), st.integers(0, 12))
def test_images_are_put_into_any_order_and_the_others_dropped(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], kept: int
) -> None:
    path = tmp_path_factory.mktemp("rows") / "images.npy"
    images = np.random.default_rng(0).integers(0, 256, (12, 3, 3), dtype=np.uint8)
    with RowFile.create(path, 12, 3) as rows:
        for row in range(12):
            rows.write(row, images[row])
        rows.arrange(np.array(order[:kept], dtype=np.int64))
    expected = io.BytesIO()
    np.save(expected, images[order[:kept]])
    assert path.read_bytes() == expected.getvalue()


def test_a_write_that_is_cut_short_is_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a disk with a few bytes left answers: fewer bytes written than asked, and no error.
    monkeypatch.setattr(os, "pwrite", lambda _file, content, _offset: content.nbytes - 1)
    with (
        RowFile.create(tmp_path / "images.npy", 1, 7) as rows,
        pytest.raises(OSError, match="No space left"),
    ):
        rows.write(0, np.zeros((7, 7), np.uint8))
