"""Side against side: the difference in accuracy, image by image, and what may be said of it."""

from collections.abc import Sequence

from reports.comparing.comparison import Comparison
from reports.comparing.quality import EQUIVALENCE_MARGIN, SIGNIFICANCE, QualityVerdict
from reports.forms import format as fmt
from reports.forms.blocks import Table, table
from reports.wording.quality_sentences import quality_label

AGAINST_READING = (
    "Each cell against its baseline on the same test images. The interval is paired: Tango's "
    "score interval on the images that only one side diagnosed rightly; with several repeats it "
    "also holds what another seed would change (Hillis), with one it is of these two networks "
    "alone. McNemar's exact test is made for each repeat; repeats share their images, so their "
    "counts are summed for the eye only, and their p-values are joined by Bonferroni, then "
    "adjusted over all rows of a table by Holm. “Equally good” needs the whole interval within "
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


def against(comparisons: Sequence[Comparison], caption: str) -> Table | None:
    """Set every cell against its baseline; None where no diagnosis is compared."""
    rows = [
        (each.cell.title, each.cell.label, *_row(each))
        for each in comparisons
        if each.verdict or each.timed_only
    ]
    return table(caption, _TITLES, rows) if any(each.verdict for each in comparisons) else None


def _row(comparison: Comparison) -> tuple[str, ...]:
    if comparison.verdict:
        return _texts(comparison, comparison.verdict)
    return (*[fmt.MISSING] * 6, quality_label(comparison))


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
