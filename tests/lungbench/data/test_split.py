import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from lungbench.data.dealing import Images
from lungbench.data.split import BITS, Division, divide, folds, papers, strict, text_of
from lungbench.errors import DataError
from lungbench.record import Split
from lungbench.settings import DataSettings

Pairs = list[tuple[str, str]]

COUNTS = st.dictionaries(st.sampled_from("abcde"), st.integers(3, 40), min_size=2)
FRACTIONS = st.floats(0.01, 0.49)


def digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def contents(counts: dict[str, int]) -> Pairs:
    return [(label, digest(label, k)) for label, count in counts.items() for k in range(count)]


def images_of(pairs: Pairs, seed: int = 0, groups: Sequence[int] | None = None) -> Images:
    names = sorted({label for label, _ in pairs})
    return Images.of(
        names,
        np.array([names.index(label) for label, _ in pairs]),
        [content for _, content in pairs],
        seed,
        None if groups is None else np.array(groups),
    )


def split_of(
    pairs: Pairs, seed: int = 0, validation: float = 0.16, test: float = 0.2
) -> dict[str, str]:
    division = strict(images_of(pairs, seed), validation, test)
    return {content: division.text(image) for image, (_, content) in enumerate(pairs)}


def first_code(pairs: Pairs, seed: int, validation: float, test: float) -> dict[str, str]:
    """The split of the first version, which knew no groups, told in its plainest form."""
    chosen = {}
    for name in {label for label, _ in pairs}:
        order = sorted(
            {content for label, content in pairs if label == name},
            key=lambda content: hashlib.sha256(f"{seed}:{content}".encode()).digest(),
        )
        tested = min(max(1, int(len(order) * test + 0.5)), len(order) - 2)
        share = max(1, int(len(order) * validation + 0.5))
        validated = tested + min(share, len(order) - tested - 1)
        for rank, content in enumerate(order):
            later = "validation" if rank < validated else "train"
            chosen[content] = "test" if rank < tested else later
    return chosen


def test_the_papers_fractions_of_120_images() -> None:
    # 0.2 * 120 = 24; 0.16 * 120 = 19.2, rounded to 19; 120 - 24 - 19 = 77.
    chosen = split_of(contents({"a": 120, "b": 120}))
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
    chosen = Counter(split_of(contents({"a": count}), 0, validation, test).values())
    assert (chosen["train"], chosen["validation"], chosen["test"]) == expected


def test_this_split_of_these_files_is_the_same_on_every_machine() -> None:
    # The order 6347102598 is that of `printf 7:$digest | sha256sum | sort`, run in a shell.
    chosen = split_of([("a", digit * 64) for digit in "0123456789"], seed=7)
    assert {value[0] for value, name in chosen.items() if name == "test"} == {"6", "3"}
    assert {value[0] for value, name in chosen.items() if name == "validation"} == {"4", "7"}


@hypothesis_settings(max_examples=60)
@given(
    counts=COUNTS,
    seed=st.integers(0, 2**32 - 1),
    validation=FRACTIONS,
    test=FRACTIONS,
    copies=st.integers(1, 3),
)
def test_without_groups_the_split_is_that_of_the_first_version(
    counts: dict[str, int], seed: int, validation: float, test: float, copies: int
) -> None:
    pairs = contents(counts) * copies
    assert split_of(pairs, seed, validation, test) == first_code(pairs, seed, validation, test)


def test_a_class_more_leaves_the_other_classes_where_they_are() -> None:
    two, three = contents({"a": 20, "b": 20}), contents({"a": 20, "b": 20, "c": 9})
    assert split_of(two).items() <= split_of(three).items()


def test_another_seed_is_another_split() -> None:
    pairs = contents({"a": 40, "b": 40})
    assert split_of(pairs, 0) != split_of(pairs, 1)


def test_a_class_of_two_different_images_is_refused() -> None:
    pairs = [*contents({"a": 10, "tuberculosis": 2}), ("tuberculosis", digest("tuberculosis", 0))]
    with pytest.raises(DataError) as caught:
        split_of(pairs)
    assert "class tuberculosis with 2 different images" in str(caught.value)
    assert "at least 3" in str(caught.value)


def in_groups(pairs: Pairs, of: int, alone: int) -> list[int]:
    """Groups of so many neighbours, but for the last images, which stand alone."""
    return [at // of if at < len(pairs) - alone else at for at in range(len(pairs))]


@pytest.mark.parametrize("kfold", [None, 5])
def test_a_group_is_in_one_split_in_every_fold(kfold: int | None) -> None:
    pairs = contents({"a": 60, "b": 60})
    groups = in_groups(pairs, of=4, alone=30)
    settings = DataSettings(kfold=kfold)
    codes = divide(settings, images_of(pairs, 0, groups), [None] * 120).codes
    for group in set(groups):
        members = [at for at, each in enumerate(groups) if each == group]
        assert len({tuple(codes[:, at].tolist()) for at in members}) == 1
    # 30 images stand alone, so that groups cost no more than one group of a class and split.
    tested = (codes & BITS["test"] > 0).sum(axis=1)
    assert np.all(np.abs(tested - 24) <= 4)


@hypothesis_settings(max_examples=30)
@given(
    counts=st.dictionaries(st.sampled_from("abc"), st.integers(6, 30), min_size=2),
    k=st.integers(2, 6),
    seed=st.integers(0, 5),
)
def test_every_image_tests_in_one_fold_and_trains_or_validates_in_the_others(
    counts: dict[str, int], k: int, seed: int
) -> None:
    images = images_of(contents(counts), seed)
    codes = folds(images, k, 0.16).codes
    assert codes.shape == (k, len(images))
    tested = codes == BITS["test"]
    assert np.all(tested.sum(axis=0) == 1)
    assert set(np.unique(codes)) == set(BITS.values())
    for fold in codes:
        for label in range(len(counts)):
            assert set(fold[images.labels == label].tolist()) == set(BITS.values())


def test_folds_are_stratified_and_as_large_as_one_another() -> None:
    images = images_of(contents({"a": 23, "b": 40}))
    tested = folds(images, 5, 0.16).codes == BITS["test"]
    # 23 = 5 + 5 + 5 + 4 + 4
    assert [int(fold[images.labels == 0].sum()) for fold in tested] == [5, 5, 5, 4, 4]
    assert [int(fold[images.labels == 1].sum()) for fold in tested] == [8] * 5


def test_folds_validate_on_different_images() -> None:
    images = images_of(contents({"a": 50, "b": 50}))
    validated = folds(images, 5, 0.16).codes == BITS["validation"]
    assert validated.sum(axis=1).tolist() == [16] * 5  # 0.16 of each class
    often = validated.sum(axis=0)
    assert often.max() < 5
    assert (often > 0).sum() > 40  # 80 places; were they always the same images, 16


@pytest.mark.parametrize(("k", "images", "least"), [(5, 4, 5), (2, 3, 4), (3, 2, 3)])
def test_a_class_with_fewer_images_than_the_folds_need_is_refused(
    k: int, images: int, least: int
) -> None:
    with pytest.raises(DataError, match=rf"class b with {images} .*at least {least}, one each to"):
        folds(images_of(contents({"a": 30, "b": images})), k, 0.16)
    folds(images_of(contents({"a": 30, "b": least})), k, 0.16)


def test_the_papers_split_has_the_papers_numbers() -> None:
    # Section III.B: 676 to train and 169 to validate of 845; of these 20 % each, 135.2 and 33.8,
    # make the 169 that test.
    images = images_of(contents({"a": 845, "b": 845, "c": 845}))
    division = papers(images)
    for label in range(3):
        texts = Counter(division.text(at) for at in np.flatnonzero(images.labels == label))
        assert texts["train"] + texts["train+test"] == 676
        assert texts["validation"] + texts["validation+test"] == 169
        assert (texts["train+test"], texts["validation+test"]) == (135, 34)
    assert division.leaked(images) == 3 * 135


def test_a_strict_split_leaks_nothing_and_copies_between_found_splits_do() -> None:
    pairs = contents({"a": 10, "b": 10})
    images = images_of(pairs)
    assert strict(images, 0.2, 0.2).leaked(images) == 0
    twice = images_of([*pairs, pairs[0]])
    found: list[Split | None] = ["test", *["train", "validation", "test"] * 6, "train"]
    division = divide(DataSettings(split="folders"), twice, [*found, "train"])
    assert division.leaked(twice) == 1


def test_the_sources_own_split_is_left_as_it_is() -> None:
    images = images_of(contents({"a": 6, "b": 6}))
    found: list[Split | None] = ["train", "train", "validation", "test", "test", "train"] * 2
    division = divide(DataSettings(split="folders"), images, found)
    assert [division.text(at) for at in range(12)] == found
    assert division.remark is None


def test_without_validation_folder_some_training_images_validate_and_it_is_said() -> None:
    images = images_of(
        contents({"a": 25, "b": 50}), groups=[*range(25), *(25 + at // 2 for at in range(50))]
    )
    found: list[Split | None] = [*["train"] * 20, *["test"] * 5, *["train"] * 40, *["test"] * 10]
    division = divide(DataSettings(split="folders", validation_fraction=0.2), images, found)
    texts = Counter(division.text(at) for at in range(75))
    assert texts == {"train": 48, "validation": 12, "test": 15}
    assert division.remark is not None
    assert "no validation images, so 20 % of each" in division.remark
    together = images.groups[division.codes[0] == BITS["validation"]]
    assert not set(together) & set(images.groups[division.codes[0] == BITS["train"]])


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([None] * 8, "8 of 8 images without a split"),
        (["train"] * 4 + [None] * 4, "4 of 8 images without a split"),
        (["train", "test"] * 2 + ["train"] * 4, "class b without an image in test"),
        (["train"] * 8, "class a without an image in test"),
        (["test", "validation"] * 4, "class a without an image in train"),
    ],
)
def test_found_splits_that_lack_something_are_refused_in_one_line(found: Any, words: str) -> None:
    images = images_of(contents({"a": 4, "b": 4}))
    with pytest.raises(DataError) as caught:
        divide(DataSettings(split="folders"), images, found)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_tables_and_fingerprints_name_every_fold() -> None:
    codes = np.array([[4, 1, 2], [1, 4, 1], [2, 2, 4]], dtype=np.uint8)
    division = Division(codes)
    assert [division.text(image) for image in range(3)] == ["fold 1", "fold 2", "fold 3"]
    assert division.decision(0) == ["test", "train", "validation"]
    assert Division(codes[:1]).decision(1) == "train"
    assert text_of(5) == "train+test"
