"""Shortcut baselines: how well the classes are told apart by what is not the lungs.

Sets of X-rays are put together from several sources, and one that only one class comes from is
recognised by its borders, its contrast or its file format. A logistic regression that sees such
features alone is trained and tested on the very split of the networks; a network that is not shown
to be better has not been shown to look at lungs (DeGrave et al. 2021, "AI for radiographic COVID-19
detection selects shortcuts over signal", Nature Machine Intelligence 3).
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from lungbench.data.features import GROUPS, Features
from lungbench.data.image_table import ImageTable
from lungbench.data.pixel_file import Images
from lungbench.frozen import Frozen
from lungbench.record import Split

SEES: Mapping[str, tuple[str, ...]] = {
    **{name: (name,) for name in GROUPS},
    "file facts, greys and thumbnails": tuple(GROUPS),
}
"""The groups of features that each baseline is given."""

# Of the standardised features. Fixed for all sets and never tuned on a test image; measured on
# validation images, see docs/decisions.md.
_REGULARISATION = 0.03
_MOST_STEPS = 500
_MOST_TRAINED = 20_000
"""Images to train on; more would add minutes and no accuracy to a few hundred coefficients."""

_SEED = 0

Splits = Mapping[Split, NDArray[np.bool_]]


class Baseline(Frozen):
    """One logistic regression, or one a fold of a cross-validation.

    Attributes:
        sees: What it is given; a key of `SEES`.
        features: How many numbers an image that is.
        right: Test images that it names rightly.
        macro_recall: Unweighted mean of the classes' recalls, 0 to 1, over those that are tested.
        validation_accuracy: On the validation images, 0 to 1; None where there are none.
        predicted: The label that it gives each test image.
    """

    sees: str
    features: int
    right: int
    macro_recall: float
    validation_accuracy: float | None
    predicted: tuple[int, ...]


class ShortcutBaselines(Frozen):
    """All baselines of one split, or of all folds of a cross-validation.

    Attributes:
        test: The test images, fold by fold, as positions in the prepared data.
        true: Their labels.
        trained_images: Most images that a regression was trained on.
        chance: Accuracy expected of naming any class at random.
        in_proportion: The same of naming each class as often as it is trained on.
        majority: Accuracy of always naming the class that is trained on most.
        majority_class: That class; of several folds, the first's.
        baselines: One for each of `SEES`.
        best: The `sees` of the one that is best on the validation images, so that the choice owes
            nothing to the test images; without validation images the last, which sees everything.
    """

    test: tuple[int, ...]
    true: tuple[int, ...]
    trained_images: int
    chance: float
    in_proportion: float
    majority: float
    majority_class: str
    baselines: tuple[Baseline, ...]
    best: str

    @property
    def best_baseline(self) -> Baseline:
        """The one of that name."""
        return next(each for each in self.baselines if each.sees == self.best)


def shortcut_baselines(table: ImageTable, pixels: Images) -> ShortcutBaselines | None:
    """Train and test every baseline.

    Args:
        table: The images of all splits.
        pixels: All images of the pixel cache.

    Returns:
        None where no image is tested, or fewer than two classes are trained on.
    """
    folds = [_Fold.of(splits, table.labels) for splits in table.folds]
    if not all(fold.can_be_tested for fold in folds):
        return None
    features = {name: group(table, pixels) for name, group in GROUPS.items()}
    baselines = [_baseline(sees, features, folds) for sees in SEES]
    test = np.concatenate([fold.test for fold in folds])
    guesses = [fold.guesses(len(table.classes)) for fold in folds]
    return ShortcutBaselines(
        test=tuple(table.positions[test].tolist()),
        true=tuple(table.labels[test].tolist()),
        trained_images=max(len(fold.train) for fold in folds),
        chance=1 / len(table.classes),
        in_proportion=sum(each.in_proportion for each in guesses) / len(test),
        majority=sum(each.majority for each in guesses) / len(test),
        majority_class=table.classes[guesses[0].label],
        baselines=tuple(baselines),
        best=_best(baselines),
    )


@dataclass(frozen=True, slots=True)
class _Guesses:
    """Test images that guessing would name rightly.

    Attributes:
        in_proportion: Expected of naming each class as often as it is trained on.
        majority: Of always naming the class that is trained on most.
        label: That class.
    """

    in_proportion: float
    majority: float
    label: int


@dataclass(frozen=True, slots=True, eq=False)
class _Fold:
    """The places in the table of the images of each split, and all labels."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    labels: NDArray[np.int64]

    @classmethod
    def of(cls, splits: Splits, labels: NDArray[np.int64]) -> "_Fold":
        """Take the splits as they are, but for a training split that is too large."""
        train = np.flatnonzero(splits["train"])
        if len(train) > _MOST_TRAINED:
            train = np.sort(np.random.default_rng(_SEED).permutation(train)[:_MOST_TRAINED])
        validation, test = (np.flatnonzero(splits[name]) for name in ("validation", "test"))
        return cls(train, validation, test, labels)

    @property
    def can_be_tested(self) -> bool:
        """Whether there is anything to test, and anything to choose from."""
        return len(self.test) > 0 and len(np.unique(self.labels[self.train])) > 1

    def guesses(self, classes: int) -> _Guesses:
        """Return what guessing would name rightly."""
        trained = np.bincount(self.labels[self.train], minlength=classes) / len(self.train)
        tested = np.bincount(self.labels[self.test], minlength=classes)
        label = int(np.argmax(trained))
        return _Guesses(float(trained @ tested), float(tested[label]), label)


def _baseline(sees: str, features: Mapping[str, Features], folds: Sequence[_Fold]) -> Baseline:
    def seen(places: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.hstack([features[name][places] for name in SEES[sees]], dtype=np.float32)

    predicted, scores = [], []
    for fold in folds:
        model = _trained(seen(fold.train), fold.labels[fold.train])
        predicted.append(model.predict(seen(fold.test)))
        if len(fold.validation):
            scores.append(model.score(seen(fold.validation), fold.labels[fold.validation]))
    told = np.concatenate(predicted)
    true = np.concatenate([fold.labels[fold.test] for fold in folds])
    right = told == true
    return Baseline(
        sees=sees,
        features=sum(features[name].shape[1] for name in SEES[sees]),
        right=int(right.sum()),
        macro_recall=float(np.mean([right[true == label].mean() for label in np.unique(true)])),
        validation_accuracy=fmean(scores) if scores else None,
        predicted=tuple(told.tolist()),
    )


def _trained(features: NDArray[np.float32], labels: NDArray[np.int64]) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    regression = LogisticRegression(C=_REGULARISATION, max_iter=_MOST_STEPS, random_state=_SEED)
    # Threads of the BLAS library wait for each other on matrices this narrow (docs/decisions.md);
    # with one the sums have one order on every machine, too.
    with warnings.catch_warnings(), threadpool_limits(limits=1, user_api="blas"):
        # The last digits of its coefficients change no diagnosis.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return make_pipeline(StandardScaler(), regression).fit(features, labels)


def _best(baselines: Sequence[Baseline]) -> str:
    known = [each for each in baselines if each.validation_accuracy is not None]
    if not known:
        return baselines[-1].sees
    return max(known, key=lambda each: each.validation_accuracy or 0.0).sees
