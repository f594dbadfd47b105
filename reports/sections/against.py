"""Device against device: the difference in accuracy, image by image, and what may be said of it."""

from collections.abc import Sequence

from reports import format as fmt
from reports.blocks import Table, table
from reports.comparison import Comparison
from reports.quality import EQUIVALENCE_MARGIN, SIGNIFICANCE, QualityVerdict
from reports.sentences import quality_label

AGAINST_READING = (
    "Each device against the baseline on the same test images. The interval is paired: Tango's "
    "score interval on the images that only one side diagnosed rightly; with several repeats it "
    "also holds what another seed would change (Hillis), with one it is of these two networks "
    "alone. McNemar's exact test is made for each repeat; repeats share their images, so their "
    "counts are summed for the eye only, and their p-values are joined by Bonferroni, then "
    "adjusted over all rows by Holm. “Equally good” needs the whole interval within "
    f"{fmt.points(EQUIVALENCE_MARGIN).lstrip('+')}, “not equally good” an interval without 0 and "
    f"an adjusted p of at most {SIGNIFICANCE}. An unpaired interval is Newcombe's, for sides "
    "whose predictions can't be paired."
)

_TITLES = (
    "Network",
    "Device",
    "#Difference [95%]",
    "Interval",
    "#Only baseline right",
    "#Only this right",
    "#McNemar's p, each repeat",
    "#p, adjusted",
    "Verdict",
)


def against(comparisons: Sequence[Comparison]) -> Table | None:
    """Set every device against its baseline; None where nothing is compared."""
    rows = [
        (each.cell.title, each.cell.label, *_texts(each, each.verdict))
        for each in comparisons
        if each.verdict
    ]
    return table("Accuracy, device against device", _TITLES, rows) if rows else None


def _texts(comparison: Comparison, verdict: QualityVerdict) -> tuple[str, ...]:
    difference, paired = fmt.points(verdict.difference, verdict.interval), verdict.paired
    if paired is None:
        return (difference, "unpaired", *[fmt.MISSING] * 4, quality_label(comparison))
    return (
        difference,
        "paired, images" if len(paired.repeats) == 1 else "paired, images and seeds",
        fmt.count(sum(paired.baseline_only)),
        fmt.count(sum(paired.other_only)),
        "; ".join(fmt.p_value(p) for p in paired.p_values),
        fmt.p_value(paired.p_adjusted),
        quality_label(comparison),
    )
