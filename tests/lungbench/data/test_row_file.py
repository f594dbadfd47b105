import os
from pathlib import Path

import numpy as np
import pytest

from lungbench.data.row_file import RowFile


def test_what_is_written_in_any_order_is_an_npy_file(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 7, 7), dtype=np.uint8)
    with RowFile.create(tmp_path / "images.npy", 5, 7) as rows:
        for row in (3, 0, 4, 1, 2):
            rows.write(row, images[row])
    np.testing.assert_array_equal(np.load(tmp_path / "images.npy"), images)


def test_a_write_that_is_cut_short_is_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a disk with a few bytes left answers: fewer bytes written than asked, and no error.
    monkeypatch.setattr(os, "pwrite", lambda _file, content, _offset: len(content) - 1)
    with (
        RowFile.create(tmp_path / "images.npy", 1, 7) as rows,
        pytest.raises(OSError, match="No space left"),
    ):
        rows.write(0, np.zeros((7, 7), np.uint8))
