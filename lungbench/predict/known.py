"""What is known of a model besides its bytes, and who says so."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lungbench.errors import Refused
from lungbench.predict.archive import read_config
from lungbench.predict.card import Calibration, ModelCard, card_of_run
from lungbench.predict.config import image_size_of
from lungbench.predict.job import Answer
from lungbench.predict.model_file import ModelCopy
from lungbench.predict.trust import Voucher, claimed_record
from lungbench.record import RunRecord
from lungbench.stats.calibration import scaled


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a model.

    Attributes:
        path: Where it lies.
        copy: Its private copy.
        image_size: Of the images that it takes.
        voucher: The run of one's own that saved it.
        claimed: The record that names its classes, whoever wrote it.
        card: What that run left of it.
        uncalibrated: Why its probabilities can't be calibrated; empty where they can.
    """

    path: Path
    copy: ModelCopy
    image_size: int
    voucher: Voucher | None
    claimed: RunRecord | None
    card: ModelCard | None
    uncalibrated: str

    @classmethod
    def of(cls, path: Path, copy: ModelCopy, voucher: Voucher | None) -> "Known":
        """Look through a model, and find what else there is of it.

        Raises:
            Refused: It isn't one that can be used.
        """
        size = image_size_of(read_config(copy.path))
        if voucher is None:
            claimed = claimed_record(copy.sha256, path)
            return cls(path, copy, size, None, claimed, None, "nothing is known of the model")
        card = card_of_run(voucher, size)
        if isinstance(card, str):
            return cls(path, copy, size, voucher, voucher.record, None, card)
        return cls(path, copy, size, voucher, voucher.record, card, _why_not(card.calibration))

    @property
    def record(self) -> RunRecord | None:
        """The record of one's own results that speaks for it."""
        return self.voucher.record if self.voucher else None

    @property
    def names(self) -> tuple[str, ...]:
        """The classes as they are claimed; none where they aren't."""
        return self.claimed.data.classes if self.claimed else ()

    def check_classes(self, wanted: Sequence[str]) -> None:
        """Refuse a model that was made for other classes than those asked for.

        Raises:
            Refused: It was, or it isn't known for which.
        """
        if wanted and set(wanted) != set(self.names):
            raise Refused(
                "The model must be made for the classes asked for.",
                received=f"{', '.join(self.names) or 'unknown classes'} ({self.path})",
                expected=", ".join(wanted),
            )

    def classes(self, answer: Answer) -> tuple[str, ...]:
        """Return the claimed names where they are as many, and as different, as the network's.

        Raises:
            Refused: They aren't, though a record of one's own claims them.
        """
        if not answer.probabilities:
            return self.names
        count = len(answer.probabilities[0])
        if len(self.names) == len(set(self.names)) == count:
            return self.names
        if self.voucher:
            raise Refused(
                "The model must be made for the classes of its record.",
                received=f"{count} outputs",
                expected=f"one for each of {', '.join(self.names)}",
            )
        return tuple(f"class {n}" for n in range(1, count + 1))

    def calibrated(self, answer: Answer) -> list[tuple[float, ...] | None]:
        """Return what an answer's probabilities are once they are scaled."""
        calibration = self.card.calibration if self.card else None
        if calibration is None or calibration.temperature is None or not answer.probabilities:
            return [None] * len(answer.probabilities)
        raw = np.clip(answer.probabilities, 0, 1)
        return [tuple(map(float, row)) for row in scaled(raw, calibration.temperature)]


def _why_not(calibration: Calibration | None) -> str:
    """Say why probabilities can't be calibrated; nothing where they can."""
    if calibration is None:
        return "its run saw no finite probabilities"
    if calibration.temperature is None:
        return f"it diagnosed all of its {calibration.images} validation images rightly"
    return ""
