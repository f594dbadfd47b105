"""Two executions side by side as one HTML page, without scripts and without the network."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lungbench import __version__
from lungbench.counted import counted
from lungbench.foreign_text import visible
from reports.drawings.changes import ChangeRow, change_rows
from reports.forms import format as fmt
from reports.forms.blocks import Fact, Figure, LegendEntry, Panel, Table, table
from reports.over_time.change_words import (
    difference_sentence,
    rulings_table,
    sentences,
    tables,
    time_words,
    verdict_sentence,
)
from reports.over_time.changes import CellChange, Changes
from reports.over_time.rules import Ruling, broken
from reports.page.render import templates, write_page
from reports.summaries.measured import Changed

_READING = (
    "Each dot is the change of one cell from OLD to NEW, the line its 95% interval; the dashed "
    "line is no change. A dot without a line has one run on a side, and shows nothing."
)
_WORST_COLOUR, _BEST_COLOUR = "c2", "c1"


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Everything that the page says.

    Attributes:
        verdict: What the rules found; empty without rules.
        regressed: Whether one of them was broken.
        differs: Whether versions or machine differ.
        sides: What OLD and NEW are.
    """

    title: str
    subtitle: str
    verdict: str
    regressed: bool
    sentences: tuple[str, ...]
    differs: bool
    difference: str
    marked: Table | None
    rulings: Table | None
    figure: Figure | None
    tables: tuple[Table, ...]
    sides: tuple[Fact, ...]
    rendered: str


def write_change_page(changes: Changes, rulings: Sequence[Ruling], out: Path) -> Path:
    """Write the page of two executions.

    Raises:
        LungbenchError: `out` can't be written.
    """
    page = change_page(changes, rulings, datetime.now(UTC))
    text = templates().get_template("compare.html.jinja").render(page=page)
    return write_page(text, out)


def change_page(changes: Changes, rulings: Sequence[Ruling], now: datetime) -> ChangePage:
    """Build the page of two executions."""
    regressions = broken(rulings)
    return ChangePage(
        title=f"{changes.old.folder.name} against {changes.new.folder.name}",
        subtitle=f"OLD: {visible(changes.old.name)}. NEW: {visible(changes.new.name)}.",
        verdict=verdict_sentence(rulings) if rulings else "",
        regressed=bool(regressions),
        sentences=sentences(changes),
        differs=bool(changes.marked),
        difference=difference_sentence(changes),
        marked=_marked(changes.marked),
        rulings=rulings_table(rulings) if rulings else None,
        figure=_figure(changes.compared),
        tables=tables(changes),
        sides=(
            Fact("OLD", visible(str(changes.old.folder))),
            Fact("NEW", visible(str(changes.new.folder))),
        ),
        rendered=f"Written {fmt.moment(now)} by lungbench {__version__}.",
    )


def _marked(found: Sequence[Changed]) -> Table | None:
    rows = [(visible(each.key), visible(each.old), visible(each.new)) for each in found]
    return table("What differs besides time", ("What", "Old", "New"), rows) if rows else None


def _figure(cells: Sequence[CellChange]) -> Figure | None:
    times = [_time_row(cell) for cell in cells if cell.time_ratio]
    qualities = [_quality_row(cell) for cell in cells if cell.verdict]
    panels = []
    if times:
        words = f"Change of the steady epoch time of {counted(len(times), 'cell')}, in percent"
        drawn = change_rows(times, "change of time, %", "times", words)
        panels.append(Panel("Steady epoch: to the right is slower", drawn, words))
    if qualities:
        words = f"Change of the accuracy of {counted(len(qualities), 'cell')}, in points"
        drawn = change_rows(qualities, "change of accuracy, points", "accuracies", words)
        panels.append(Panel("Accuracy: to the right is better", drawn, words))
    legend = (
        LegendEntry(_BEST_COLOUR, "not shown to be worse"),
        LegendEntry(_WORST_COLOUR, "worse: the whole interval is"),
    )
    return Figure(_READING, tuple(panels), None, legend) if panels else None


def _time_row(cell: CellChange) -> ChangeRow:
    ratio = cell.time_ratio
    interval = ratio.interval if ratio else None
    return ChangeRow(
        label=visible(cell.label),
        estimate=_percent(ratio.estimate if ratio else 1.0),
        low=_percent(interval.low) if interval else None,
        high=_percent(interval.high) if interval else None,
        mark=_WORST_COLOUR if time_words(cell) == "slower" else _BEST_COLOUR,
    )


def _quality_row(cell: CellChange) -> ChangeRow:
    verdict = cell.verdict
    if verdict is None:
        return ChangeRow(cell.label, 0, None, None)
    worse = verdict.kind == "different" and verdict.difference < 0
    return ChangeRow(
        label=visible(cell.label),
        estimate=100 * verdict.difference,
        low=100 * verdict.interval.low,
        high=100 * verdict.interval.high,
        mark=_WORST_COLOUR if worse else _BEST_COLOUR,
    )


def _percent(ratio: float) -> float:
    return 100 * (ratio - 1)
