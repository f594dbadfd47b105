"""Results for notebooks: pandas frames of the rows that `lungbench export` writes.

    from reports.frames import frames

    f = frames("results/axes")
    f.runs.groupby(["model", "device"]).steady_epoch_s.mean()

What is missing is `pd.NA`, never 0, so whole numbers stay whole. Times are in seconds and sizes in
bytes, as the columns' names say; `f.columns` tells what each means.
"""

from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from reports.tidy.column import Kind, Row, Tidy
from reports.tidy.facts import class_table, epoch_table, run_table
from reports.tidy.readings import reading_table
from reports.tidy.source import Source, sources_in
from reports.tidy.tables import meanings_of

_DTYPES: dict[Kind, Any] = {
    "text": "string",
    "whole": "Int64",
    "number": "Float64",
    "truth": "boolean",
    "moment": "string",  # turned into moments in UTC below
}
_ROWS_AT_ONCE = 20_000  # so that hours of readings are never a list of Python's own numbers


class Frames:
    """The tables of one or more executions, each read when it is first asked for.

    Args:
        sources: Where they lie.
    """

    def __init__(self, sources: tuple[Source, ...]) -> None:
        self._sources = sources

    @property
    def folders(self) -> tuple[Path, ...]:
        """The executions' folders, oldest first."""
        return tuple(source.folder for source in self._sources)

    @cached_property
    def runs(self) -> pd.DataFrame:
        """One row a run, those without a result too."""
        return frame_of(run_table(self._sources))

    @cached_property
    def epochs(self) -> pd.DataFrame:
        """One row an epoch that ended."""
        return frame_of(epoch_table(self._sources))

    @cached_property
    def classes(self) -> pd.DataFrame:
        """One row a class of a run that was evaluated."""
        return frame_of(class_table(self._sources))

    @cached_property
    def samples(self) -> pd.DataFrame:
        """One row a reading of the resources: 43,200 of a run of 12 hours."""
        return frame_of(reading_table(self._sources))

    @cached_property
    def columns(self) -> pd.DataFrame:
        """What each column of the others means, and its unit."""
        makers = (run_table, epoch_table, class_table, reading_table)
        return frame_of(meanings_of([make(self._sources) for make in makers]))


def frames(*folders: str | Path) -> Frames:
    """Return the tables of executions.

    Args:
        folders: Of executions, or above them: then all that lie below.

    Raises:
        LungbenchError: A folder neither is nor holds an execution.
    """
    return Frames(sources_in(Path(folder) for folder in folders))


def frame_of(table: Tidy) -> pd.DataFrame:
    """Return a tidy table as a frame."""
    rows = table.rows()
    pieces = [_frame(table, piece) for piece in _pieces(rows)]
    return pd.concat(pieces, ignore_index=True) if len(pieces) > 1 else pieces[0]


def _pieces(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Yield the rows some at a time, once at least."""
    piece = list(islice(rows, _ROWS_AT_ONCE))
    yield piece
    while piece := list(islice(rows, _ROWS_AT_ONCE)):
        yield piece


def _frame(table: Tidy, rows: list[Row]) -> pd.DataFrame:
    made: dict[str, Any] = {}
    for place, column in enumerate(table.columns):
        values = pd.array([row[place] for row in rows], dtype=_DTYPES[column.kind])
        is_moment = column.kind == "moment"
        made[column.name] = pd.to_datetime(values, utc=True) if is_moment else values
    return pd.DataFrame(made)
