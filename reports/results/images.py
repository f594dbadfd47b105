"""What `data_images.csv` tells: which images were left out, why, and how bright all of them are."""

import csv
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from lungbench.data.overview import BIN_LEVELS, BINS, Histogram


@dataclass(frozen=True, slots=True)
class SkippedImage:
    """One image file that was found and not used."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class FoundImages:
    """The image files of an execution.

    Attributes:
        skipped: Those that were not used.
        reasons: How many were left out for each reason, the most frequent first.
        histograms: How many have which mean grey, one a class, by name; those that can't be
            decoded have none.
    """

    skipped: tuple[SkippedImage, ...] = ()
    reasons: tuple[tuple[str, int], ...] = ()
    histograms: tuple[Histogram, ...] = ()


def read_images(path: Path) -> FoundImages:
    """Read the table, row by row.

    Raises:
        OSError: It can't be read.
        csv.Error: It is no table.
    """
    skipped: list[SkippedImage] = []
    bars: dict[str, dict[bool, Counter[int]]] = defaultdict(lambda: defaultdict(Counter))
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        for row in csv.DictReader(file):
            left_out = (row.get("kept") or "").strip().lower() in ("0", "no", "false")
            if left_out:
                skipped.append(
                    SkippedImage(row.get("path") or "", row.get("reason") or "no reason given")
                )
            if (at := _bar(row.get("mean_grey"))) is not None:
                bars[row.get("class") or ""][left_out][at] += 1
    return FoundImages(
        tuple(skipped),
        tuple(Counter(each.reason for each in skipped).most_common()),
        tuple(
            Histogram(name, _counts(found[False]), _counts(found[True]))
            for name, found in sorted(bars.items())
        ),
    )


def _bar(grey: str | None) -> int | None:
    """Return which bar of a histogram a mean grey belongs to; None where it isn't known."""
    try:
        level = float(grey or "")
    except ValueError:
        return None
    return min(int(level / BIN_LEVELS), BINS - 1) if 0 <= level <= 255 else None  # noqa: PLR2004


def _counts(bars: Counter[int]) -> tuple[int, ...]:
    return tuple(bars[number] for number in range(BINS))
