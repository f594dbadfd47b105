"""How many images an experiment would use, before any of them is opened.

It is at most so many: unreadable files, copies and a range of brightness are only known later.
"""

from collections import Counter
from dataclasses import dataclass

from lungbench.data.sources import is_drawn, source_of
from lungbench.data.split import PAPERS_SHARE
from lungbench.data.synthetic import SYNTHETIC_CLASSES
from lungbench.record import Split
from lungbench.settings import DataSettings


@dataclass(frozen=True, slots=True)
class Expected:
    """What a source seems to hold.

    Attributes:
        classes: How many classes.
        images: Images by split.
    """

    classes: int
    images: dict[Split, int]


def expected_images(settings: DataSettings) -> Expected:
    """Count the files of a source and split them as an experiment asks.

    Raises:
        DataError: The source can't be used.
    """
    by_class, found = _counted(settings)
    if settings.per_class:
        by_class = [min(each, settings.per_class) for each in by_class]
    if settings.split == "folders" and found["train"]:
        return Expected(len(by_class), _as_found(settings, found))
    return Expected(len(by_class), _dealt(settings, sum(by_class)))


def _counted(settings: DataSettings) -> tuple[list[int], Counter[Split | None]]:
    """Return the files of each class, and those that the source has in each split."""
    if is_drawn(settings):
        return [settings.synthetic_per_class] * len(SYNTHETIC_CLASSES), Counter()
    by_class: Counter[str] = Counter()
    found: Counter[Split | None] = Counter()
    for file in source_of(settings).files:
        if file.reason is None:
            by_class[file.class_name] += 1
            found[file.split] += 1
    return list(by_class.values()), found


def _as_found(settings: DataSettings, found: Counter[Split | None]) -> dict[Split, int]:
    train, validation = found["train"], found["validation"]
    if not validation:
        validation = round(train * settings.validation_fraction)
        train -= validation
    return {"train": train, "validation": validation, "test": found["test"]}


def _dealt(settings: DataSettings, images: int) -> dict[Split, int]:
    test_share = 1 / settings.kfold if settings.kfold else settings.test_fraction
    validation_share, leaks = settings.validation_fraction, False
    if settings.split == "paper":
        test_share = validation_share = PAPERS_SHARE
        leaks = True  # its test images train or validate as well
    test, validation = round(images * test_share), round(images * validation_share)
    train = images - validation - (0 if leaks else test)
    return {"train": train, "validation": validation, "test": test}
