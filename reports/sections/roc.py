"""The ROC curve of each class against the rest: what a reader of images asks of a test."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median

from lungbench.counted import counted
from lungbench.record import Area
from reports.comparing.cells import turn_text
from reports.comparing.evaluated import Evaluated, by_network, colours_of
from reports.drawings.bands import MOST_LINES, vertical_band
from reports.drawings.charts import Curve, roc_curves
from reports.forms import format as fmt
from reports.forms.blocks import Figure, LegendEntry, Panel, Table, table
from reports.sections.further import area_text

# More drawings of a network than a reader compares; the table has the other classes.
_MOST_CLASSES = 6

_READING = (
    "A drawing is of one network and one class: the share of the class that is found (sensitivity) "
    "over the share of all others that is taken for it (1 - specificity), at every threshold of "
    "the class's probability; one line a run, of which the last hides those that are the same. The "
    "closer to the upper left corner the better; the dashed diagonal is guessing. The tables above "
    "tell of one point only, the most probable class."
)
_BANDS = (
    f" Of a cell with more than {MOST_LINES} runs, the line is the median sensitivity at each "
    "percent of 1 - specificity (vertical averaging), in a band from the least to the largest."
)
_TOO_MANY = f" Of more than {_MOST_CLASSES} classes, those with the lowest areas are drawn."


@dataclass(frozen=True, slots=True, eq=False)
class _Plot:
    """One network's runs, and the class that is drawn of them."""

    networks: Sequence[Evaluated]
    label: int

    @property
    def name(self) -> str:
        """The class."""
        return self.networks[0].run.data.classes[self.label]

    @property
    def areas(self) -> list[tuple[Evaluated, Area]]:
        """The area of each run that has one."""
        found = [(each, each.metrics.per_class[self.name].auc) for each in self.networks]
        return [(each, area) for each, area in found if area]

    @property
    def areas_by_cell(self) -> list[list[tuple[Evaluated, Area]]]:
        """The same, one list a cell."""
        return [list(of_cell) for _, of_cell in groupby(self.areas, lambda pair: pair[0].cell.key)]


def roc(networks: Sequence[Evaluated]) -> Figure | None:
    """Draw the curves, a drawing for each network and class; None without probabilities."""
    known = [each for each in networks if each.diagnoses]
    plots = [plot for group in by_network(known) for plot in _plots(group)]
    if not plots:
        return None
    colours = colours_of(known)
    cut = any(len(each.run.data.classes) > _MOST_CLASSES for each in known)
    banded = any(len(areas) > MOST_LINES for plot in plots for areas in plot.areas_by_cell)
    return Figure(
        reading=_READING + (_BANDS if banded else "") + (_TOO_MANY if cut else ""),
        panels=tuple(_panel(plot, colours, number) for number, plot in enumerate(plots)),
        table=_table(known),
        legend=tuple(LegendEntry(f"line {mark}", label) for label, mark in colours.items()),
    )


def _plots(networks: Sequence[Evaluated]) -> list[_Plot]:
    """Return what is drawn of one network, in the order of the classes."""
    labels = range(len(networks[0].run.data.classes))
    found = [plot for plot in (_Plot(networks, label) for label in labels) if plot.areas]
    worst = sorted(found, key=lambda plot: min(area.value for _, area in plot.areas))
    return sorted(worst[:_MOST_CLASSES], key=lambda plot: plot.label)


def _panel(plot: _Plot, colours: dict[str, str], number: int) -> Panel:
    title = f"{plot.networks[0].cell.title}: {plot.name}"
    areas = "; ".join(_words(of_cell) for of_cell in plot.areas_by_cell)
    alternative = f"ROC curves of {title}, against the rest. {areas}."
    curves = [
        curve for of_cell in plot.areas_by_cell for curve in _curves(of_cell, plot.label, colours)
    ]
    return Panel(title, roc_curves(curves, f"roc{number}", alternative), alternative)


def _words(areas: Sequence[tuple[Evaluated, Area]]) -> str:
    """Write the areas of a cell's runs; of many, their median and range."""
    if len(areas) <= MOST_LINES:
        return "; ".join(
            f"{each.cell.label}, run {turn_text(each.run)}: area {fmt.rate(area.value)}"
            for each, area in areas
        )
    values = [area.value for _, area in areas]
    return (
        f"{areas[0][0].cell.label}, {counted(len(areas), 'run')}: median area "
        f"{fmt.rate(median(values))} ({fmt.rate(min(values))} to {fmt.rate(max(values))})"
    )


def _curves(
    areas: Sequence[tuple[Evaluated, Area]], label: int, colours: dict[str, str]
) -> list[Curve]:
    """Return a line for each run of a cell; of many, one with its band."""
    mark = colours[areas[0][0].cell.label]
    lines = [
        Curve(mark, f"{each.cell.label}, run {turn_text(each.run)}", points)
        for each, _ in areas
        if (points := _points(each, label))
    ]
    return lines if len(lines) <= MOST_LINES else [_median(areas[0][0].cell.label, lines)]


def _points(network: Evaluated, label: int) -> Sequence[tuple[float, float]] | None:
    found = network.diagnoses.roc_of(label) if network.diagnoses else None
    return found.points if found else None


def _median(label: str, lines: Sequence[Curve]) -> Curve:
    band = vertical_band(line.points for line in lines)
    return Curve(
        mark=lines[0].mark,
        name=f"{label}, median of {counted(len(lines), 'run')}",
        points=((0.0, 0.0), *((x, middle) for x, _, middle, _ in band)),
        band=tuple((x, low, high) for x, low, _, high in band),
    )


def _table(networks: Sequence[Evaluated]) -> Table:
    classes = tuple(dict.fromkeys(name for each in networks for name in each.run.data.classes))
    rows = []
    for each in networks:
        rates = [each.metrics.per_class.get(name) for name in classes]
        areas = (area_text(found.auc if found else None) for found in rates)
        rows.append((*each.names, *areas, fmt.rate(each.metrics.macro.auc)))
    titles = ("Network", "Device", "#Run", *(f"#{name}" for name in classes), "#Mean of classes")
    caption = "Area under the ROC curve of each class against the rest, with its 95% interval"
    return table(caption, titles, rows)
