"""One execution of an experiment: its folder, and the steps that fill it.

The steps are the same with Prefect and without; each finds what it needs on disk.
"""

import logging
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError

from lungbench.data.audit import AUDIT_FILE, ensure_audit
from lungbench.data.dataset import DATA_FILE, PreparedData
from lungbench.data.images_csv import IMAGES_FILE
from lungbench.data.keras_files import check_keras_reads
from lungbench.data.prepare import prepare
from lungbench.data.sources import look
from lungbench.errors import (
    DataError,
    DeviceUnavailable,
    ExperimentError,
    LungbenchError,
    Refused,
)
from lungbench.executions.hold import hold, not_writable
from lungbench.executions.seal import seal, unseal
from lungbench.experiment import Experiment, RunSpec
from lungbench.files import write_atomically
from lungbench.flock import Holder
from lungbench.frozen import first_problem
from lungbench.host import describe_host, why_unusable
from lungbench.record import RECORD_FILE, Host, RunRecord, read_record
from lungbench.run.attempt import completed
from lungbench.run.launch import Surroundings, launch
from lungbench.weights import ensure_weights

EXPERIMENT_FILE = "experiment.json"
REPORT_FILE = "report.html"
SUMMARY_FILE = "summary.json"
FLOW_FILE = "flow.json"
OWN_FILES = (
    EXPERIMENT_FILE,
    DATA_FILE,
    IMAGES_FILE,
    AUDIT_FILE,
    SUMMARY_FILE,
    REPORT_FILE,
    FLOW_FILE,
)
CACHE = ".cache"
_STAMP = re.compile(r"\d{8}T\d{6}Z(-\d+)?")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Execution:
    """`results/<experiment>/<started>/`, with the experiment that it executes."""

    folder: Path
    experiment: Experiment

    @classmethod
    def create(cls, experiment: Experiment, results: Path) -> "Execution":
        """Make the folder of a new execution, and leave nothing where that fails.

        Raises:
            Refused: The results folder can't be written.
        """
        try:
            folder = _new_folder(results.absolute() / experiment.name)
            text = experiment.model_dump_json(indent=2) + "\n"
            write_atomically(folder / EXPERIMENT_FILE, text)
        except OSError as error:
            raise _not_writable(results, error) from None
        return cls(folder, experiment)

    @classmethod
    def open(cls, folder: Path) -> "Execution":
        """Find an execution again.

        Raises:
            Refused: The folder holds none.
            ExperimentError: Its experiment is damaged.
        """
        path = folder.absolute() / EXPERIMENT_FILE
        try:
            return cls(path.parent, Experiment.model_validate_json(path.read_bytes()))
        except OSError as error:
            raise Refused(
                "An execution's folder holds its experiment.json.",
                received=f"{folder} ({error.strerror})",
                expected="a folder such as results/quick/20261122T211100Z",
            ) from None
        except ValidationError as error:
            raise ExperimentError(f"{path}: {first_problem(error)}") from None

    @contextmanager
    def held(self, what: str) -> Iterator[Holder | None]:
        """Own the folder while the body works on it, and list its files' hashes at the end.

        Args:
            what: What others are told, e.g. `lungbench run`.

        Yields:
            Who held it last and died, None where it was left in order.

        Raises:
            Refused: Another process holds it, or it can't be written.
        """
        with hold(self.folder, what) as dead:
            try:
                unseal(self.folder, OWN_FILES)
            except OSError as error:
                raise not_writable(self.folder, error) from None
            try:
                yield dead
            finally:
                self._seal(*OWN_FILES)

    def run_dir(self, spec: RunSpec) -> Path:
        """Return the folder of one run."""
        return self.folder / "runs" / spec.run_id

    def spec(self, run_id: str) -> RunSpec:
        """Return the run of this name.

        Raises:
            KeyError: The experiment has no such run.
        """
        return _by_id(self.experiment.model_dump_json())[run_id]

    def prepare(self, progress: Callable[[int, int], None] | None = None) -> PreparedData:
        """Decode, split and audit the images, once; remove this execution where that is refused.

        Raises:
            DataError: The images can't be used as asked.
        """
        path, settings = self.folder / DATA_FILE, self.experiment.data
        fresh = not path.exists()
        try:
            if fresh:
                data = prepare(settings, cache=self.cache, out=self.folder, progress=progress)
            else:
                data = PreparedData.read(path)
            check_keras_reads(data, self.experiment.matrix.pipelines)
            ensure_audit(self.folder, data, progress)
        except LungbenchError:
            if fresh:
                self.remove_if_not_begun()
            raise
        return data

    def remove_if_not_begun(self) -> None:
        """Remove an execution that was refused before any of its runs, and a folder left empty."""
        if not (self.folder / "runs").exists():
            shutil.rmtree(self.folder, ignore_errors=True)
            with suppress(OSError):
                self.folder.parent.rmdir()

    def remaining(self) -> tuple[RunSpec, ...]:
        """Return the runs that have no result, failed and skipped ones too, in their order."""
        try:
            fingerprint = PreparedData.read(self.folder / DATA_FILE).fingerprint
        except DataError:
            return self.experiment.runs()
        return tuple(
            spec
            for spec in self.experiment.runs()
            if completed(spec, self.run_dir(spec), fingerprint) is None
        )

    def record(self, spec: RunSpec) -> RunRecord | None:
        """Return a run's record; None where there is none that can be read."""
        try:
            return read_record(self.run_dir(spec))
        except LungbenchError:
            return None

    def left(self) -> tuple[RunSpec, ...]:
        """Return the runs that were interrupted or never begun, in their order."""
        found = ((spec, self.record(spec)) for spec in self.experiment.runs())
        return tuple(
            spec for spec, record in found if record is None or record.status == "interrupted"
        )

    def train(self, run_id: str, stop: threading.Event) -> RunRecord:
        """Train one run in a process of its own; return its record, written whatever happened."""
        spec, data = self.spec(run_id), self.folder / DATA_FILE
        around = Surroundings(
            data=data,
            facts=PreparedData.read(data).of_fold(spec.fold).facts(),
            host=describe_host(),
            measure=self.experiment.measure,
            stop=stop,
        )
        name = record_name(spec.run_id)
        unseal(self.folder, [name])
        record = launch(spec, self.run_dir(spec), around)
        self._seal(name)
        return record

    @property
    def cache(self) -> Path:
        """The folder of the decoded images, which all executions below one folder share."""
        return self.folder.parent.parent / CACHE

    def _seal(self, *names: str) -> None:
        """List files' hashes; a result is not lost for want of them."""
        if self.folder.is_dir():
            try:
                seal(self.folder, names)
            except OSError as error:
                log.warning("no hashes of %s: %s", ", ".join(names), error.strerror)


@lru_cache(maxsize=4)
def _by_id(experiment: str) -> Mapping[str, RunSpec]:
    """Return an experiment's runs by their names; every training of an execution asks for one."""
    return {spec.run_id: spec for spec in Experiment.model_validate_json(experiment).runs()}


def record_name(run_id: str) -> str:
    """Return the path of a run's record in its execution."""
    return f"runs/{run_id}/{RECORD_FILE}"


def preflight(experiment: Experiment, results: Path, host: Host) -> None:
    """Refuse what could not end well, before anything is started.

    Raises:
        DeviceUnavailable: None of the runs has its device on this host.
        WeightsUnavailable: Pretrained weights can't be had.
        DataError: The source of the images can't be used.
        Refused: The results folder can't be written.
    """
    _check_results(results)
    look(experiment.data)
    check_host(experiment, host)


def check_host(experiment: Experiment, host: Host) -> None:
    """Refuse to train where nothing could be trained; other hosts are asked themselves.

    Raises:
        DeviceUnavailable: None of the runs has its device on this host.
        WeightsUnavailable: Pretrained weights can't be had.
    """
    if experiment.hosts:  # each of those looks at its own share
        return
    reasons = why_unusable(experiment.matrix, host)
    if all(reasons):
        raise DeviceUnavailable(
            "At least one device of the matrix must be on this host.",
            received="; ".join(dict.fromkeys(filter(None, reasons))),
            hint="change matrix.devices, or run `lungbench doctor` to see why.",
        )
    ensure_weights(experiment)


def _check_results(results: Path) -> None:
    """Find the nearest folder that exists and see whether it can be written."""
    nearest = next(
        path for path in (results.absolute(), *results.absolute().parents) if path.exists()
    )
    if not nearest.is_dir():
        raise _not_writable(results, NotADirectoryError(20, f"{nearest} is no folder"))
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise _not_writable(results, PermissionError(13, f"{nearest} is not writable"))


def _not_writable(results: Path, error: OSError) -> Refused:
    return Refused(
        "The results folder must be writable.",
        received=f"{results} ({error.strerror})",
        hint="name another one with --results.",
    )


def _new_folder(parent: Path) -> Path:
    """Make a folder named by the time, apart from those that others make this second."""
    parent.mkdir(parents=True, exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    for attempt in range(1, 1000):
        folder = parent / (stamp if attempt == 1 else f"{stamp}-{attempt}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(17, f"too many executions of {parent.name} in one second")


def executions(results: Path) -> list[Path]:
    """Return every execution's folder below `results`, oldest first."""
    found = (path.parent for path in results.glob(f"*/*/{EXPERIMENT_FILE}"))
    return sorted(path for path in found if _STAMP.fullmatch(path.name))


def newest_execution(folder: Path) -> Path:
    """Return `folder` if it is an execution's, else the newest execution below it.

    Raises:
        Refused: There is none.
    """
    if (folder / EXPERIMENT_FILE).is_file():
        return folder
    below = [path.parent for path in folder.glob(f"*/{EXPERIMENT_FILE}")]
    found = below or executions(folder)
    if not found:
        raise no_execution(folder)
    return max(found, key=lambda path: path.name)


def no_execution(folder: Path) -> Refused:
    """Return what to raise where neither a folder nor one below it is an execution's."""
    return Refused(
        "The folder of an execution is needed.",
        received=folder,
        expected="a folder such as results/quick/20261122T211100Z, or one above it",
        hint="name the folder of the report that `lungbench run` ended with, or run one first.",
    )
