"""News of a run that is under way, read from its folder: new epochs, new lines of its log."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from lungbench.job import EPOCHS_FILE, LOG_FILE
from lungbench.record import Epoch


class Follower:
    """Remember how far a run's files were read.

    Args:
        run_dir: The run's folder, which need not exist yet.
    """

    def __init__(self, run_dir: Path) -> None:
        self._log, self._epochs = run_dir / LOG_FILE, run_dir / EPOCHS_FILE
        self._log_read = self._epochs_read = 0

    def lines(self) -> list[str]:
        """Return the log's whole lines since the last call."""
        text, self._log_read = _news(self._log, self._log_read)
        return text.decode(errors="replace").splitlines()

    def epochs(self) -> list[Epoch]:
        """Return the epochs that ended since the last call."""
        text, self._epochs_read = _news(self._epochs, self._epochs_read)
        try:
            return [Epoch.model_validate_json(line) for line in text.splitlines()]
        except ValidationError:
            return []


def _news(path: Path, offset: int) -> tuple[bytes, int]:
    """Return what stands behind `offset`, up to the last line's end, and where that is."""
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
