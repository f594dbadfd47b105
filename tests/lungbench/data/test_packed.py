import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lungbench.data.packed import Paths, Rows
from lungbench.frozen import Frozen

NAMES = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), max_size=20)


class Both(Frozen):
    paths: Paths
    rows: dict[str, Rows]


@settings(max_examples=40)
@given(NAMES)
def test_paths_are_told_as_they_were_given(names: list[str]) -> None:
    paths = Paths(names)
    assert paths == names
    assert names == list(paths)
    assert len(paths) == len(names)
    assert [paths[-at] for at in range(1, len(names) + 1)] == names[::-1]
    assert paths[1:3] == names[1:3]


def test_a_name_that_is_not_text_comes_back_as_the_system_gave_it() -> None:
    assert list(Paths(["a/f\udce9v.png"])) == ["a/f\udce9v.png"]


def test_chosen_paths_are_in_the_order_asked_for() -> None:
    paths = Paths(["a", "bb", "", "dddd"])
    assert paths.chosen(np.array([3, 0, 2])) == ["dddd", "a", ""]
    assert paths.chosen(np.array([], dtype=np.int64)) == []


@pytest.mark.parametrize("other", [["a"], ["a", "c"], ["b", "a"], "ab", None, 3])
def test_other_paths_are_not_equal(other: object) -> None:
    assert Paths(["a", "b"]) != other


def test_a_position_beyond_the_end_is_refused() -> None:
    with pytest.raises(IndexError):
        Paths(["a"])[1]


def test_rows_are_what_numpy_and_python_take_them_for() -> None:
    rows = Rows([4, 0, 5])
    assert rows == (4, 0, 5)
    assert rows == Rows(np.array([4, 0, 5]))
    assert rows[1:] == [0, 5]
    assert np.asarray(rows, dtype=np.int64).tolist() == [4, 0, 5]
    assert np.isin([0, 1], rows).tolist() == [True, False]
    assert rows != (4, 0)


def test_both_are_lists_in_json_and_back() -> None:
    both = Both(paths=["a", "ü"], rows={"train": (3, 1)})  # type: ignore[arg-type]
    assert both.model_dump(mode="json") == {"paths": ["a", "ü"], "rows": {"train": [3, 1]}}
    assert Both.model_validate_json(both.model_dump_json()) == both


@pytest.mark.parametrize(
    "values",
    [
        {"paths": "abc", "rows": {}},
        {"paths": [1], "rows": {}},
        {"paths": 3, "rows": {}},
        {"paths": [], "rows": {"train": ["a"]}},
        {"paths": [], "rows": {"train": [2**40]}},
        {"paths": [], "rows": {"train": {"1": 2}}},
    ],
)
def test_what_is_neither_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Both.model_validate(values)
