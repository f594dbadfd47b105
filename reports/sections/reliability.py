"""Whether a network is right as often as it is sure."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from lungbench.stats.calibration import BINS, Bin, reliability
from reports.comparing.cells import Cell
from reports.comparing.evaluated import Evaluated, by_network, colours_of
from reports.drawings.charts import FEWEST_JOINED, Dots, reliability_diagram
from reports.forms import format as fmt
from reports.forms.blocks import Figure, LegendEntry, Panel, Table, table

_READING = (
    "Of the diagnoses that a network is so sure of (across), so many are right (up). On the dashed "
    "diagonal its confidence is honest; below it the network is surer than it should be. A dot "
    f"holds the diagnoses of one of {BINS} bins of confidence of the same width, those of all runs "
    "of a cell together, and its area is their number: small dots say little, and lines pass by "
    f"those of fewer than {FEWEST_JOINED} diagnoses. The calibration error of the tables is the "
    "mean distance from the diagonal, of each run by itself; on few images it is above 0 even "
    "where every confidence is honest."
)

_TITLES = ("Network", "Device", "Confidence", "#Diagnoses", "#Mean confidence", "#Right")

_Binned = tuple[Cell, tuple[Bin, ...]]


def reliability_figure(networks: Sequence[Evaluated]) -> Figure | None:
    """Draw a diagram for each network; None without probabilities."""
    known = [each for each in networks if each.diagnoses]
    if not known:
        return None
    colours = colours_of(known)
    groups = [_binned(group) for group in by_network(known)]
    return Figure(
        reading=_READING,
        panels=tuple(_panel(group, colours, number) for number, group in enumerate(groups)),
        table=_table([each for group in groups for each in group]),
        legend=tuple(LegendEntry(f"dot {mark}", label) for label, mark in colours.items()),
    )


def _binned(networks: Sequence[Evaluated]) -> list[_Binned]:
    """Put the diagnoses of each cell's runs into the same bins."""
    cells = [list(runs) for _, runs in groupby(networks, key=lambda each: each.cell.key)]
    return [(runs[0].cell, _bins(runs)) for runs in cells]


def _bins(runs: Sequence[Evaluated]) -> tuple[Bin, ...]:
    found = [each.diagnoses for each in runs if each.diagnoses]
    confidences = [each.confidences for each in found if each.confidences is not None]
    return reliability(np.concatenate(confidences), np.concatenate([each.right for each in found]))


def _panel(group: Sequence[_Binned], colours: dict[str, str], number: int) -> Panel:
    title = group[0][0].title
    words = "; ".join(f"{cell.label}: {_words(bins)}" for cell, bins in group)
    alternative = f"Reliability diagram of {title}. {words}."
    dots = [Dots(colours[cell.label], bins) for cell, bins in group]
    return Panel(title, reliability_diagram(dots, f"reliability{number}", alternative), alternative)


def _words(bins: Sequence[Bin]) -> str:
    surest = bins[-1]
    return (
        f"of the surest, {fmt.count(surest.images)} with a mean confidence of "
        f"{fmt.share(surest.confidence)}, {fmt.share(surest.accuracy)} are right"
    )


def _table(groups: Sequence[_Binned]) -> Table:
    rows = [
        (
            cell.title,
            cell.label,
            fmt.share_range(each.low, each.high),
            fmt.count(each.images),
            fmt.share(each.confidence),
            fmt.share(each.accuracy),
        )
        for cell, bins in groups
        for each in bins
    ]
    return table("Diagnoses by confidence, all runs of a cell together", _TITLES, rows)
