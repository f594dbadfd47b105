"""Readings as arrays hold what the reader of rows gives, whatever became of the file."""

import gzip
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungbench.job import SAMPLES_FILE
from lungbench.resources.samples import read_samples
from reports.results.readings import columns_of

CELLS = st.one_of(
    st.just(""),
    st.floats(allow_nan=False, allow_infinity=False).map(str),
    st.floats(0, 1e6).map(lambda value: str(round(value, 3))),
    st.integers(0, 2**53).map(str),
)
ROWS = st.lists(st.lists(CELLS, min_size=3, max_size=3).map(",".join), max_size=6)
HEADER = "t_s,cpu_percent,rss_bytes"


def same(path: Path) -> bool:
    """Whether both readers give the same columns to the last bit."""
    arrays, lists = columns_of(path), read_samples(path)
    return list(arrays) == list(lists) and all(
        np.array_equal(arrays[name], np.array(values, np.float64), equal_nan=True)
        for name, values in lists.items()
    )


def written(folder: Path, text: str) -> Path:
    path = folder / SAMPLES_FILE
    path.write_bytes(gzip.compress(text.encode()))
    return path


@settings(max_examples=60)
@given(ROWS, st.integers(0, 3))
def test_any_rows_are_the_same_numbers_also_where_the_last_is_torn(
    rows: list[str], torn: int
) -> None:
    text = "\n".join((HEADER, *rows)) + "\n"
    with tempfile.TemporaryDirectory() as folder:
        assert same(written(Path(folder), text[: len(text) - torn]))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        f"{HEADER}\n",
        f"{HEADER}",
        f"{HEADER}\n0,1,2\n3,4\n5,6,7\n",
        f"{HEADER}\n0,1,2\n\n5,6,7\n",
        f"{HEADER}\n0,1,2\n3,x,4\n5,6,7\n",
        f"{HEADER}\n0,1,2,\n3,4,5,\n",
        f"{HEADER}\n,1,2\n3,,\n,,\n",
        f"{HEADER}\n0,1_0,2\n3,4,5\n",
        f"{HEADER}\n0,1,2\r3,4,5\n",
        f"{HEADER}\n0,#1,2\n3,4,5\n",
        f"{HEADER}\n0,inf,nan\n3,-inf,5\n",
        "t_s\n0\n\n1\n",
        "t_s\n0\n1\n",
        "t_s,t_s\n0,1\n2,3\n",
        "t_s,ä\n0,1\n",
    ],
)
def test_damage_is_read_as_far_as_it_goes_by_both(text: str, tmp_path: Path) -> None:
    assert same(written(tmp_path, text))


def test_a_torn_archive_gives_the_rows_before_the_tear(tmp_path: Path) -> None:
    rows = "".join(f"{second},{second * 1.7},{second**3}\n" for second in range(2000))
    path = written(tmp_path, f"{HEADER}\n{rows}")
    path.write_bytes(path.read_bytes()[:-4000])
    assert same(path)
    assert 0 < len(columns_of(path)["t_s"]) < 2000


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        columns_of(tmp_path / SAMPLES_FILE)
