"""Executions of the past, each read from its `summary.json`, else from its records.

An index is made after every run, over hundreds of executions: records, predictions and samples
are only read where a summary is missing, or is from before it told what is needed here.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from lungbench.counted import counted
from lungbench.errors import LungbenchError, Refused
from lungbench.executions.execution import EXPERIMENT_FILE, REPORT_FILE, SUMMARY_FILE
from lungbench.record import RunRecord, read_record
from reports.comparing.cells import CellKey
from reports.results.full_time import timed_only
from reports.summaries.figures import CellFigures, MeasuredFigures
from reports.summaries.measured import measured
from reports.summaries.summary import Summary

_STAMP = re.compile(r"(\d{8}T\d{6}Z)(-\d+)?")
_LONGEST_REASON = 120


@dataclass(frozen=True, slots=True)
class Place:
    """Which cell of the matrix figures are of, wherever it ran."""

    model: str
    device: str
    precision: str
    backend: str
    pipeline: str


@dataclass(frozen=True, slots=True)
class PastExecution:
    """What one execution left, as far as later ones compare themselves with it.

    Attributes:
        folder: Its own.
        started: When; from its name, else from its first run.
        cells: What was measured of each cell; of a cell that ran on several hosts, the last's.
        completed: How many runs have a result.
        timed_only: The cells that were only timed.
        failures: What the others ended with, in a few words.
        note: What is wrong with the folder itself; empty where nothing is.
    """

    folder: Path
    started: datetime
    cells: dict[Place, MeasuredFigures]
    completed: int
    timed_only: frozenset[Place]
    failures: tuple[str, ...]
    note: str = ""

    @property
    def report(self) -> Path | None:
        """Its report, where there is one."""
        page = self.folder / REPORT_FILE
        return page if page.is_file() else None

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that it ran on."""
        return tuple(dict.fromkeys(each.machine["host"] for each in self.cells.values()))


@dataclass(frozen=True, slots=True)
class PastExperiment:
    """All executions of one experiment, oldest first.

    Attributes:
        notes: What lies among them and is none, or could not be read.
    """

    name: str
    folder: Path
    executions: tuple[PastExecution, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Past:
    """A results folder, or one experiment's.

    Attributes:
        notes: What lies in it and is no experiment.
    """

    folder: Path
    experiments: tuple[PastExperiment, ...]
    notes: tuple[str, ...]


def is_results_folder(folder: Path) -> bool:
    """Return whether experiments lie in it, and not executions."""
    return folder.is_dir() and not any(map(_looks_like_execution, _folders(folder)))


def read_past(folder: Path) -> Past:
    """Read all executions of `results/`, or of `results/<experiment>/`.

    Raises:
        Refused: There is no execution at all.
    """
    where = folder.absolute()
    if is_results_folder(where):
        found = [_experiment(each) for each in _folders(where)]
    else:
        found = [_experiment(where)] if where.is_dir() else []
    experiments = tuple(each for each in found if each.executions)
    if not experiments or _looks_like_execution(where):
        raise Refused(
            "A history is of executions.",
            received=folder,
            expected="a folder such as results, or results/quick, with executions in it",
        )
    empty = (each for each in found if not each.executions)
    return Past(
        where,
        experiments,
        tuple(f"{each.name} holds no execution that can be read." for each in empty),
    )


def _experiment(folder: Path) -> PastExperiment:
    executions, notes = [], []
    for each in _folders(folder):
        found = _execution(each)
        if isinstance(found, str):
            notes.append(f"{each.name}: {found}")
        else:
            executions.append(found)
    executions.sort(key=lambda execution: (execution.started, execution.folder.name))
    return PastExperiment(folder.name, folder, tuple(executions), tuple(notes))


def _execution(folder: Path) -> PastExecution | str:
    """Read one execution; return why it is none, in a few words, where it can't be read."""
    if not _looks_like_execution(folder):
        return "is no execution's folder."
    try:
        summary = Summary.model_validate_json((folder / SUMMARY_FILE).read_bytes())
    except FileNotFoundError:
        return _from_records(folder, "has no summary: it is under way, or was interrupted")
    except (OSError, ValidationError):
        return _from_records(folder, "its summary can't be read, so its records were")
    if any(cell.measured is None for cell in summary.cells):
        return _from_records(folder, "")
    return _from_summary(folder, summary)


def _from_summary(folder: Path, summary: Summary) -> PastExecution | str:
    cells = {_place(cell): cell.measured for cell in summary.cells if cell.measured}
    started = _started(folder, (each.started for each in cells.values()))
    if started is None:
        return "nobody knows when it was started."
    return PastExecution(
        folder=folder,
        started=started,
        cells=cells,
        completed=sum(len(cell.runs) for cell in summary.cells),
        timed_only=frozenset(_place(cell) for cell in summary.cells if cell.timing_only),
        failures=_counted(f"{each.status}: {each.reason}" for each in summary.failures),
    )


def _from_records(folder: Path, note: str) -> PastExecution | str:
    records, broken = _records(folder)
    started = _started(folder, (record.started for record in records))
    if started is None:
        return "nobody knows when it was started."
    completed = [record for record in records if record.status == "completed"]
    groups: dict[Place, list[RunRecord]] = defaultdict(list)
    for record in completed:
        groups[_place_of(record)].append(record)
    ended = (
        f"{record.status}: {record.reason.message if record.reason else 'no reason recorded'}"
        for record in records
        if record.status != "completed"
    )
    return PastExecution(
        folder=folder,
        started=started,
        cells={place: measured(runs) for place, runs in groups.items()},
        completed=len(completed),
        timed_only=frozenset(
            place for place, runs in groups.items() if any(timed_only(run) for run in runs)
        ),
        failures=_counted((*ended, *broken)),
        note=note,
    )


def _records(folder: Path) -> tuple[list[RunRecord], list[str]]:
    records, broken = [], []
    for run_dir in _folders(folder / "runs"):
        try:
            records.append(read_record(run_dir))
        except LungbenchError:
            broken.append("no record that can be read")
    return records, broken


def _looks_like_execution(folder: Path) -> bool:
    return any((folder / name).exists() for name in (EXPERIMENT_FILE, SUMMARY_FILE, "runs"))


def _folders(folder: Path) -> list[Path]:
    """Return the folders in a folder but hidden ones, sorted by name; none where there is none."""
    try:
        return sorted(
            path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")
        )
    except OSError:
        return []


def _started(folder: Path, runs: Iterable[datetime]) -> datetime | None:
    match = _STAMP.fullmatch(folder.name)
    if match:
        return datetime.strptime(match[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return min(runs, default=None)


def _place(cell: CellFigures | CellKey) -> Place:
    return Place(cell.model, cell.device, cell.precision, cell.backend, cell.pipeline)


def _place_of(record: RunRecord) -> Place:
    spec = record.spec
    return Place(spec.model, str(spec.device), spec.precision, spec.backend, spec.pipeline)


def _counted(reasons: Iterable[str]) -> tuple[str, ...]:
    """Put the same reasons together: `2 runs failed: ...`."""
    number_of = Counter(" ".join(each.split())[:_LONGEST_REASON] for each in reasons)
    return tuple(f"{counted(number, 'run')} {reason}" for reason, number in number_of.items())


def chronological(executions: Sequence[PastExecution]) -> dict[Place, list[int]]:
    """Return in which executions each cell was measured, by their numbers."""
    found: dict[Place, list[int]] = defaultdict(list)
    for number, execution in enumerate(executions):
        for place in execution.cells:
            found[place].append(number)
    return dict(found)
