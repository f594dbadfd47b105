from pathlib import Path

import numpy as np
import pytest

from lungbench.data.records import Records

KIND = np.dtype([("name", "S4"), ("size", "<i8")])
PACKING = "<4sq"


@pytest.fixture(params=["in memory", "on disk"])
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Records:
    return Records(KIND, PACKING, 5000, tmp_path if request.param == "on disk" else None)


def test_a_record_is_zero_until_it_is_written(records: Records) -> None:
    assert records[0] == (b"\0\0\0\0", 0)
    records[4999] = (b"abc\0", -7)
    assert records[4999] == (b"abc\0", -7)
    assert records[4998] == (b"\0\0\0\0", 0)


def test_pieces_hold_all_records_in_their_order(records: Records) -> None:
    for position in (0, 4095, 4096, 4999):
        records[position] = (b"x", position)
    whole = np.concatenate(list(records.pieces()))
    assert len(whole) == len(records) == 5000
    assert whole["size"][[0, 4095, 4096, 4999]].tolist() == [0, 4095, 4096, 4999]
    assert whole["size"].sum() == 4095 + 4096 + 4999


def test_the_file_has_no_name_and_none_is_left(tmp_path: Path) -> None:
    records = Records(KIND, PACKING, 3, tmp_path)
    records[1] = (b"a", 1)
    assert list(tmp_path.iterdir()) == []


def test_no_records_need_no_room(tmp_path: Path) -> None:
    assert list(Records(KIND, PACKING, 0, tmp_path).pieces()) == []
