"""A spreadsheet file: sheets of rows, each written as it comes, whole or not at all.

No cell is ever computed: what begins like a formula is text, marked as such, so that it stays text
when somebody edits it.
"""

import math
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lungbench.data.staging import new_file
from lungbench.foreign_text import FORMULA_STARTS, visible

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

Cell = str | int | float | bool | None
Row = Sequence[Cell]

MOST_ROWS = 1_048_576
"""Of a sheet, its header among them; the format has no more."""

_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
    "use_zip64": True,
}
_HEADER = {"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"}
_CHART_SIZE = {"width": 860, "height": 420}


@dataclass(frozen=True, slots=True)
class SheetColumn:
    """A sheet's column.

    Attributes:
        title: In the first row.
        width: In characters.
        number_format: Excel's, such as `0.00`; None shows a number as it is.
    """

    title: str
    width: float = 12
    number_format: str | None = None


@dataclass(frozen=True, slots=True)
class StackedChart:
    """Bars of a sheet's columns, one upon the other, drawn by the spreadsheet itself.

    Attributes:
        title: Above it.
        x_title: Below its bars.
        y_title: Beside them.
        names: The column that names the bars.
        series: The columns whose numbers are stacked, each with its colour, such as `#0072b2`.
    """

    title: str
    x_title: str
    y_title: str
    names: int
    series: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: a header that stays in sight, rows that can be filtered, and perhaps a chart.

    Attributes:
        name: Shown on its tab; at most 31 characters.
        columns: Its header.
        rows: A cell a column; taken one by one.
        chart: Beside the rows; the rows are then all held in memory.
    """

    name: str
    columns: tuple[SheetColumn, ...]
    rows: Iterable[Row]
    chart: StackedChart | None = None


def write_workbook(path: Path, sheets: Sequence[Sheet], most_rows: int = MOST_ROWS) -> None:
    """Write an XLSX file in constant memory.

    Args:
        path: Where to.
        sheets: One or more; a sheet with more rows than fit ends in a line that says so.
        most_rows: That a sheet may have, its header among them.

    Raises:
        OSError: It can't be written, or the disk is full; the old file is untouched.
    """
    from xlsxwriter import Workbook
    from xlsxwriter.exceptions import FileCreateError

    with (
        new_file(path) as temporary,
        tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as scratch,
    ):
        try:
            with Workbook(temporary, {**_OPTIONS, "tmpdir": scratch}) as book:
                for sheet in sheets:
                    _fill(book, sheet, most_rows)
        except FileCreateError as error:
            raise error.args[0] from None  # the system's own error


def _fill(book: "Workbook", sheet: Sheet, most_rows: int) -> None:
    page = book.add_worksheet(sheet.name)
    header, formats = book.add_format(_HEADER), _Formats(book)
    for number, column in enumerate(sheet.columns):
        page.set_column(number, number, column.width)
        page.write_string(0, number, column.title, header)
    page.freeze_panes(1, 1)
    rows: Iterable[Row] = list(sheet.rows) if sheet.chart else sheet.rows
    last = 0
    for last, row in enumerate(_fitting(rows, most_rows - 1), start=1):
        for number, value in enumerate(row):
            _write(page, (last, number), value, formats, sheet.columns[number].number_format)
    page.autofilter(0, 0, last, len(sheet.columns) - 1)
    if sheet.chart and isinstance(rows, list):
        page.insert_chart(0, len(sheet.columns) + 1, _chart(book, sheet, sheet.chart, rows))
        page.set_landscape()
        page.fit_to_pages(1, 0)  # else a printed chart is cut in two


def _fitting(rows: Iterable[Row], most: int) -> Iterator[Row]:
    """Yield the rows if they are at most so many; else end in a row that says what is left out."""
    coming = iter(rows)
    for number, row in enumerate(coming, start=1):
        if number == most and (more := sum(1 for _ in coming)):
            yield (f"{more + 1:,} more rows, which a sheet has no room for",)
        else:
            yield row


class _Formats:
    """The formats of a book's cells, each made once."""

    def __init__(self, book: "Workbook") -> None:
        self._book = book
        self._numbers: dict[str | None, Format | None] = {None: None}
        self.text_only = book.add_format({"quote_prefix": True})

    def number(self, number_format: str | None) -> "Format | None":
        if number_format not in self._numbers:
            self._numbers[number_format] = self._book.add_format({"num_format": number_format})
        return self._numbers[number_format]


def _write(
    page: "Worksheet",
    at: tuple[int, int],
    value: Cell,
    formats: _Formats,
    number_format: str | None,
) -> None:
    """Write one cell; what is missing, and what is no number, stays blank."""
    if isinstance(value, str):
        text = _as_text(value)
        quoted = text.startswith(FORMULA_STARTS)
        page.write_string(*at, text, formats.text_only if quoted else None)
    elif isinstance(value, bool):
        page.write_boolean(*at, value)
    elif value is not None and math.isfinite(value):
        page.write_number(*at, value, formats.number(number_format))


def _as_text(value: str) -> str:
    """Return a text that an XML file can hold, and that the writer takes for text."""
    text = visible(value)
    # It takes what is between these for markup that somebody prepared, and doesn't escape it.
    return f"{text} " if text.startswith("<r>") and text.endswith("</r>") else text


def _chart(book: "Workbook", sheet: Sheet, wanted: StackedChart, rows: list[Row]) -> object:
    """Return the chart, with its numbers in it for programs that don't read them from the cells."""
    chart = book.add_chart({"type": "column", "subtype": "stacked"})
    for column, colour in wanted.series:
        chart.add_series(
            {
                "name": [sheet.name, 0, column],
                "name_data": [sheet.columns[column].title],
                "categories": [sheet.name, 1, wanted.names, len(rows), wanted.names],
                "values": [sheet.name, 1, column, len(rows), column],
                "categories_data": [row[wanted.names] for row in rows],
                "values_data": [row[column] for row in rows],
                "fill": {"color": colour},
                "gap": 8,
            }
        )
    chart.set_title({"name": wanted.title, "overlay": False})
    chart.set_x_axis({"name": wanted.x_title})
    chart.set_y_axis({"name": wanted.y_title, "num_format": "#,##0"})
    chart.set_legend({"position": "bottom"})
    chart.set_size(_CHART_SIZE)
    return chart
