"""Where a training stands, read from its folder like everybody who watches."""

from dataclasses import dataclass
from pathlib import Path

from lungbench.errors import LungbenchError
from lungbench.executions.execution import Execution
from lungbench.experiment import RunSpec
from lungbench.record import Epoch, RunRecord, read_record
from lungbench.run.follow import Follower, remaining_s
from reports.forms.format import duration, significant

_LONGEST_NOTE = 200


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a training stands.

    Attributes:
        spec: The training.
        epochs: What this attempt has trained so far.
        kept: Epochs of earlier attempts that it goes on from.
        record: How it ended; None while it hasn't.
        begun: Whether its process was started.
    """

    spec: RunSpec
    epochs: tuple[Epoch, ...] = ()
    kept: int = 0
    record: RunRecord | None = None
    begun: bool = False

    @property
    def state(self) -> str:
        """One word: `waiting`, `training`, or the record's status."""
        if self.record:
            return self.record.status
        return "training" if self.begun else "waiting"

    @property
    def latest(self) -> Epoch | None:
        """The last epoch that ended."""
        trained = self.record.epochs if self.record else self.epochs
        return trained[-1] if trained else None

    @property
    def epoch(self) -> int:
        """How many epochs are done, those of earlier attempts too."""
        return self.latest.epoch if self.latest else self.kept

    @property
    def percent(self) -> float:
        """How much of the training is done."""
        if self.record and self.record.status == "completed":
            return 100.0
        return 100 * self.epoch / self.spec.epochs_to_train

    @property
    def note(self) -> str:
        """How it ended, or how long it will still take."""
        if self.record:
            return _ending(self.record)
        left_s = remaining_s(self.epochs, self.spec.epochs_to_train)
        return f"about {duration(left_s)} to go" if left_s else ""


class Watch:
    """Look at one training again and again.

    Args:
        spec: The training.
        run_dir: Its folder, in which this attempt has not begun.
        record: That of a training without a turn; it is not looked at again.
    """

    def __init__(self, spec: RunSpec, run_dir: Path, record: RunRecord | None = None) -> None:
        self._run_dir, self._follower = run_dir, Follower(run_dir)
        self._standing = Standing(spec, kept=self._follower.kept, record=record)

    def lines(self) -> list[str]:
        """Return what it has logged since the last call."""
        return self._follower.lines()

    def look(self) -> Standing:
        """Return where it stands now."""
        now = self._standing
        if now.record is None:
            ended, begun = self._follower.ended, now.begun or self._follower.begun
            epochs = (*now.epochs, *self._follower.epochs())
            record = _record(self._run_dir) if ended else None
            self._standing = Standing(now.spec, epochs, now.kept, record, begun)
        return self._standing


def watches_of(execution: Execution) -> list[Watch]:
    """Return a watch of every training of an execution, in their order.

    It is called before the trainings begin, so that it knows what earlier attempts left.
    """
    left = set(execution.remaining())
    return [
        Watch(spec, execution.run_dir(spec), None if spec in left else execution.record(spec))
        for spec in execution.experiment.runs()
    ]


def _record(run_dir: Path) -> RunRecord | None:
    try:
        return read_record(run_dir)
    except LungbenchError:
        return None


def _ending(record: RunRecord) -> str:
    if record.reason:
        return record.reason.message[:_LONGEST_NOTE]
    parts = []
    if record.timing:
        parts.append(duration(record.timing.wall_s))
    if record.metrics:
        parts.append(f"test accuracy {shown(record.metrics.overall_accuracy)}")
    return ", ".join(parts)


def shown(value: float | None) -> str:
    """Write a loss or an accuracy; nothing where there is none."""
    return "" if value is None else f"{value:.4f}"


def throughput(epoch: Epoch | None) -> str:
    """Write the images a second of an epoch; nothing where there is none."""
    return "" if epoch is None else significant(epoch.images_per_s)
