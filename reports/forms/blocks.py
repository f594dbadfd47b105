"""The few shapes that every section of the page is made of, ready to be printed.

All text is plain text, escaped by the template; only an `Svg` is markup.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from reports.forms.format import MISSING


@dataclass(frozen=True, slots=True)
class Column:
    """A table's column.

    Attributes:
        numeric: Figures, aligned to the right.
    """

    title: str
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text; the first column names its row.

    Attributes:
        caption: What the table shows, for readers and for screen readers.
    """

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """One drawing of a figure.

    Attributes:
        alternative: What it shows, in words, for who can't see it.
    """

    title: str
    svg: Markup
    alternative: str


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """What one colour or shape means.

    Attributes:
        mark: The class of the style sheet that draws it: `c1` to `c10`, `dot`, `hollow`, `rule`.
    """

    mark: str
    text: str


@dataclass(frozen=True, slots=True)
class Figure:
    """Drawings that are read together.

    Attributes:
        reading: How to read them, in a sentence or two.
        table: The same figures as a table; None where they are not on record.
        open_table: Whether the table is shown without asking.
    """

    reading: str
    panels: tuple[Panel, ...]
    table: Table | None
    legend: tuple[LegendEntry, ...] = ()
    open_table: bool = False


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and what stands for it."""

    name: str
    value: str


def table(
    caption: str,
    titles: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    only_known: bool = False,
) -> Table:
    """Return a table with these titles (`#` marks numbers) and rows.

    Args:
        caption: What it shows.
        titles: One a column.
        rows: One text a column.
        only_known: Leave out columns without a figure in any row: on a host without a GPU, a
            dozen dashes a row would only hide what was measured.
    """
    shown = [
        at
        for at, _ in enumerate(titles)
        if not only_known or any(row[at] != MISSING for row in rows)
    ]
    return Table(
        caption,
        tuple(Column(titles[at].removeprefix("#"), titles[at].startswith("#")) for at in shown),
        tuple(tuple(row[at] for at in shown) for row in rows),
    )
