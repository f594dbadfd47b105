"""The table that a terminal shows while an experiment runs: a line a training, as many as fit.

Pure: from where the trainings stand and the terminal's size to what is drawn.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from rich.console import Group
from rich.table import Table
from rich.text import Text

from lungbench.foreign_text import shortened
from lungbench.run.follow import remaining_s
from reports.forms.format import duration
from tasks.standing import Standing, shown, throughput

_WORDS = {"completed": "done", "interrupted": "stopped"}
_STYLES = {"done": "green", "failed": "red", "skipped": "yellow", "stopped": "yellow"}
_FIRST = "training"
# By what a person would miss most; the first two are always there.
_COLUMNS = ("state", "epoch", "ETA", "accuracy", "loss", "images/s")
_ORDER = ("state", "epoch", "loss", "accuracy", "images/s", "ETA")
_ALWAYS = ("state", "epoch")
_SHORTEST_NAME = 12
_HEADER_AND_CURSOR = 2

Cells = dict[str, str]


@dataclass(frozen=True, slots=True)
class Frame:
    """What is drawn; equal frames look alike.

    Attributes:
        header: The headings of the columns that fit.
        rows: The cells of the trainings that fit, in the matrix's order.
        counts: How many trainings are in each state, in lines that fit.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    counts: tuple[str, ...]


def frame_of(standings: Sequence[Standing], width: int, height: int, elapsed_s: float) -> Frame:
    """Choose what fits a terminal.

    Args:
        standings: Where each training stands, in the matrix's order.
        width: Of the terminal, in characters.
        height: Likewise, in lines.
        elapsed_s: Since the first of them began.
    """
    counts = tuple(textwrap.wrap(_counts(standings, elapsed_s), max(1, width)))
    room = max(1, height - len(counts) - _HEADER_AND_CURSOR)
    cells = [_cells(standings[place]) for place in chosen(standings, room)]
    header = _fitting(cells, width)
    names_width = width - sum(_widths(cells, header[1:])) - len(header) + 1
    rows = tuple(
        (shortened(each[_FIRST], max(1, names_width - 1)), *(each[name] for name in header[1:]))
        if len(each[_FIRST]) > names_width
        else tuple(each[name] for name in header)
        for each in cells
    )
    return Frame(header, rows, counts)


def chosen(standings: Sequence[Standing], room: int) -> list[int]:
    """Return the places of the trainings to show: those under way, then the last and the next."""
    places = range(len(standings))
    if len(standings) <= room:
        return list(places)
    training = [at for at in places if standings[at].state == "training"][:room]
    ended = [at for at in places if standings[at].record]
    waiting = [at for at in places if standings[at].state == "waiting"]
    left = room - len(training)
    next_ones = waiting[: max(left // 3, left - len(ended))]
    last_ones = ended[len(ended) - min(len(ended), left - len(next_ones)) :]
    return sorted([*training, *next_ones, *last_ones])


def drawn(frame: Frame) -> Group:
    """Return a frame as rich draws it."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    for name in frame.header:
        side = "left" if name in (_FIRST, "state") else "right"
        table.add_column(name, justify=side, no_wrap=True)  # type: ignore[arg-type]
    for row in frame.rows:
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    return Group(table, *(Text(line, style="bold") for line in frame.counts))


def _cells(now: Standing) -> Cells:
    latest = now.latest
    left_s = remaining_s(now.epochs, now.spec.epochs_to_train) if not now.record else None
    return {
        _FIRST: now.spec.label,
        "state": _WORDS.get(now.state, now.state),
        "epoch": f"{now.epoch}/{now.spec.epochs_to_train}",
        "loss": shown(latest.loss if latest else None),
        "accuracy": shown(latest.accuracy if latest else None),
        "images/s": throughput(latest),
        "ETA": duration(left_s) if left_s else "",
    }


def _fitting(cells: Sequence[Cells], width: int) -> tuple[str, ...]:
    """Return the headings for which there is room beside a name that can be read."""
    name = min(_SHORTEST_NAME, max((len(each[_FIRST]) for each in cells), default=0))
    needed = accumulate((each + 1 for each in _widths(cells, _COLUMNS)), initial=name)
    fits = [
        column
        for column, whole in zip(_COLUMNS, list(needed)[1:], strict=True)
        if whole <= width or column in _ALWAYS
    ]
    return (_FIRST, *(column for column in _ORDER if column in fits))


def _widths(cells: Sequence[Cells], header: Sequence[str]) -> list[int]:
    return [max([len(name), *(len(each[name]) for each in cells)]) for name in header]


def _counts(standings: Sequence[Standing], elapsed_s: float) -> str:
    states = [_WORDS.get(now.state, now.state) for now in standings]
    others = [state for state in dict.fromkeys(states) if state != "done"]
    parts = [f"{states.count('done')} of {len(states)} done"]
    parts += [f"{states.count(state)} {state}" for state in others]
    minutes = int(elapsed_s // 60) * 60  # a terminal isn't drawn anew for every second
    return ", ".join(parts) + (f"; {duration(minutes)}".removesuffix(" 0 s") if minutes else "")
