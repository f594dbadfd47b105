import hashlib
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from lungbench.data.dealing import Images, deal
from lungbench.errors import DataError

# A group: how many contents it has of each of three classes.
GROUPS = st.lists(
    st.dictionaries(st.integers(0, 2), st.integers(1, 4), min_size=1, max_size=2),
    min_size=8,
    max_size=40,
)


def digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def images_of(groups: list[dict[int, int]], seed: int = 0, copies: int = 1) -> Images:
    """Images in groups that are given by their contents of each class."""
    rows = [
        (label, digest(number, label, content), number)
        for number, group in enumerate(groups)
        for label, count in group.items()
        for content in range(count)
        for _ in range(copies)
    ]
    return Images.of(
        ["a", "b", "c"],
        np.array([label for label, _, _ in rows]),
        [content for _, content, _ in rows],
        seed,
        np.array([number for _, _, number in rows]),
    )


def thirds(images: Images) -> list[list[int]]:
    """A third of each class for each of three parts, the first ones larger."""
    return [[each // 3 + (part < each % 3) for part in range(3)] for each in images.contents()]


def dealt(images: Images) -> np.ndarray:
    return deal(images, thirds(images), "be anywhere")


@hypothesis_settings(max_examples=60)
@given(groups=GROUPS, seed=st.integers(0, 5))
def test_groups_stay_together_and_every_class_is_in_every_part(
    groups: list[dict[int, int]], seed: int
) -> None:
    alone = [{label: 1} for label in range(3) for _ in range(3)]
    images = images_of(groups + alone, seed)
    parts = dealt(images)
    for group in set(images.groups.tolist()):
        assert len(set(parts[images.groups == group].tolist())) == 1
    for label in range(3):
        assert set(parts[images.labels == label].tolist()) == {0, 1, 2}


@hypothesis_settings(max_examples=60)
@given(groups=GROUPS)
def test_the_parts_are_as_near_to_what_is_wanted_as_the_largest_group(
    groups: list[dict[int, int]],
) -> None:
    # What stands alone is enough to make good any group that went to the wrong part.
    alone = [{label: 1} for label in range(3) for _ in range(60)]
    images = images_of(groups + alone)
    parts, wanted = dealt(images), thirds(images)
    for label in range(3):
        counts = np.bincount(parts[images.labels == label], minlength=3)
        assert np.abs(counts - wanted[label]).max() <= 4 * 4  # the largest group, and some


@hypothesis_settings(max_examples=40)
@given(groups=GROUPS, shuffle=st.randoms(use_true_random=False), seed=st.integers(0, 5))
def test_neither_order_nor_the_numbers_of_the_groups_matter(
    groups: list[dict[int, int]], shuffle: object, seed: int
) -> None:
    groups = groups + [{label: 1} for label in range(3) for _ in range(3)]
    images = images_of(groups, seed)
    rows = list(range(len(images)))
    shuffle.shuffle(rows)  # type: ignore[attr-defined]
    digests = [
        digest(number, label, content)
        for number, group in enumerate(groups)
        for label, count in group.items()
        for content in range(count)
    ]
    other = Images.of(
        images.class_names,
        images.labels[rows],
        [digests[row] for row in rows],
        seed,
        len(groups) - 1 - images.groups[rows],
    )
    assert dealt(other).tolist() == dealt(images)[rows].tolist()


def test_copies_go_together_and_count_once() -> None:
    groups = [{0: 2}, {1: 3}, *({label: 1} for label in range(3) for _ in range(6))]
    once, thrice = images_of(groups), images_of(groups, copies=3)
    assert thrice.contents() == once.contents()
    assert dealt(thrice).tolist() == np.repeat(dealt(once), 3).tolist()


def test_large_groups_are_spread_by_what_each_part_wants() -> None:
    # 12 groups of 4 and 12 single images; 30, 18 and 12 wanted: 4 : 2.4 : 1.6 groups of each ten.
    images = images_of([{0: 4}] * 12 + [{0: 1}] * 12)
    only = Images.of(
        ["a"],
        images.labels,
        [digest(row) for row in range(60)],
        0,
        images.groups,
    )
    parts = deal(only, [[30, 18, 12]], "be anywhere")
    assert np.bincount(parts).tolist() == [30, 18, 12]
    in_groups = Counter(parts[images.groups < 12].tolist())
    assert [in_groups[part] // 4 for part in range(3)] == [6, 4, 2]


def test_a_class_of_three_large_groups_is_in_every_part() -> None:
    # By what is wanted the first two groups fit into the first part; the others must not go short.
    images = Images.of(
        ["a"],
        np.zeros(12, dtype=np.int64),
        [digest(row) for row in range(12)],
        0,
        np.arange(12) // 4,
    )
    assert sorted(np.bincount(deal(images, [[8, 2, 2]], "be anywhere"))) == [4, 4, 4]


def test_too_few_groups_are_refused_with_their_number() -> None:
    images = images_of([{0: 4}, {0: 5}, *({label: 1} for label in (1, 2) for _ in range(3))])
    with pytest.raises(DataError) as caught:
        dealt(images)
    message = str(caught.value)
    assert "class a with 9 different images in 2 groups of one patient or near-dupl" in message
    assert "at least 3, one each to be anywhere" in message


def test_a_group_is_ordered_by_the_smallest_of_its_digests() -> None:
    images = Images.of(["a", "b"], np.array([0, 0, 1]), ["ff", "1b", "0c"], 7, np.array([0, 0, 0]))
    [cluster] = images.clusters()
    assert cluster.key == int.from_bytes(hashlib.sha256(b"7:0c").digest()[:8])


def test_another_order_is_another_one_that_is_the_same_each_time() -> None:
    images = images_of([{0: 1}] * 30)
    one, two = images.reordered("fold 1"), images.reordered("fold 2")
    orders = [np.argsort(each.keys).tolist() for each in (images, one, two)]
    assert orders[0] != orders[1] != orders[2] != orders[0]
    assert images.reordered("fold 1").keys.tolist() == one.keys.tolist()
