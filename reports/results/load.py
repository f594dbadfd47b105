"""Read execution folders back from disk; whatever is missing or broken becomes a sentence."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from lungbench.data.audit import AUDIT_FILE, Audit, read_audit
from lungbench.data.dataset import DATA_FILE, PreparedData
from lungbench.data.images_csv import IMAGES_FILE
from lungbench.errors import DataError, LungbenchError
from lungbench.executions.execution import EXPERIMENT_FILE
from lungbench.experiment import Experiment
from lungbench.job import LOG_FILE
from lungbench.record import RECORD_FILE, RunRecord, Status, read_record
from reports.results.images import FoundImages, SkippedImage, read_images

_LOG_TAIL_LINES = 15
_LOG_TAIL_BYTES = 16_384
_TERMINAL_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Run:
    """One readable record and the folder it came from."""

    folder: Path
    record: RunRecord


@dataclass(frozen=True, slots=True)
class Failure:
    """One run without a result.

    Attributes:
        status: The record's, or `broken` and `missing` where there is no readable record.
        reason: Why, in one line.
        log_tail: The last lines of its log, oldest first.
    """

    run_id: str
    status: Status | str
    reason: str
    log_tail: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Results:
    """Everything one execution folder says.

    Attributes:
        folder: Where it lies.
        experiment: What was asked for; None where `experiment.json` can't be read.
        data: What was trained on; None where `data.json` can't be read.
        images: The image files that were found; nothing where their table can't be read.
        runs: The readable records, sorted by folder name.
        failures: Every run without a result, with its reason.
        notes: What could not be read, one sentence each.
        audit: What was found out about the images; None where they were not audited.
    """

    folder: Path
    experiment: Experiment | None
    data: PreparedData | None
    images: FoundImages
    runs: tuple[Run, ...]
    failures: tuple[Failure, ...]
    notes: tuple[str, ...]
    audit: Audit | None = None

    @property
    def name(self) -> str:
        """The experiment's name and when it was started, as the folder is called."""
        return f"{self.experiment.name} {self.folder.name}" if self.experiment else self.folder.name

    @property
    def skipped_images(self) -> tuple[SkippedImage, ...]:
        """The image files that could not be used, or were not asked for."""
        return self.images.skipped

    @property
    def completed(self) -> tuple[Run, ...]:
        """The runs that trained to their end."""
        return tuple(run for run in self.runs if run.record.status == "completed")


def load(results: Path) -> Results:
    """Read one execution folder.

    Raises:
        LungbenchError: It is no folder, or holds neither an experiment nor runs.
    """
    folder = results.resolve()
    if not (folder / EXPERIMENT_FILE).is_file() and not (folder / "runs").is_dir():
        raise LungbenchError(
            "A report is made of execution folders.",
            received=results,
            expected=f"a folder with {EXPERIMENT_FILE} and runs/",
        )
    notes: list[str] = []
    experiment = _experiment(folder, notes)
    data = _data(folder, notes)
    audit = _audit(folder, notes)
    runs, broken = _runs(folder)
    return Results(
        folder=folder,
        experiment=experiment,
        data=data,
        images=_images(folder, notes),
        runs=runs,
        failures=(
            *(_unfinished(run) for run in runs if run.record.status != "completed"),
            *broken,
            *_never_started(folder, experiment),
        ),
        notes=tuple(notes),
        audit=audit,
    )


def log_tail(run_folder: Path) -> tuple[str, ...]:
    """Return the last lines of a run's log without terminal codes; none where there is no log."""
    try:
        with (run_folder / LOG_FILE).open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _LOG_TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return ()
    # A progress bar overwrites its line: only what stood there last was ever to be read.
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    shown = [clean for line in lines if (clean := _TERMINAL_CODES.sub("", line).rstrip())]
    return tuple(shown[-_LOG_TAIL_LINES:])


def _experiment(folder: Path, notes: list[str]) -> Experiment | None:
    path = folder / EXPERIMENT_FILE
    try:
        return Experiment.model_validate_json(path.read_bytes())
    except OSError:
        notes.append(f"{EXPERIMENT_FILE} is missing, so the baseline is taken from the records.")
    except ValidationError as error:
        notes.append(
            f"{EXPERIMENT_FILE} can't be read ({_first_problem(error)}), "
            "so the baseline is taken from the records."
        )
    return None


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]


def _data(folder: Path, notes: list[str]) -> PreparedData | None:
    try:
        return PreparedData.read(folder / DATA_FILE)
    except DataError:
        notes.append(
            f"{DATA_FILE} can't be read, so what is said of the data comes from the records."
        )
    return None


def _audit(folder: Path, notes: list[str]) -> Audit | None:
    try:
        return read_audit(folder)
    except DataError:
        notes.append(f"{AUDIT_FILE} can't be read, so nothing is said of what the images share.")
    return None


def _images(folder: Path, notes: list[str]) -> FoundImages:
    try:
        return read_images(folder / IMAGES_FILE)
    except (OSError, csv.Error):
        notes.append(f"{IMAGES_FILE} is missing, so skipped images can't be named.")
    return FoundImages()


def _runs(folder: Path) -> tuple[tuple[Run, ...], tuple[Failure, ...]]:
    runs, broken = [], []
    for run_folder in sorted(path for path in (folder / "runs").glob("*") if path.is_dir()):
        try:
            runs.append(Run(run_folder, read_record(run_folder)))
        except LungbenchError as error:
            status = "broken" if (run_folder / RECORD_FILE).exists() else "missing"
            broken.append(
                Failure(run_folder.name, status, _without(error, run_folder), log_tail(run_folder))
            )
    return tuple(runs), tuple(broken)


def _without(error: LungbenchError, folder: Path) -> str:
    """Return the error's line with paths relative to the run, which may have moved since."""
    return str(error).replace(f"{folder}/", "")


def _unfinished(run: Run) -> Failure:
    record = run.record
    reason = (
        f"{record.reason.kind}: {record.reason.message}" if record.reason else "no reason recorded"
    )
    return Failure(record.run_id, record.status, " ".join(reason.split()), log_tail(run.folder))


def _never_started(folder: Path, experiment: Experiment | None) -> tuple[Failure, ...]:
    if experiment is None:
        return ()
    return tuple(
        Failure(spec.run_id, "missing", "No run folder: it was never started.")
        for spec in experiment.runs()
        if not (folder / "runs" / spec.run_id).is_dir()
    )
