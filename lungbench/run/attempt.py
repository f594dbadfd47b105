"""A run's folder between attempts: what is done already, and what the next one starts from."""

import shutil
from contextlib import suppress
from pathlib import Path

from lungbench.errors import LungbenchError
from lungbench.experiment import RunSpec
from lungbench.files import sync_folder
from lungbench.job import (
    DIAGNOSIS_FILE,
    HEARTBEAT_FILE,
    MODEL_FILE,
    PREDICTIONS_FILE,
    SAMPLES_FILE,
    TRAINING_FILE,
    kept_samples,
    last_attempt,
)
from lungbench.record import RECORD_FILE, RunRecord, read_record
from lungbench.run.outcome import Earlier
from lungbench.training.checkpoint import (
    CHECKPOINT_FILE,
    DamagedCheckpoint,
    Header,
    read_checkpoint,
    read_header,
)


def completed(spec: RunSpec, run_dir: Path, fingerprint: str) -> RunRecord | None:
    """Return the record of this very training, if the folder holds it completed."""
    record = recorded(spec, run_dir, fingerprint)
    return record if record and record.status == "completed" else None


def recorded(spec: RunSpec, run_dir: Path, fingerprint: str) -> RunRecord | None:
    """Return the record of this very training, however its last attempt ended."""
    record = _record(run_dir)
    if record is None:
        return None
    same = record.spec == spec and record.data.fingerprint == fingerprint
    return record if same else None


def made_ready(spec: RunSpec, run_dir: Path, fingerprint: str) -> Earlier | None:
    """Make the folder of a run ready for an attempt, without what an earlier one left of no use.

    Returns:
        What the earlier attempts took, where this one goes on from their checkpoint.

    Raises:
        OSError: The folder can't be written.
    """
    if not (run_dir / CHECKPOINT_FILE).exists():
        _make_empty(run_dir)
        return None
    try:
        header = _header(run_dir / CHECKPOINT_FILE, spec, fingerprint)
    except DamagedCheckpoint:
        header = None  # the attempt will refuse it, for somebody to look at
    if header and (header.spec, header.data) != (spec, fingerprint):
        _make_empty(run_dir)
        return None
    earlier = _earlier(header, _record(run_dir)) if header else None
    for leftover in (*run_dir.glob(".*.tmp"), *run_dir.glob("checkpoint/.*.tmp")):
        leftover.unlink()  # of a file that the last attempt was killed over
    (run_dir / RECORD_FILE).unlink(missing_ok=True)
    sync_folder(run_dir)  # a power cut must not bring it back when what it tells of has changed
    _keep_samples(run_dir)
    # The heartbeat too: the start has a deadline of its own, and this attempt has not begun.
    for name in (TRAINING_FILE, PREDICTIONS_FILE, DIAGNOSIS_FILE, MODEL_FILE, HEARTBEAT_FILE):
        (run_dir / name).unlink(missing_ok=True)
    return earlier


def _header(path: Path, spec: RunSpec, fingerprint: str) -> Header:
    """Return what a checkpoint is of; that it is of another training is believed to a hash only.

    A flipped bit in its header would read as another training, and hours would be thrown away.
    """
    header = read_header(path)
    if (header.spec, header.data) == (spec, fingerprint):
        return header
    return read_checkpoint(path).header


def forget_checkpoint(run_dir: Path) -> None:
    """Remove the checkpoint of a completed run; it can be several times the network's size."""
    shutil.rmtree((run_dir / CHECKPOINT_FILE).parent, ignore_errors=True)


def _record(run_dir: Path) -> RunRecord | None:
    with suppress(LungbenchError):
        return read_record(run_dir) if (run_dir / RECORD_FILE).exists() else None
    return None


def _make_empty(run_dir: Path) -> None:
    if run_dir.exists():
        shutil.rmtree(run_dir)
    run_dir.mkdir(parents=True)


def _earlier(header: Header, record: RunRecord | None) -> Earlier:
    """Count what was done after the checkpoint as lost, as far as a record knows of it."""
    known_s = record.timing.wall_s if record and record.timing else 0.0
    return Earlier(header.spent, lost_s=max(0.0, known_s - header.spent.elapsed_s))


def _keep_samples(run_dir: Path) -> None:
    with suppress(FileNotFoundError):
        (run_dir / SAMPLES_FILE).rename(kept_samples(run_dir, last_attempt(run_dir)))
