"""The phases of a run, as its epochs bound them."""

from collections.abc import Sequence
from dataclasses import dataclass

from lungbench.record import Epoch, RunRecord

START_UP, FIRST_EPOCH, LATER_EPOCHS, AFTERWARDS = PHASES = (
    "start-up",
    "first epoch",
    "later epochs",
    "after training",
)


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a run, in seconds since its process was started.

    Attributes:
        name: One of `PHASES`; an epoch's validation and checkpoint belong to it.
    """

    name: str
    start_s: float
    end_s: float


def epochs_of_last_attempt(run: RunRecord) -> tuple[Epoch, ...]:
    """Return the epochs of the process that ended the run: other clocks began elsewhere."""
    last = max((epoch.attempt for epoch in run.epochs), default=1)
    return tuple(epoch for epoch in run.epochs if epoch.attempt == last)


def phases_of(run: RunRecord, end_s: float) -> tuple[Phase, ...]:
    """Return the phases of a run's last process, those that took no time left out.

    Args:
        run: The run.
        end_s: When it ended.
    """
    epochs = epochs_of_last_attempt(run)
    if not epochs:
        return ()
    first, *later = epochs
    begun, ended = first.started_s, _end_s(epochs[-1])
    # A process that went on from a checkpoint trains an epoch first that is the first of none.
    one = first.epoch == 1
    turn = (later[0].started_s if later else ended) if one else begun
    bounds = (0.0, begun, turn, ended, end_s)
    return _between(tuple(min(bound, end_s) for bound in bounds))


def _between(bounds: Sequence[float]) -> tuple[Phase, ...]:
    pairs = zip(PHASES, bounds, bounds[1:], strict=False)
    return tuple(Phase(name, start, end) for name, start, end in pairs if end > start)


def _end_s(epoch: Epoch) -> float:
    return epoch.started_s + epoch.train_s + (epoch.validation_s or 0.0)
