"""How bright the images of a folder are: the paper's figure 3, with those that are kept as well."""

from collections.abc import Iterator, Sequence

from lungbench.data.overview import BIN_LEVELS, Histogram, Overview
from lungbench.data.quality import PAPER_BRIGHTNESS
from lungbench.foreign_text import shortened
from reports.drawings.histogram import DISCARDED, KEPT, Bars, brightness_histogram
from reports.forms import format as fmt
from reports.forms.blocks import Figure, LegendEntry, Panel, Table, table

_MOST_HISTOGRAMS = 8
_LONGEST_NAME = 40

_READING = (
    "Each bar covers {levels} levels of the mean grey, from black on the left to white on the "
    "right; its height is a number of images. The dashed lines are {limits}."
)


def brightness_figure(found: Overview) -> Figure:
    """Draw the mean greys of all classes together, and of the first ones each."""
    return greys_figure(found.histograms, found.brightness)


def greys_figure(
    histograms: Sequence[Histogram],
    asked: tuple[float, float] | None,
    prefix: str = "brightness",
) -> Figure:
    """Draw histograms of mean greys, those of all classes together first.

    Args:
        histograms: One a class, at least one.
        asked: The range that was kept; None marks the paper's.
        prefix: Makes the ids inside unique on the page.
    """
    limits = asked or PAPER_BRIGHTNESS
    whose = "the range that was asked for" if asked else "the paper's range"
    described = f"{whose}, {limits_text(limits)}"
    whole = [("all classes", _together(histograms))]
    single = [(shortened(each.name, _LONGEST_NAME), each) for each in histograms[:_MOST_HISTOGRAMS]]
    panels = [*_panels(whole, limits, f"{prefix}-all"), *_panels(single, limits, prefix)]
    return Figure(
        reading=_READING.format(levels=BIN_LEVELS, limits=described),
        panels=tuple(panels),
        table=_bars_table(histograms),
        legend=(
            LegendEntry(KEPT, "kept"),
            LegendEntry(DISCARDED, "discarded"),
            LegendEntry("rule", described),
        ),
    )


def _panels(
    named: Sequence[tuple[str, Histogram]], limits: Sequence[float], prefix: str
) -> Iterator[Panel]:
    """Draw histograms on one scale."""
    bars = [Bars(BIN_LEVELS, each.kept, each.discarded) for _, each in named]
    highest = max(each.highest for each in bars)
    for number, ((title, histogram), each) in enumerate(zip(named, bars, strict=True)):
        kept, discarded = f"{sum(each.kept):,} kept", f"{sum(each.discarded):,} discarded"
        alternative = (
            f"Histogram of the mean grey of the images of {title}: {kept}, "
            f"{discarded}{_most_lie(histogram)}."
        )
        svg = brightness_histogram(each, highest, limits, f"{prefix}-{number}", alternative)
        yield Panel(f"{title}: {kept}, {discarded}", svg, alternative)


def _most_lie(histogram: Histogram) -> str:
    together = list(map(sum, zip(histogram.kept, histogram.discarded, strict=True)))
    low = together.index(max(together)) * BIN_LEVELS
    return f"; most lie from {low} to {low + BIN_LEVELS}" if any(together) else ""


def _together(histograms: Sequence[Histogram]) -> Histogram:
    return Histogram(
        "",
        tuple(map(sum, zip(*(each.kept for each in histograms), strict=True))),
        tuple(map(sum, zip(*(each.discarded for each in histograms), strict=True))),
    )


def _bars_table(histograms: Sequence[Histogram]) -> Table:
    """Return the bars that aren't empty, of all classes together."""
    whole = _together(histograms)
    rows = [
        (bar_name(number), fmt.count(kept), fmt.count(discarded))
        for number, (kept, discarded) in enumerate(zip(whole.kept, whole.discarded, strict=True))
        if kept + discarded
    ]
    return table("Images by mean grey", ("Mean grey", "#Kept", "#Discarded"), rows)


def bar_name(number: int) -> str:
    """Return which grey levels a bar of the histogram covers."""
    low = number * BIN_LEVELS
    return f"{low} to {low + BIN_LEVELS}"


def limits_text(limits: Sequence[float]) -> str:
    """Write a range of grey levels: `120 to 140`."""
    return f"{limits[0]:g} to {limits[1]:g}"
