import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungbench.data.decode import ImageFacts
from lungbench.data.file_table import Content, FileTable
from lungbench.data.grouping import ALONE, connected, groups_of
from lungbench.data.listing import FoundFile

GREY = ImageFacts(40, 30, "L", "PNG", 1.5)


def table(*files: FoundFile) -> FileTable:
    """A table of decoded files, each of which holds the bytes that its stem's digits name."""
    found = FileTable(files)
    for position, file in enumerate(files):
        held = "".join(filter(str.isdigit, file.path)).encode()
        found.enter(position, Content(hashlib.sha256(held).digest(), (1, 2, 3)), GREY)
    return found


def named(files: FileTable, groups: np.ndarray, order: np.ndarray) -> list[set[str]]:
    """The groups of several, by the paths of their images."""
    paths = [files.paths[position] for position in order]
    found = [{paths[at] for at in np.flatnonzero(groups == group)} for group in set(groups)]
    return sorted((group for group in found if len(group) > 1), key=sorted)


def grouped(*files: FoundFile, alike: dict[str, int] | None = None) -> list[set[str]]:
    found = table(*files)
    order = found.row_order()
    numbers = None
    if alike is not None:
        paths = [found.paths[position] for position in order]
        numbers = np.array([alike.get(path, 100 + at) for at, path in enumerate(paths)])
    return named(found, groups_of(found, order, numbers), order)


def test_copies_are_one_group() -> None:
    assert grouped(*(FoundFile(f"a/{name}", "a") for name in ("1", "x1", "2"))) == [{"a/1", "a/x1"}]


def test_a_patient_is_one_group_within_a_collection() -> None:
    files = [
        FoundFile("a/1", "a", patient="7", collection="one"),
        FoundFile("a/2", "a", patient="7", collection="two"),
        FoundFile("b/3", "b", patient="7", collection="one"),
        FoundFile("b/4", "b", patient="8", collection="one"),
        FoundFile("b/5", "b", collection="one"),
        FoundFile("b/6", "b", collection="one"),
    ]
    assert grouped(*files) == [{"a/1", "b/3"}]


def test_groups_that_share_an_image_are_one() -> None:
    files = [
        FoundFile("a/1", "a", patient="7"),
        FoundFile("a/2", "a", patient="7"),
        FoundFile("a/3", "a", patient="8"),
        FoundFile("b/4", "b", patient="8"),
        FoundFile("b/5", "b"),
        FoundFile("b/x5", "b", patient="9"),
        FoundFile("b/6", "b", patient="9"),
        FoundFile("b/7", "b"),
    ]
    found = grouped(*files, alike={"a/2": 0, "a/3": 0, "b/4": 1, "b/7": 1})
    assert found == [{"a/1", "a/2", "a/3", "b/4", "b/7"}, {"b/5", "b/x5", "b/6"}]


def test_nothing_in_common_is_no_group() -> None:
    assert grouped(FoundFile("a/1", "a"), FoundFile("a/2", "a", patient="7")) == []


@settings(max_examples=60)
@given(
    st.integers(1, 30).flatmap(
        lambda count: st.lists(
            st.lists(st.integers(ALONE, 6), min_size=count, max_size=count), min_size=1, max_size=3
        )
    )
)
def test_what_is_linked_over_any_number_of_links_is_one(kinds: list[list[int]]) -> None:
    count = len(kinds[0])
    found = connected(count, [np.array(kind) for kind in kinds])
    # The plainest way: join two groups for each pair that is linked.
    groups = [{at} for at in range(count)]
    for kind in kinds:
        for one in range(count):
            for other in range(one):
                if kind[one] == kind[other] != ALONE:
                    joined = groups[one] | groups[other]
                    for member in joined:
                        groups[member] = joined
    assert found.tolist() == [min(group) for group in groups]


def test_a_long_chain_is_one_group() -> None:
    pairs = np.arange(1000) // 2
    assert not connected(1000, [pairs, np.append(ALONE, pairs[:-1])]).any()


def test_no_images_have_no_groups() -> None:
    assert connected(0, []).tolist() == []


@pytest.mark.parametrize("images", [1, 3])
def test_near_duplicates_are_asked_for_where_the_pixels_lie(
    images: int, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lungbench.data import near_duplicates
    from lungbench.data.grouping import alike_in

    links = np.array([[0, images - 1, 0]]) if images > 1 else np.zeros((0, 3), dtype=np.int64)
    monkeypatch.setattr(near_duplicates, "stored_links", lambda *_: links)
    assert alike_in(tmp_path, images).tolist() == [0, 1, 0][:images]  # type: ignore[arg-type]
