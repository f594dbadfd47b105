"""Where the wall time of every run went, from the start of its process to its end."""

from collections.abc import Sequence
from itertools import groupby
from statistics import fmean

from lungbench.counted import counted
from lungbench.record import Ledger, RunRecord, Timing
from reports.comparing.cells import turn_text
from reports.comparing.comparison import Cell
from reports.drawings.bars import StackedRow, stacked
from reports.forms import format as fmt
from reports.forms.blocks import Figure, LegendEntry, Panel, Table, table

# More bars than a reader compares, at 24 px each; the table has every run.
_MOST_BARS = 60

_READING = (
    "{bars}: where {whose} wall time went, from the start of its process to its end. Only the "
    "training part is compared above; the rest is what one also waits for."
)

# The ledger's entries in the order of a run, as readers call them.
_PHASES = (
    ("startup_s", "start-up"),
    ("build_s", "building"),
    ("first_epoch_s", "first epoch"),
    ("train_s", "later epochs"),
    ("validation_s", "validation"),
    ("checkpoint_s", "checkpoints"),
    ("evaluate_s", "test"),
    ("save_s", "saving"),
    ("control_s", "control legs"),
    ("other_s", "other"),
)

# A run with times, and whose it is.
_Timed = tuple[Cell, RunRecord, Timing]


def ledger(pairs: Sequence[tuple[Cell, RunRecord]]) -> Figure | None:
    """Draw a bar a run, or of many runs a bar a cell; None where no run left times.

    Args:
        pairs: Every run and its cell, those of a cell together.
    """
    timed = _by_heading([(cell, run, run.timing) for cell, run in pairs if run.timing])
    if not timed:
        return None
    many = len(timed) > _MOST_BARS
    bars = _cell_bars(timed) if many else _run_bars(timed)
    words = "; ".join(
        f"{bar.group} on {bar.label} {fmt.duration(sum(bar.seconds))}" for bar in bars
    )
    alternative = (
        f"{'Mean wall time of every cell' if many else 'Wall time of every run'}: {words}."
    )
    return Figure(
        reading=_reading(many=many),
        panels=(Panel("Time ledger", stacked(bars, "ledger", alternative), alternative),),
        table=_table(timed),
        legend=tuple(
            LegendEntry(f"c{number}", title) for number, (_, title) in enumerate(_PHASES, start=1)
        ),
    )


def _by_heading(timed: Sequence[_Timed]) -> list[_Timed]:
    """Put together what stands below one heading, in the order of the first of each."""
    headings = list(dict.fromkeys(cell.heading for cell, *_ in timed))
    return sorted(timed, key=lambda each: headings.index(each[0].heading))


def _reading(*, many: bool) -> str:
    if not many:
        return _READING.format(bars="One bar a run", whose="its")
    bars = f"One bar a cell, since there are more than {_MOST_BARS} runs; each run is in the table"
    return _READING.format(bars=bars, whose="on average a run's")


def _run_bars(timed: Sequence[_Timed]) -> list[StackedRow]:
    return [
        StackedRow(
            cell.heading, _bar_label(cell, run), _seconds(timing.ledger), _said(timing.ledger)
        )
        for cell, run, timing in timed
    ]


def _bar_label(cell: Cell, run: RunRecord) -> str:
    name = cell.name.without_variant
    return name if len(cell.runs) == 1 else f"{name} #{turn_text(run)}"


def _seconds(ledger: Ledger) -> tuple[float, ...]:
    return tuple(getattr(ledger, name) or 0.0 for name, _ in _PHASES)


def _said(ledger: Ledger) -> tuple[str, ...]:
    return tuple(f"{title} {fmt.seconds(getattr(ledger, name))}" for name, title in _PHASES)


def _cell_bars(timed: Sequence[_Timed]) -> list[StackedRow]:
    groups = groupby(timed, lambda each: each[0].key)
    return [_cell_bar([*of_cell]) for _, of_cell in groups]


def _cell_bar(timed: Sequence[_Timed]) -> StackedRow:
    """Return the means of a cell's phases; one that a run did not reach counts as nothing."""
    cell, runs = timed[0][0], counted(len(timed), "run")
    phases = zip(*(_seconds(timing.ledger) for _, _, timing in timed), strict=True)
    means = tuple(fmean(phase) for phase in phases)
    said = (
        f"{title} {fmt.seconds(mean)}, mean of {runs}"
        for (_, title), mean in zip(_PHASES, means, strict=True)
    )
    return StackedRow(cell.heading, cell.name.without_variant, means, tuple(said))


def _table(timed: Sequence[_Timed]) -> Table:
    rows = [
        (
            cell.title,
            cell.label,
            turn_text(run),
            *(fmt.seconds(getattr(timing.ledger, name)) for name, _ in _PHASES),
            fmt.duration(timing.wall_s),
        )
        for cell, run, timing in timed
    ]
    titles = ("Network", "Device", "#Run", *(f"#{title}" for _, title in _PHASES), "#Wall time")
    return table("Where the wall time of every run went", titles, rows)
