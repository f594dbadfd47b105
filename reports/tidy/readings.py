"""The table of readings: what each run took of its machine, moment by moment.

Hours of readings of many runs are too many for memory, so they are read row by row. Which GPUs and
which domains of the node's energy have columns depends on the machines.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from lungbench.job import samples_files
from lungbench.resources.samples import sample_rows
from reports.tidy.column import Column, Kind, Row, Tidy, Value, as_value
from reports.tidy.facts import KEY
from reports.tidy.source import Source, SourceRun, runs_of

_ATTEMPT = Column("attempt", "whole", "attempt", "Which process of the run, from 1.")

_OF_THE_RUN: tuple[tuple[str, Kind, str], ...] = (
    ("t_s", "number", "When it was read, since the start of that process."),
    ("cpu_percent", "number", "Of the run's processes since the row before; 100 is one core."),
    ("rss_bytes", "whole", "Their resident memory; shared pages count in each."),
    ("processes", "whole", "How many live."),
    ("host_cpu_percent", "number", "Of the machine; 100 is all of its cores."),
    ("host_memory_used_bytes", "whole", "Of the machine: what could not be had at once."),
    ("other_load_percent", "number", "CPU time of all else; 100 is one core."),
    ("steal_percent", "number", "CPU time taken by the hypervisor; 100 is all cores."),
    ("gpu_strangers", "whole", "Other processes that compute on the selected GPUs."),
)
_OF_A_GPU: dict[str, tuple[Kind, str]] = {
    "utilisation_percent": ("number", "Time in which a kernel ran."),
    "memory_used_bytes": ("whole", "Memory in use."),
    "power_w": ("number", "Power."),
    "temperature_c": ("number", "Temperature."),
    "sm_clock_mhz": ("number", "Clock of its multiprocessors."),
    "memory_clock_mhz": ("number", "Clock of its memory."),
    "energy_j": ("number", "A counter since the driver was loaded; differences are energy."),
    "throttle_bits": ("whole", "Why its clocks are lowered, as NVML's bits; 0 is not at all."),
}
_GPU = re.compile(r"gpu(\d{1,4})_(\w+)")
_NODE = re.compile(r"node_([a-z]+[0-9-]*)_energy_j")


def reading_table(sources: Sequence[Source]) -> Tidy:
    """Return the table with one row a reading, its columns those that any run has.

    Raises:
        LungbenchError: See `runs_of`.
    """
    columns = _columns(sources)
    return Tidy("samples", columns, partial(_rows, sources, columns))


def _columns(sources: Sequence[Source]) -> tuple[Column, ...]:
    """Look at the header of every file."""
    seen: set[str] = set()
    for run in runs_of(sources):
        for path in samples_files(run.folder).values():
            seen.update(_opened(path)[0])
    fixed = tuple(Column(name, kind, name, meaning) for name, kind, meaning in _OF_THE_RUN)
    own = filter(None, map(_own_column, sorted(seen, key=_natural)))
    return (*KEY, _ATTEMPT, *fixed, *own)


def _own_column(name: str) -> Column | None:
    """Return the column of a GPU or an energy domain; None where a name is of neither."""
    if match := _GPU.fullmatch(name):
        kind, meaning = _OF_A_GPU.get(match[2], (None, ""))
        return Column(name, kind, name, f"GPU {match[1]}: {meaning}") if kind else None
    if match := _NODE.fullmatch(name):
        meaning = "since the first row, of everything on the node; domains overlap."
        return Column(name, "number", name, f"Energy of {match[1]} {meaning}")
    return None


def _rows(sources: Sequence[Source], columns: tuple[Column, ...]) -> Iterator[Row]:
    for run in runs_of(sources):
        for attempt, path in samples_files(run.folder).items():
            yield from _rows_of(run, attempt, path, columns[len(KEY) + 1 :])


def _rows_of(
    run: SourceRun, attempt: int, path: Path, columns: tuple[Column, ...]
) -> Iterator[Row]:
    head = (*(column.of({"run": run}) for column in KEY), attempt)
    names, rows = _opened(path)
    places = {name: place for place, name in enumerate(names)}
    wanted = [(column.kind, places.get(column.name)) for column in columns]
    with suppress(OSError):  # a file that can't be read to its end gives what stands before that
        for row in rows:
            yield (*head, *(_value(kind, place, row) for kind, place in wanted))


def _value(kind: Kind, place: int | None, row: Sequence[float | None]) -> Value:
    return None if place is None else as_value(kind, row[place])


def _opened(path: Path) -> tuple[tuple[str, ...], Iterator[list[float | None]]]:
    """Return a file's columns and rows; none where it can't be read."""
    try:
        return sample_rows(path)
    except OSError:
        return (), iter(())


def _natural(name: str) -> list[int | str]:
    """Sort `gpu2` before `gpu10`, each GPU's columns in their own order."""
    match = _GPU.fullmatch(name)
    if match and match[2] in _OF_A_GPU:
        return ["gpu", int(match[1]), list(_OF_A_GPU).index(match[2])]
    return [name]
