"""How long a training would take here, by a few steps on random images; nothing of it is kept.

The process that takes them is the training's own in all but its length: the same environment, the
same processors, the same locks. It works in a temporary folder.
"""

import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from lungbench.data.dataset import DATA_FILE, LABELS_FILE, PIXELS_FILE, PreparedData
from lungbench.experiment import RunSpec
from lungbench.files import write_atomically
from lungbench.host import pick_cpus
from lungbench.job import JOB_FILE, Job
from lungbench.reasons import reason_of_exit
from lungbench.run import outcome
from lungbench.run.child import Child
from lungbench.run.lock import host_lock
from lungbench.training.step_times import PROBE_FILE, STEPS, StepTimes

COMMAND = (sys.executable, "-m", "lungbench.training.step_probe")

_LONGEST_S = 900.0
_MOST_IMAGES = 64  # that differ; a batch of more has some of them twice


@dataclass(frozen=True, slots=True)
class Probed:
    """What a probe found.

    Attributes:
        times: How long its steps took; None where there is no such.
        reason: Why there is none.
    """

    times: StepTimes | None = None
    reason: str | None = None


def kind_of(spec: RunSpec) -> tuple[str, ...]:
    """Return what decides the time of a step: runs of one kind need one probe."""
    return (spec.model, str(spec.device), spec.precision, spec.backend)


def probed(
    spec: RunSpec, classes: int, *, command: Sequence[str] = COMMAND, longest_s: float = _LONGEST_S
) -> Probed:
    """Take a few steps of a training on random images of its size.

    The cached pipeline delivers them, whatever the run's, and no weights are downloaded: neither
    changes the arithmetic. It waits until no training is under way on this host.

    Args:
        spec: The training.
        classes: How many it tells apart.
        command: What is started as the probing child.
        longest_s: Then it is ended, and there is no time.

    Raises:
        OSError: There is no room for its temporary folder.
        Refused: The host's lock can't be used.
    """
    plain = spec.model_copy(update={"weights": "none", "pipeline": "cached", "fold": None})
    with tempfile.TemporaryDirectory(prefix="lungbench-probe-") as name:
        folder = Path(name)
        _prepare(folder, plain, classes)
        with host_lock(f"probe of {spec.label}", threading.Event()) as locks:
            return _looked(folder, plain, locks, command, longest_s)


def _looked(
    folder: Path, spec: RunSpec, locks: Sequence[int], command: Sequence[str], longest_s: float
) -> Probed:
    threads = spec.device.threads
    cpus = pick_cpus(threads) if threads else ()
    child = Child(folder, spec.environ(), cpus=cpus, locks=locks, command=command)
    try:
        code = child.wait(longest_s)
    finally:
        if child.wait(0) is None:
            child.end(grace_s=0)
        child.close()
    if code is None:
        return Probed(reason=f"{STEPS + 1} steps take longer than {longest_s:g} s")
    try:
        return Probed(StepTimes.model_validate_json((folder / PROBE_FILE).read_bytes()))
    except (OSError, ValidationError):
        return Probed(reason=_why(folder, code))


def _why(folder: Path, code: int) -> str:
    said = outcome.read_training(folder)
    failure = said.failure if said else None
    return (failure or reason_of_exit(code, outcome.last_words(folder))).message


def _prepare(folder: Path, spec: RunSpec, classes: int) -> None:
    """Write random images for a few training steps, and the job."""
    needed = spec.batch_size * (STEPS + 1)
    count, size = min(needed, _MOST_IMAGES), spec.image_size
    rows = tuple((np.arange(needed) % count).tolist())
    greys = np.random.default_rng(0).integers(0, 256, (count, size, size), dtype=np.uint8)
    np.save(folder / PIXELS_FILE, greys)
    np.save(folder / LABELS_FILE, np.arange(count, dtype=np.int64) % classes)
    data = PreparedData(
        fingerprint="probe",
        source="random",
        classes=tuple(str(number) for number in range(classes)),
        image_size=size,
        split_seed=0,
        pixels=folder,
        rows={"train": rows, "validation": rows, "test": ()},
        paths=("",) * count,
        images_found=count,
        images_skipped=0,
    )
    data.write(folder / DATA_FILE)
    job = Job(spec=spec, data=folder / DATA_FILE)
    write_atomically(folder / JOB_FILE, job.model_dump_json())
