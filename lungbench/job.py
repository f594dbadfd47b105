"""What parent and child tell each other, all of it files in the run folder and a few variables.

The parent writes `spec.json` and starts `python -m lungbench.train RUN_DIR`; the child appends to
`epochs.jsonl` and writes its checkpoint, `training.json`, `predictions.csv`, `diagnosis.json` and
`model.keras`.
"""

import re
from pathlib import Path

from lungbench.experiment import RunSpec
from lungbench.frozen import Frozen
from lungbench.record import Controls, Latency, ModelFacts, Reason, Resumption

JOB_FILE = "spec.json"
EPOCHS_FILE = "epochs.jsonl"
TRAINING_FILE = "training.json"
PREDICTIONS_FILE = "predictions.csv"
DIAGNOSIS_FILE = "diagnosis.json"
MODEL_FILE = "model.keras"
SAMPLES_FILE = "samples.csv.gz"  # those of interrupted attempts: see `earlier_samples`
LOG_FILE = "log.txt"
HEARTBEAT_FILE = ".heartbeat"  # its time of change tells the parent that batches go on

# A pipe's file descriptor: its end-of-file tells the child that its parent is gone.
LIFELINE_VARIABLE = "LUNGBENCH_LIFELINE"
# The parent's monotonic clock at the start of the child, in seconds.
STARTED_VARIABLE = "LUNGBENCH_STARTED"
# Logical processors that the child pins itself to, e.g. "0,1"; absent means all.
CPUS_VARIABLE = "LUNGBENCH_CPUS"

_EARLIER_SAMPLES = re.compile(r"samples-([1-9][0-9]*)\.csv\.gz")


class Job(Frozen):
    """What the child is asked to do.

    Attributes:
        spec: The training.
        data: The `data.json` that it trains on.
    """

    spec: RunSpec
    data: Path


class Marks(Frozen):
    """When each part of the child's work ended, in seconds since its start."""

    started_s: float | None = None
    built_s: float | None = None
    fitted_s: float | None = None
    evaluated_s: float | None = None
    saved_s: float | None = None
    controlled_s: float | None = None


class Spent(Frozen):
    """What a training had used up at its checkpoint, over all attempts that led there.

    Attributes:
        elapsed_s: Wall time of the attempts, each up to its last checkpoint.
        startup_s: Starting their processes.
        build_s: Building their networks.
        checkpoint_s: Writing their checkpoints.
        epoch_s: Training the epoch that the checkpoint is inside of.
    """

    elapsed_s: float = 0.0
    startup_s: float = 0.0
    build_s: float = 0.0
    checkpoint_s: float = 0.0
    epoch_s: float = 0.0


class Training(Frozen):
    """What the child says of itself when it ends.

    Attributes:
        marks: When each part ended.
        device_seen: The processors that the backend listed.
        checkpoint_s: What writing checkpoints took, in seconds.
        resumption: What it went on from, None where it began at the beginning.
        stopped: Whether it ended because it was asked to, with a checkpoint.
        failure: Why there is no result, None where there is one.
    """

    marks: Marks = Marks()
    device_seen: str | None = None
    model: ModelFacts | None = None
    controls: Controls | None = None
    latency: Latency | None = None
    checkpoint_s: float | None = None
    resumption: Resumption | None = None
    stopped: bool = False
    failure: Reason | None = None


def earlier_samples(run_dir: Path) -> dict[int, Path]:
    """Return the readings of a run's interrupted attempts, by the attempt, from 1."""
    matches = [_EARLIER_SAMPLES.fullmatch(path.name) for path in run_dir.glob("samples-*")]
    attempts = sorted(int(match[1]) for match in matches if match)
    return {attempt: kept_samples(run_dir, attempt) for attempt in attempts}


def kept_samples(run_dir: Path, attempt: int) -> Path:
    """Return what the readings of an interrupted attempt are called once there is another."""
    return run_dir / f"samples-{attempt}.csv.gz"


def last_attempt(run_dir: Path) -> int:
    """Return which attempt `SAMPLES_FILE` is of, from 1."""
    return max(earlier_samples(run_dir), default=0) + 1


def samples_files(run_dir: Path) -> dict[int, Path]:
    """Return all files of a run's readings, by the attempt that they are of, from 1."""
    last = run_dir / SAMPLES_FILE
    newest = {last_attempt(run_dir): last} if last.is_file() else {}
    return earlier_samples(run_dir) | newest
