"""Everything that leaves a results folder as tables, and what their columns mean.

`lungbench export` writes these tables and `reports.frames` gives them to notebooks: the same rows.
"""

from collections.abc import Iterator, Sequence

from reports.tidy.column import Column, Row, Tidy, row_of
from reports.tidy.facts import class_table, epoch_table, run_table
from reports.tidy.readings import reading_table
from reports.tidy.source import Source

MEANINGS = (
    Column("table", "text", "table", "Which table, which is a CSV file and a sheet."),
    Column("column", "text", "column.name", "The column's name; it ends in the unit."),
    Column("unit", "text", "column.unit", "The unit; rates such as accuracy go from 0 to 1."),
    Column("kind", "text", "kind", "text, whole number, number, true or false, or moment."),
    Column("meaning", "text", "column.meaning", "What it says. An empty cell is never a 0."),
)
_KINDS = {
    "text": "text",
    "whole": "whole number",
    "number": "number",
    "truth": "true or false",
    "moment": "moment",
}


def tidy_tables(sources: Sequence[Source]) -> tuple[Tidy, ...]:
    """Return the tables of runs, epochs, classes and samples, and the one that explains them.

    Raises:
        LungbenchError: A folder is no execution's any more.
    """
    tables = (
        run_table(sources),
        epoch_table(sources),
        class_table(sources),
        reading_table(sources),
    )
    return (*tables, meanings_of(tables))


def meanings_of(tables: Sequence[Tidy]) -> Tidy:
    """Return the table with one row a column of the others."""

    def rows() -> Iterator[Row]:
        for table in tables:
            for column in table.columns:
                facts = {"table": table.name, "column": column, "kind": _KINDS[column.kind]}
                yield row_of(MEANINGS, facts)

    return Tidy("columns", MEANINGS, rows)
