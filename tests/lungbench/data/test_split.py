import hashlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from lungbench.data.split import split
from lungbench.errors import DataError
from lungbench.record import Split

COUNTS = st.dictionaries(st.sampled_from("abcde"), st.integers(3, 40), min_size=2)
FRACTIONS = st.floats(0.01, 0.49)


def digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def images(counts: dict[str, int]) -> list[tuple[str, str]]:
    return [(label, digest(label, k)) for label, count in counts.items() for k in range(count)]


def split_of(
    pairs: list[tuple[str, str]], seed: int = 0, validation: float = 0.16, test: float = 0.2
) -> dict[str, Split]:
    labels, digests = [label for label, _ in pairs], [digest for _, digest in pairs]
    chosen = split(labels, digests, seed=seed, validation_fraction=validation, test_fraction=test)
    return dict(zip(digests, chosen, strict=True))


def test_the_papers_fractions_of_120_images() -> None:
    # 0.2 * 120 = 24; 0.16 * 120 = 19.2, rounded to 19; 120 - 24 - 19 = 77.
    chosen = split_of(images({"a": 120, "b": 120}))
    assert Counter(chosen.values()) == {"test": 48, "validation": 38, "train": 154}


@pytest.mark.parametrize(
    ("count", "validation", "test", "expected"),
    [
        (3, 0.16, 0.2, (1, 1, 1)),
        (10, 0.25, 0.25, (4, 3, 3)),  # 2.5 is rounded up
        (10, 0.49, 0.49, (1, 4, 5)),  # 5 test and 5 validation images would leave none to train
        (4, 0.01, 0.97, (1, 1, 2)),  # 4 test images would leave none for the other two
        (100, 0.001, 0.001, (98, 1, 1)),
    ],
)
def test_counts_are_rounded_half_up_and_every_split_has_an_image(
    count: int, validation: float, test: float, expected: tuple[int, int, int]
) -> None:
    chosen = Counter(split_of(images({"a": count}), 0, validation, test).values())
    assert (chosen["train"], chosen["validation"], chosen["test"]) == expected


def test_this_split_of_these_files_is_the_same_on_every_machine() -> None:
    # The order 6347102598 is that of `printf 7:$digest | sha256sum | sort`, run in a shell.
    chosen = split_of([("a", digit * 64) for digit in "0123456789"], seed=7)
    assert {value[0] for value, name in chosen.items() if name == "test"} == {"6", "3"}
    assert {value[0] for value, name in chosen.items() if name == "validation"} == {"4", "7"}


@hypothesis_settings(max_examples=40, deadline=None)
@given(counts=COUNTS, seed=st.integers(0, 2**32 - 1), validation=FRACTIONS, test=FRACTIONS)
def test_every_image_is_in_one_split_and_every_class_in_each(
    counts: dict[str, int], seed: int, validation: float, test: float
) -> None:
    pairs = images(counts)
    chosen = split_of(pairs, seed, validation, test)
    assert len(chosen) == sum(counts.values())
    for label in counts:
        mine = {chosen[value] for name, value in pairs if name == label}
        assert mine == {"train", "validation", "test"}


@hypothesis_settings(max_examples=40, deadline=None)
@given(counts=COUNTS, seed=st.integers(0, 9), shuffle=st.randoms(use_true_random=False))
def test_the_order_of_the_files_does_not_matter(
    counts: dict[str, int], seed: int, shuffle: object
) -> None:
    pairs = images(counts)
    before = split_of(pairs, seed)
    shuffle.shuffle(pairs)  # type: ignore[attr-defined]
    assert split_of(pairs, seed) == before


def test_a_class_more_leaves_the_other_classes_where_they_are() -> None:
    two, three = images({"a": 20, "b": 20}), images({"a": 20, "b": 20, "c": 9})
    assert split_of(two).items() <= split_of(three).items()


def test_another_seed_is_another_split() -> None:
    pairs = images({"a": 40, "b": 40})
    assert split_of(pairs, 0) != split_of(pairs, 1)


def test_identical_files_go_together_and_count_once() -> None:
    pairs = images({"a": 10, "b": 10})
    copies = [pair for pair in pairs for _ in range(3)]
    assert split_of(copies) == split_of(pairs)


def test_a_class_of_two_different_images_is_refused() -> None:
    pairs = [*images({"a": 10, "tuberculosis": 2}), ("tuberculosis", digest("tuberculosis", 0))]
    with pytest.raises(DataError) as caught:
        split_of(pairs)
    assert "class tuberculosis with 2 different images" in str(caught.value)
    assert "at least 3" in str(caught.value)
