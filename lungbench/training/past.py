"""What earlier attempts at a training left for the one that goes on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lungbench.environment import differences, environment
from lungbench.experiment import RunSpec
from lungbench.job import Marks, Spent
from lungbench.record import Epoch, Resumption
from lungbench.training.checkpoint import CHECKPOINT_FILE, Checkpoint, Header, read_checkpoint

MakeHeader = Callable[[tuple[Epoch, ...], int, float, float], Header]


@dataclass(frozen=True, slots=True)
class Past:
    """The checkpoint that a training goes on from, if there is one.

    Attributes:
        environment: What decides this attempt's bits.
    """

    checkpoint: Checkpoint | None = None
    environment: dict[str, str] = field(default_factory=environment)

    @classmethod
    def found(cls, run_dir: Path, device_seen: str) -> "Past":
        """Read the checkpoint of a run folder.

        Args:
            run_dir: The folder.
            device_seen: The processors that this attempt's backend sees.

        Raises:
            DamagedCheckpoint: It isn't what was written.
        """
        path = run_dir / CHECKPOINT_FILE
        checkpoint = read_checkpoint(path) if path.exists() else None
        return cls(checkpoint, environment(device_seen))

    @property
    def epochs(self) -> tuple[Epoch, ...]:
        """The epochs that are complete."""
        return self.checkpoint.header.epochs if self.checkpoint else ()

    @property
    def batches(self) -> int:
        """Steps that are done of the epoch after them."""
        return self.checkpoint.header.batches if self.checkpoint else 0

    @property
    def spent(self) -> Spent:
        """What the earlier attempts used up."""
        return self.checkpoint.header.spent if self.checkpoint else Spent()

    @property
    def attempt(self) -> int:
        """The how-manieth attempt the present one is."""
        return self.checkpoint.header.attempts + 1 if self.checkpoint else 1

    @property
    def resumption(self) -> Resumption | None:
        """What a record says of it."""
        if self.checkpoint is None:
            return None
        found = differences(self.checkpoint.header.environment, self.environment)
        return Resumption(
            epochs=len(self.epochs),
            batches=self.batches,
            attempts=self.attempt,
            exact=self.checkpoint.header.exact and not found,
            differences=found,
        )

    def header(
        self, spec: RunSpec, data: str, clock: Callable[[], float], marks: Marks
    ) -> MakeHeader:
        """Return what makes the headers of this attempt's checkpoints.

        Args:
            spec: The training.
            data: Fingerprint of its data.
            clock: Seconds since this process was started.
            marks: When its start and its building ended.
        """
        before, resumption = self.spent, self.resumption
        startup_s = marks.started_s or 0.0

        def make(
            epochs: tuple[Epoch, ...], batches: int, epoch_s: float, checkpoint_s: float
        ) -> Header:
            return Header(
                spec=spec,
                data=data,
                environment=self.environment,
                epochs=epochs,
                batches=batches,
                spent=Spent(
                    elapsed_s=before.elapsed_s + clock(),
                    startup_s=before.startup_s + startup_s,
                    build_s=before.build_s + (marks.built_s or 0.0) - startup_s,
                    checkpoint_s=before.checkpoint_s + checkpoint_s,
                    epoch_s=epoch_s,
                ),
                attempts=self.attempt,
                exact=resumption is None or resumption.exact,
            )

        return make
