"""Which images train, which validate and which test.

`strict` is disjoint and stratified: of a class's n different contents `test_fraction * n` test and
`validation_fraction * n` validate, both rounded half up and at least 1; the rest, at least 1,
train. A cross-validation tests every image once, and takes the validation images of each fold from
those that don't test. How they are chosen, and what stays together, is `lungbench.data.dealing`.

`paper` is the paper's (section III.B): 80 % of each class are put into `Train` and 20 % into
`Val`; then 20 % of either are put into `Testeo` as well. Of 845 images 676 train, 169 validate,
and 135 + 34 = 169 test, of which 135 were trained on. `folders` is the source's own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lungbench.counted import counted
from lungbench.data.dealing import Images, deal
from lungbench.errors import DataError
from lungbench.record import Split
from lungbench.settings import DataSettings

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
MIN_PER_CLASS = len(SPLITS)

BITS: dict[Split, int] = {"train": 1, "validation": 2, "test": 4}
"""What each split is in a code; a code is their sum, since an image may be in several."""

PAPERS_SHARE = 0.2
"""What the paper tests, and what it validates, of each class (section III.B)."""

_IN_TURN: tuple[Split, ...] = ("test", "validation", "train")
_EACH = "train, validate and test"


@dataclass(frozen=True, slots=True, eq=False)
class Division:
    """Which images train, validate and test.

    Attributes:
        codes: The sum of `BITS` for each image, fold x image; one row without cross-validation.
        remark: What a reader must know of how it was made.
    """

    codes: NDArray[np.uint8]
    remark: str | None = None

    def rows(self, fold: int) -> dict[Split, NDArray[np.int64]]:
        """Return the positions of the images in each split of a fold, from 0."""
        return {name: np.flatnonzero(self.codes[fold] & bit) for name, bit in BITS.items()}

    def leaked(self, images: Images) -> int:
        """Return how many test images were also trained on, as a file or as a copy of it."""
        content = images.content_numbers()
        return sum(self._leaked(codes, content) for codes in self.codes)

    def _leaked(self, codes: NDArray[np.uint8], content: NDArray[np.int32]) -> int:
        trained = np.zeros(len(codes), dtype=bool)
        trained[content[codes & BITS["train"] > 0]] = True
        return int((trained[content] & (codes & BITS["test"] > 0)).sum())

    def text(self, image: int) -> str:
        """Return the split of an image as tables show it: `train`, `train+test`, `fold 3`."""
        if len(self.codes) > 1:
            return f"fold {int(np.argmax(self.codes[:, image] & BITS['test'])) + 1}"
        return text_of(int(self.codes[0, image]))

    def decision(self, image: int) -> str | list[str]:
        """Return what a fingerprint holds of an image: its split, or that in every fold."""
        texts = [text_of(int(code)) for code in self.codes[:, image]]
        return texts if len(texts) > 1 else texts[0]


def divide(settings: DataSettings, images: Images, found: Iterable[Split | None]) -> Division:
    """Split images as an experiment asks.

    Args:
        settings: The kind of split, its fractions and its number of folds.
        images: The images, in the order of the experiment's seed.
        found: The split that the source has each in; asked for `folders` alone.

    Raises:
        DataError: A class has too few images, or the source has no splits.
    """
    if settings.split == "folders":
        return as_found(images, found, settings.validation_fraction)
    if settings.split == "paper":
        return papers(images)
    if settings.kfold:
        return folds(images, settings.kfold, settings.validation_fraction)
    return strict(images, settings.validation_fraction, settings.test_fraction)


def strict(images: Images, validation_fraction: float, test_fraction: float) -> Division:
    """Keep train, validation and test disjoint.

    Raises:
        DataError: A class has too few images, or groups of them, to be in every split.
    """
    wanted = []
    for name, contents in zip(images.class_names, images.contents(), strict=True):
        _check_enough(name, contents)
        test = min(_rounded(contents * test_fraction), contents - 2)
        validation = min(_rounded(contents * validation_fraction), contents - test - 1)
        wanted.append((test, validation, contents - test - validation))
    return Division(_codes(_IN_TURN, deal(images, wanted, _EACH))[np.newaxis])


def folds(images: Images, k: int, validation_fraction: float) -> Division:
    """Let each of k parts test once, and a share of the others validate.

    Raises:
        DataError: A class has too few images, or groups of them.
    """
    contents = images.contents()
    wanted = [[each // k + (part < each % k) for part in range(k)] for each in contents]
    for name, each in zip(images.class_names, contents, strict=True):
        _check_enough(name, each, k)
    parts = deal(images, wanted, f"test in each of {k} folds")
    rows = [_fold(images, parts != part, contents, validation_fraction, part) for part in range(k)]
    return Division(np.stack(rows))


def papers(images: Images) -> Division:
    """Take the test images from those that train and validate, as the paper does.

    Raises:
        DataError: A class has too few images.
    """
    parts = _held_out(images, "validation", "train")
    codes, again = parts.copy(), images.reordered("test")
    for code in (BITS["train"], BITS["validation"]):
        some = np.flatnonzero(parts == code)
        tested = _held_out(again.chosen(parts == code), "test", None)
        codes[some] += tested
    return Division(codes[np.newaxis])


def as_found(images: Images, found: Iterable[Split | None], validation_fraction: float) -> Division:
    """Leave each image where the source has it; without validation images, some that train do.

    Raises:
        DataError: The source has no splits, or not all that are needed.
    """
    named = (BITS[name] if name else 0 for name in found)
    codes = np.fromiter(named, np.uint8, len(images))
    if not codes.all():
        raise DataError(
            "split = 'folders' needs a source that says where each image belongs.",
            received=f"{int((codes == 0).sum())} of {len(codes)} images without a split",
            expected="train, validation and test folders, or a manifest with a column split",
            hint="Set data.split to 'strict', or add them.",
        )
    remark = None
    if not (codes == BITS["validation"]).any() and (codes == BITS["train"]).any():
        trained = codes == BITS["train"]
        codes[trained] = _some_validate(images.chosen(trained), validation_fraction)
        remark = (
            f"The source has no validation images, so {100 * validation_fraction:g} % of each "
            "class's training images validate and don't train."
        )
    _check_each(images, codes)
    return Division(codes[np.newaxis], remark)


def text_of(code: int) -> str:
    """Return the names of the splits in a code, in the order of `SPLITS`."""
    return "+".join(name for name, bit in BITS.items() if code & bit)


def _fold(
    images: Images, rest: NDArray[np.bool_], contents: Sequence[int], share: float, part: int
) -> NDArray[np.uint8]:
    """Return the codes of a fold: what is not in the rest tests, and some of the rest validate."""
    others = images.reordered(f"fold {part + 1}").chosen(rest)
    wanted = []
    for whole, left in zip(contents, others.contents(), strict=True):
        validation = min(_rounded(whole * share), left - 1)
        wanted.append((validation, left - validation))
    codes = np.full(len(images), BITS["test"], dtype=np.uint8)
    purpose = "train and validate beside each fold"
    codes[rest] = _codes(("validation", "train"), deal(others, wanted, purpose))
    return codes


def _some_validate(images: Images, share: float) -> NDArray[np.uint8]:
    wanted = []
    for name, contents in zip(images.class_names, images.contents(), strict=True):
        _check_enough(name, contents, least=2, purpose="train and validate")
        validation = min(_rounded(contents * share), contents - 1)
        wanted.append((validation, contents - validation))
    return _codes(("validation", "train"), deal(images, wanted, "train and validate"))


def _held_out(images: Images, held_out: Split, rest: Split | None) -> NDArray[np.uint8]:
    """Return codes in which a fifth of each class, by its order, is held out."""
    codes = np.zeros(len(images), dtype=np.uint8)
    for label, name in enumerate(images.class_names):
        members, ranks = images.ranks(label)
        contents = int(ranks.max(initial=-1)) + 1
        if rest:
            _check_enough(name, contents)
        share = _rounded(contents * PAPERS_SHARE)
        codes[members] = np.where(ranks < share, BITS[held_out], BITS[rest] if rest else 0)
    return codes


def _codes(names: Sequence[Split], parts: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.array([BITS[name] for name in names], dtype=np.uint8)[parts]


def _check_enough(
    name: str, contents: int, k: int = 0, *, least: int = MIN_PER_CLASS, purpose: str = _EACH
) -> None:
    # With two folds, the half that doesn't test must train and validate.
    least, purpose = (max(k, 4 if k == 2 else 3), f"test in {k} folds") if k else (least, purpose)  # noqa: PLR2004
    if contents < least:
        fewer_folds = "lower data.kfold, " if k > MIN_PER_CLASS else ""
        raise DataError(
            "Every class needs a different image in each split.",
            received=f"class {name} with {counted(contents, 'different image')}",
            expected=f"at least {least}, one each to {purpose}",
            hint=f"add images to {name}, {fewer_folds}or leave that class out; if no class is "
            "called so, correct its label.",
        )


def _check_each(images: Images, codes: NDArray[np.uint8]) -> None:
    for split, bit in BITS.items():
        there = np.bincount(images.labels[codes & bit > 0], minlength=len(images.class_names))
        for label, name in enumerate(images.class_names):
            if not there[label]:
                raise DataError(
                    "Every class needs images in each split of the source.",
                    received=f"class {name} without an image in {split}",
                    hint=f"Add some, leave {name} out, or set data.split to 'strict'.",
                )


def _rounded(share: float) -> int:
    return max(1, int(share + 0.5))
