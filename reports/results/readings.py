"""A run's readings of its resources as arrays, for what is drawn and summed up over time."""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lungbench.job import SAMPLES_FILE
from lungbench.resources.samples import read_samples, sample_text
from reports.results.load import Run

Column = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """The rows of a `samples.csv.gz` that have a time.

    Attributes:
        t_s: Seconds since the run's process was started, one a reading.
        columns: The other columns by name, as `lungbench.resources.samples` lists them, as far as
            they hold a value; NaN is a missing one.
    """

    t_s: Column
    columns: Mapping[str, Column]

    @classmethod
    def of(cls, run: Run) -> "Readings | None":
        """Read a run's; None where there are fewer than two."""
        try:
            arrays = columns_of(run.folder / SAMPLES_FILE)
        except (OSError, EOFError):
            return None
        t_s = arrays.pop("t_s", np.empty(0))
        known = np.isfinite(t_s)
        if not known.any() or t_s[known][0] == t_s[known][-1]:
            return None
        columns = {name: values[known] for name, values in arrays.items()}
        return cls(
            t_s[known],
            {name: values for name, values in columns.items() if np.isfinite(values).any()},
        )

    @property
    def end_s(self) -> float:
        """When the last reading was taken."""
        return float(self.t_s[-1])

    def within(self, start_s: float, end_s: float) -> "Readings":
        """Return the readings of a part of the run: each tells of the time before it."""
        inside = (self.t_s > start_s) & (self.t_s <= end_s)
        columns = {name: values[inside] for name, values in self.columns.items()}
        return Readings(self.t_s[inside], columns)

    def over_gpus(self, quantity: str) -> Column | None:
        """Return the sum over the GPUs of a column such as `power_w`; None where there is none."""
        found = [
            values
            for name, values in self.columns.items()
            if name.startswith("gpu") and name.partition("_")[2] == quantity
        ]
        return np.sum(found, axis=0) if found else None


def columns_of(path: Path) -> dict[str, Column]:
    """Return the columns that `read_samples` gives, NaN for a missing value.

    Twelve hours are 43,200 rows: numpy reads them all at once, where none is damaged.

    Raises:
        OSError: The file can't be read.
    """
    header, _, body = sample_text(path).partition(b"\n")
    names = header.decode("ascii", errors="replace").split(",") if header else []
    rows = _whole_table(body, len(names))
    if rows is not None:
        return {name: rows[:, place] for place, name in enumerate(names)}
    return {name: np.array(each, np.float64) for name, each in read_samples(path).items()}


def _whole_table(body: bytes, width: int) -> NDArray[np.float64] | None:
    """Return the rows as numbers; None where one of them is no row of numbers."""
    if not body:
        return None
    # Twice, since of two missing values side by side the first time finds one.
    filled = body.replace(b",,", b",nan,").replace(b",,", b",nan,").replace(b",\n", b",nan\n")
    try:
        rows = np.loadtxt(BytesIO(filled), delimiter=",", ndmin=2, comments=None, encoding="ascii")
    except ValueError:
        return None
    return rows if rows.shape == (body.count(b"\n"), width) else None


def mean_of(values: Column | None) -> float | None:
    """Return the mean of what is known of a column; None where nothing is."""
    known = _known(values)
    return float(known.mean()) if known.size else None


def largest_of(values: Column | None) -> float | None:
    """Return the largest of what is known of a column; None where nothing is."""
    known = _known(values)
    return float(known.max()) if known.size else None


def _known(values: Column | None) -> Column:
    return np.empty(0) if values is None else values[np.isfinite(values)]
