"""News of a run that is under way, read from its folder: new epochs, new lines of its log.

A run that goes on finds the files of earlier attempts in its folder; they are no news.
"""

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from lungbench.job import EPOCHS_FILE, JOB_FILE, LOG_FILE, SAMPLES_FILE
from lungbench.record import RECORD_FILE, Epoch
from lungbench.training.checkpoint import CHECKPOINT_FILE, DamagedCheckpoint, Header, read_header


class Follower:
    """Remember how far a run's files were read.

    Args:
        run_dir: The run's folder, which need not exist yet; the attempt that is followed has not
            begun.

    Attributes:
        kept: Epochs in the checkpoint that this attempt goes on from.
    """

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._asked, self._recorded = _stamp(run_dir / JOB_FILE), _stamp(run_dir / RECORD_FILE)
        self._log_read, self._epochs_read = _size(run_dir / LOG_FILE), 0
        checkpoint = _checkpoint(run_dir)
        self.kept = len(checkpoint.epochs) if checkpoint else 0
        self._attempts = checkpoint.attempts if checkpoint else 0

    @property
    def begun(self) -> bool:
        """Whether the run's process was started."""
        asked = _stamp(self._run_dir / JOB_FILE)
        return asked != self._asked and (self._run_dir / SAMPLES_FILE).exists()

    @property
    def ended(self) -> bool:
        """Whether the run has its record."""
        return _stamp(self._run_dir / RECORD_FILE) not in (None, self._recorded)

    def lines(self) -> list[str]:
        """Return the log's whole lines since the last call."""
        text, self._log_read = _news(self._run_dir / LOG_FILE, self._log_read)
        return text.decode(errors="replace").splitlines()

    def epochs(self) -> list[Epoch]:
        """Return the epochs that ended since the last call."""
        path = self._run_dir / EPOCHS_FILE
        if not self.begun or _is_older(path, self._run_dir / JOB_FILE):
            return []
        text, self._epochs_read = _news(path, self._epochs_read)
        try:
            epochs = [Epoch.model_validate_json(line) for line in text.splitlines()]
        except ValidationError:
            return []
        return [epoch for epoch in epochs if epoch.attempt > self._attempts]


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _checkpoint(run_dir: Path) -> Header | None:
    try:
        return read_header(run_dir / CHECKPOINT_FILE)
    except DamagedCheckpoint:
        return None


def _is_older(path: Path, other: Path) -> bool:
    try:
        return path.stat().st_mtime_ns < other.stat().st_mtime_ns
    except OSError:
        return True


def _news(path: Path, offset: int) -> tuple[bytes, int]:
    """Return what stands behind `offset`, up to the last line's end, and where that is."""
    offset = min(offset, _size(path))  # the file may have been begun anew
    try:
        with path.open("rb") as file:
            file.seek(offset)
            text = file.read()
    except OSError:
        return b"", offset
    whole = text[: text.rfind(b"\n") + 1]
    return whole, offset + len(whole)


def remaining_s(epochs: Sequence[Epoch], planned: int) -> float | None:
    """Return the seconds that the remaining epochs will take at the pace of the latest one.

    None before the second epoch: the first one holds compilation.
    """
    if not epochs or (len(epochs) == 1 and planned > 1):
        return None
    latest = epochs[-1]
    return (planned - latest.epoch) * (latest.train_s + (latest.validation_s or 0.0))
