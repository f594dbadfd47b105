"""Tidy tables without the names of hosts and users, for readers outside of the lab.

Names become the placeholders of a redacted report of the same executions: see
`reports.page.redaction`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from reports.page.redaction import renaming
from reports.results.load import load
from reports.tidy.column import Row, Tidy, Value
from reports.tidy.source import Source

_MOST_KEPT = 4096  # the texts of a row come again in each of its epochs and readings


def redacted_tables(tables: Sequence[Tidy], sources: Sequence[Source]) -> tuple[Tidy, ...]:
    """Return the same tables with every text changed, of which all but the readings are read once.

    Raises:
        LungbenchError: A folder is no execution's any more.
    """
    executions = [load(source.folder) for source in sources]
    texts = (value for table in tables if table.name == "runs" for value in _texts(table))
    change = lru_cache(_MOST_KEPT)(renaming(texts, executions))

    def renamed(value: Value) -> Value:
        return change(value) if isinstance(value, str) else value

    def of(table: Tidy) -> Tidy:
        return replace(table, rows=lambda: (tuple(map(renamed, row)) for row in table.rows()))

    return tuple(map(of, tables))


def _texts(table: Tidy) -> Iterator[str]:
    rows: Iterator[Row] = table.rows()
    yield from (value for row in rows for value in row if isinstance(value, str))
