"""One execution of an experiment: its folder, and the steps that fill it.

The steps are the same with Prefect and without; each finds what it needs on disk.
"""

import os
import re
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lungbench.data.dataset import DATA_FILE, PreparedData
from lungbench.data.listing import list_files
from lungbench.data.prepare import prepare
from lungbench.errors import DeviceUnavailable, LungbenchError, Refused
from lungbench.experiment import SYNTHETIC, Experiment, RunSpec
from lungbench.files import write_atomically
from lungbench.host import describe_host, unavailable
from lungbench.launch import Surroundings, launch
from lungbench.record import Host, RunRecord
from lungbench.weights import ensure_weights

EXPERIMENT_FILE = "experiment.json"
REPORT_FILE = "report.html"
_CACHE = ".cache"
_STAMP = re.compile(r"\d{8}T\d{6}Z(-\d+)?")


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
            LungbenchError: The folder holds none.
        """
        try:
            text = (folder / EXPERIMENT_FILE).read_bytes()
            return cls(folder, Experiment.model_validate_json(text))
        except (OSError, ValueError):
            raise LungbenchError(
                "An execution's folder holds its experiment.json.",
                received=folder,
                expected="a folder such as results/quick/20261122T211100Z",
            ) from None

    def run_dir(self, spec: RunSpec) -> Path:
        """Return the folder of one run."""
        return self.folder / "runs" / spec.run_id

    def spec(self, run_id: str) -> RunSpec:
        """Return the run of this name.

        Raises:
            KeyError: The experiment has no such run.
        """
        return {spec.run_id: spec for spec in self.experiment.runs()}[run_id]

    def prepare(self, progress: Callable[[int, int], None] | None = None) -> PreparedData:
        """Decode and split the images, once; remove this execution again where that is refused.

        Raises:
            DataError: The images can't be used as asked.
        """
        if (self.folder / DATA_FILE).exists():
            return PreparedData.read(self.folder / DATA_FILE)
        cache = self.folder.parent.parent / _CACHE
        try:
            return prepare(self.experiment.data, cache=cache, out=self.folder, progress=progress)
        except LungbenchError:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def train(self, run_id: str, stop: threading.Event) -> RunRecord:
        """Train one run in a process of its own; return its record, written whatever happened."""
        spec, data = self.spec(run_id), self.folder / DATA_FILE
        around = Surroundings(
            data=data,
            facts=PreparedData.read(data).facts(),
            host=describe_host(),
            measure=self.experiment.measure,
            stop=stop,
        )
        return launch(spec, self.run_dir(spec), around)


def preflight(experiment: Experiment, results: Path, host: Host) -> None:
    """Refuse what could not end well, before anything is started.

    Raises:
        DeviceUnavailable: None of the runs has its device on this host.
        WeightsUnavailable: Pretrained weights can't be had.
        DataError: The image folder isn't one.
        Refused: The results folder can't be written.
    """
    _check_results(results)
    if experiment.data.source != SYNTHETIC:
        list_files(Path(experiment.data.source))
    reasons = [unavailable(device, host) for device in experiment.matrix.devices]
    if all(reasons):
        raise DeviceUnavailable(
            "At least one device of the matrix must be on this host.",
            received="; ".join(str(reason) for reason in reasons),
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
        LungbenchError: There is none.
    """
    if (folder / EXPERIMENT_FILE).is_file():
        return folder
    below = [path.parent for path in folder.glob(f"*/{EXPERIMENT_FILE}")]
    found = below or executions(folder)
    if not found:
        raise LungbenchError(
            "A report needs the folder of an execution.",
            received=folder,
            expected="a folder such as results/quick/20261122T211100Z, or one above it",
        )
    return max(found, key=lambda path: path.name)
