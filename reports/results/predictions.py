"""The saved diagnoses of single images, read back to compare two networks image by image."""

import csv
from collections.abc import Mapping

from lungbench.job import PREDICTIONS_FILE
from lungbench.record import Metrics
from lungbench.stats.agreement import Pair
from reports.results.load import Run

# Whether each test image was diagnosed rightly, by its path.
Outcomes = Mapping[str, bool]

# A repeat and its fold; 0 without cross-validation.
Turn = tuple[int, int]


def outcomes_of(run: Run) -> Outcomes | None:
    """Read what a run's predictions say of each test image.

    None where the file is missing or torn, or doesn't give the accuracy of the record: an
    interval must be of the figure that it stands beside.
    """
    if run.record.metrics is None:
        return None
    try:
        with (run.folder / PREDICTIONS_FILE).open(newline="", encoding="utf-8") as file:
            rows = [(row["path"], row["true"] == row["predicted"]) for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, KeyError, csv.Error):
        return None
    outcomes = dict(rows)
    return outcomes if len(outcomes) == len(rows) and _fit(outcomes, run.record.metrics) else None


def pair_up(baseline: Mapping[Turn, Outcomes], other: Mapping[Turn, Outcomes]) -> dict[int, Pair]:
    """Pair the two sides' networks by repeat and fold, and their images by path.

    The folds of a repeat test different images, which are put together: each is one diagnosis by
    the network that was not trained on it. A repeat counts where both sides have it, with the same
    images as the first of those that have most.
    """
    pooled: dict[int, dict[str, tuple[bool, bool]]] = {}
    for turn in sorted(baseline.keys() & other.keys()):
        here, there = baseline[turn], other[turn]
        if here.keys() == there.keys():
            pool = pooled.setdefault(turn[0], {})
            pool |= {path: (right, there[path]) for path, right in here.items()}
    most: dict[str, tuple[bool, bool]] = max(pooled.values(), key=len, default={})
    images = sorted(most)
    return {
        repeat: Pair(
            tuple(pool[path][0] for path in images), tuple(pool[path][1] for path in images)
        )
        for repeat, pool in pooled.items()
        if sorted(pool) == images
    }


def _fit(outcomes: Outcomes, metrics: Metrics) -> bool:
    right = sum(row[label] for label, row in enumerate(metrics.confusion))
    images = sum(map(sum, metrics.confusion))
    return images > 0 and (sum(outcomes.values()), len(outcomes)) == (right, images)
