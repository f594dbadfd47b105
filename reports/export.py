"""Execution folders as tidy tables: CSV files, and a workbook with a sheet for each.

Rows are written as they are read, so that hours of readings need no memory. Nothing in them is
computed by a spreadsheet, and what is missing stays empty.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lungbench.data.staging import new_file
from lungbench.foreign_text import as_cell, visible
from reports.forms.result_files import check_no_folder, files_together, writable
from reports.forms.workbook import MOST_ROWS, Sheet, SheetColumn, write_workbook
from reports.page.redacted_tables import redacted_tables
from reports.tidy.column import Column, Row, Tidy, Value
from reports.tidy.source import sources_in
from reports.tidy.tables import tidy_tables

WORKBOOK_FILE = "results.xlsx"
WORKBOOK_SUFFIX = ".xlsx"

_WIDTHS = {"text": 16, "moment": 22, "whole": 11, "number": 12, "truth": 9}
_WIDE = {"run_id": 44, "meaning": 70, "reason": 40, "column": 28, "execution": 20}


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes:
        path: The folder, or the workbook.
        left_out: How many rows of a table its sheet had no room for, by the table's name.
        has_csv: Whether the CSV files hold them.
    """

    path: Path
    left_out: dict[str, int]
    has_csv: bool


def export(
    folders: Iterable[Path], out: Path, *, most_rows: int = MOST_ROWS, redact: bool = False
) -> Exported:
    """Write the tables of executions.

    Args:
        folders: Of executions, or above them: then all that lie below.
        out: A workbook, if it is called `.xlsx`; else a folder of CSV files with a workbook.
        most_rows: That a sheet may have, its header among them.
        redact: Leave out the names of hosts and users; see `reports.page.redaction`.

    Raises:
        LungbenchError: There is no execution, or `out` can't be written.
    """
    sources = sources_in(folders)
    every = tidy_tables(sources)
    tables = [_Counted(each) for each in (redacted_tables(every, sources) if redact else every)]
    alone = out.suffix.lower() == WORKBOOK_SUFFIX
    if alone:
        with writable(out):
            check_no_folder(out)
            out.parent.mkdir(parents=True, exist_ok=True)
            _write_workbook(out, tables, most_rows)
    else:
        _write_folder(out, tables, most_rows)
    too_many = {each.table.name: each.rows_seen - (most_rows - 1) for each in tables}
    left_out = {name: rows + 1 for name, rows in too_many.items() if rows > 0}
    return Exported(out, left_out, has_csv=not alone)


class _Counted:
    """A table that knows how many rows it gave last."""

    def __init__(self, table: Tidy) -> None:
        self.table = table
        self.rows_seen = 0

    def rows(self) -> Iterator[Row]:
        self.rows_seen = 0
        for row in self.table.rows():
            self.rows_seen += 1
            yield row


def _write_folder(out: Path, tables: Sequence[_Counted], most_rows: int) -> None:
    csv_files = {f"{each.table.name}.csv": each for each in tables}
    with files_together(out, (*csv_files, WORKBOOK_FILE)) as staging:
        for name, each in csv_files.items():
            _write_csv(staging / name, each)
        _write_workbook(staging / WORKBOOK_FILE, tables, most_rows)


def _write_csv(path: Path, each: _Counted) -> None:
    with (
        new_file(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as text,
    ):
        table = csv.writer(text)  # its rows end by CR LF, as RFC 4180 has it
        table.writerow([column.name for column in each.table.columns])
        for row in each.rows():
            table.writerow([_csv_cell(value) for value in row])


def _csv_cell(value: Value) -> Value:
    if isinstance(value, str):
        return as_cell(visible(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


def _write_workbook(path: Path, tables: Sequence[_Counted], most_rows: int) -> None:
    sheets = [
        Sheet(
            each.table.name.capitalize(),
            tuple(_sheet_column(column) for column in each.table.columns),
            each.rows(),
        )
        for each in tables
    ]
    write_workbook(path, sheets, most_rows)


def _sheet_column(column: Column) -> SheetColumn:
    return SheetColumn(column.name, _WIDE.get(column.name, _WIDTHS[column.kind]))
