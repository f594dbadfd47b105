"""From the files that a child left to the parts of its record.

Everything here reads what is on disk; nothing remembers. A torn last line, which a killed child
leaves, is dropped.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from pydantic import ValidationError

from lungbench.diagnoses import read_diagnoses
from lungbench.experiment import RunSpec
from lungbench.files import sha256_of, sync_folder
from lungbench.job import (
    DIAGNOSIS_FILE,
    EPOCHS_FILE,
    JOB_FILE,
    LOG_FILE,
    MODEL_FILE,
    PREDICTIONS_FILE,
    SAMPLES_FILE,
    TRAINING_FILE,
    Spent,
    Training,
    earlier_samples,
)
from lungbench.record import (
    Controls,
    Epoch,
    EpochParts,
    Ledger,
    Metrics,
    Timing,
)
from lungbench.stats.extrapolation import predicted
from lungbench.stats.intervals import geometric_mean

_ARTIFACTS = (
    JOB_FILE,
    EPOCHS_FILE,
    TRAINING_FILE,
    PREDICTIONS_FILE,
    DIAGNOSIS_FILE,
    MODEL_FILE,
    SAMPLES_FILE,
    LOG_FILE,
)


def read_training(run_dir: Path) -> Training | None:
    """Return the child's last word, or None where it left none."""
    try:
        return Training.model_validate_json((run_dir / TRAINING_FILE).read_bytes())
    except (OSError, ValidationError):
        return None


def read_epochs(run_dir: Path) -> tuple[Epoch, ...]:
    """Return the epochs that were written whole."""
    try:
        lines = (run_dir / EPOCHS_FILE).read_bytes().split(b"\n")[:-1]
    except OSError:
        return ()
    epochs = []
    for line in lines:
        try:
            epochs.append(Epoch.model_validate_json(line))
        except ValidationError:
            break
    return tuple(epochs)


def last_words(run_dir: Path, size: int = 4000) -> str:
    """Return the end of the run's log, at most `size` bytes of it."""
    try:
        with (run_dir / LOG_FILE).open("rb") as log:
            log.seek(0, 2)
            log.seek(max(0, log.tell() - size))
            return log.read().decode(errors="replace")
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What the attempts before the last one took.

    Attributes:
        spent: Up to the checkpoint that the last one went on from.
        lost_s: After it, until they ended, in seconds.
    """

    spent: Spent = field(default_factory=Spent)
    lost_s: float = 0.0


def timing_of(
    epochs: Sequence[Epoch],
    training: Training | None,
    spec: RunSpec,
    wall_s: float,
    earlier: Earlier | None = None,
) -> Timing:
    """Return a run's times.

    Args:
        epochs: Its epochs.
        training: What the child said of itself.
        spec: What was asked for.
        wall_s: From its start to its end, measured by the parent.
        earlier: What the attempts before took, where it went on from a checkpoint.
    """
    before = earlier or Earlier()
    whole_s = before.spent.elapsed_s + before.lost_s + wall_s
    # The first epoch of an attempt holds tracing and compilation.
    steady = [now for last, now in pairwise(epochs) if last.attempt == now.attempt]
    steady_s = geometric_mean(epoch.train_s for epoch in steady) if steady else None
    controls = training.controls if training else None
    cut_short = spec.epochs_to_train < spec.epochs
    return Timing(
        wall_s=whole_s,
        resumed=earlier is not None,
        first_epoch_s=epochs[0].train_s if epochs else None,
        steady_epoch_s=steady_s,
        images_per_s=geometric_mean(epoch.images_per_s for epoch in steady) if steady else None,
        epoch_parts=_parts(steady_s, controls) if steady_s and controls else None,
        predicted=predicted(epochs, spec.epochs) if cut_short else None,
        ledger=_ledger(epochs, training or Training(), whole_s, before),
    )


def _parts(epoch_s: float, controls: Controls) -> EpochParts:
    waiting_s = max(epoch_s - controls.compute_s, 0.0)
    stall_s = min(waiting_s, controls.loader_s)
    rest_s = epoch_s - controls.compute_s - stall_s
    return EpochParts(compute_s=controls.compute_s, stall_s=stall_s, rest_s=rest_s)


def _ledger(epochs: Sequence[Epoch], training: Training, wall_s: float, before: Earlier) -> Ledger:
    marks, spent = training.marks, before.spent
    parts = {
        "startup_s": _plus(spent.startup_s, marks.started_s),
        "build_s": _plus(spent.build_s, _between(marks.started_s, marks.built_s)),
        "first_epoch_s": epochs[0].train_s if epochs else None,
        "train_s": sum(e.train_s for e in epochs[1:]) if epochs else None,
        "validation_s": sum(e.validation_s or 0.0 for e in epochs) if epochs else None,
        "checkpoint_s": _plus(spent.checkpoint_s, training.checkpoint_s),
        "evaluate_s": _between(marks.fitted_s, marks.evaluated_s),
        "save_s": _between(marks.evaluated_s, marks.saved_s),
        "control_s": _between(marks.saved_s or marks.fitted_s, marks.controlled_s),
        "lost_s": before.lost_s or None,
    }
    known = sum(part for part in parts.values() if part is not None)
    return Ledger(**parts, other_s=wall_s - known)


def _plus(earlier_s: float, now_s: float | None) -> float | None:
    """Add what this attempt took to what the earlier ones did; None where there was neither."""
    return earlier_s + (now_s or 0.0) if earlier_s or now_s is not None else None


def _between(start_s: float | None, end_s: float | None) -> float | None:
    return None if start_s is None or end_s is None else end_s - start_s


def metrics_from(run_dir: Path, classes: Sequence[str]) -> Metrics:
    """Return the diagnostic metrics of the predictions that a run saved.

    Raises:
        OSError: The file can't be read.
        KeyError: It lacks a column, or names another class.
        ValueError: It is no table of text, or holds no image.
    """
    return read_diagnoses(run_dir, classes).metrics()


def artifact_hashes(run_dir: Path) -> dict[str, str]:
    """Return the SHA-256 of every file that the run left, by name.

    They are on the disk then, so that a record can't outlive what it tells of in a power cut. The
    checkpoint of an unfinished run is not among them; it holds its own.

    Raises:
        OSError: The disk fails.
    """
    earlier = (path.name for path in earlier_samples(run_dir).values())
    present = [name for name in (*_ARTIFACTS, *earlier) if (run_dir / name).is_file()]
    hashes = {name: _kept(run_dir / name) for name in present}
    sync_folder(run_dir)
    return hashes


def _kept(path: Path) -> str:
    """See to it that a file is on the disk; return its SHA-256."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return sha256_of(path)
