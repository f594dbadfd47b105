"""Everything this project refuses or fails with, and the exit code each ends in.

LungbenchError                   1  something failed
├── ExperimentError              2  the experiment file or an option is wrong
├── TableError                   2  a table of published rates is wrong (lungbench.paper.table)
├── Refused                      3  nothing was started, and why
│   ├── DataError                   the image folder can't be used
│   │   └── UnreadableImage         one of its files can't be read (lungbench.data.unreadable)
│   │       └── NotAnImage          it holds no image at all
│   ├── DeviceUnavailable           the device asked for isn't there
│   └── WeightsUnavailable          the pretrained weights can't be had
├── TrainingFailed               1  one training ended without a result
├── DamagedCheckpoint            1  a checkpoint isn't what was written (training.checkpoint)
├── BrokenSeal                   1  a list of hashes isn't what was written (executions.seal)
├── Unreachable                  1  a results location doesn't answer (delivery.location)
├── Damaged                      1  a delivered run isn't what was sent (delivery.parcel)
└── Interrupted                130  somebody stopped it; partial results are kept
"""

from typing import ClassVar, Literal

from lungbench.foreign_text import visible

FailureKind = Literal["diverged", "disk_full", "error"]


class LungbenchError(Exception):
    """One clear line for the person who reads it.

    Args:
        rule: What must hold, as a statement.
        received: What was found instead.
        expected: What would have been accepted.
        hint: What to do next.
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        rule: str,
        *,
        received: object = None,
        expected: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.rule, self.received, self.expected, self.hint = rule, received, expected, hint
        super().__init__(_one_line(rule, received, expected, hint))


class ExperimentError(LungbenchError):
    """The experiment file, or an option that changes it, is wrong."""

    exit_code = 2


class Refused(LungbenchError):
    """Nothing was started, because it could not have ended well."""

    exit_code = 3


class DataError(Refused):
    """The image folder can't be used for what was asked."""


class DeviceUnavailable(Refused):
    """The device asked for isn't on this host."""


class WeightsUnavailable(Refused):
    """The pretrained weights are neither on disk nor to be downloaded."""


class TrainingFailed(LungbenchError):
    """One training ended without a result.

    Args:
        kind: The reason's kind, as in `record.json`.
    """

    def __init__(self, kind: FailureKind, rule: str, *, received: object = None) -> None:
        self.kind: FailureKind = kind
        super().__init__(rule, received=received)


class Interrupted(LungbenchError):
    """Somebody stopped the benchmark; what was done is kept."""

    exit_code = 130


def _one_line(rule: str, received: object, expected: str | None, hint: str | None) -> str:
    parts = [rule]
    if received is not None:
        parts.append(f"Received: {received}.")
    if expected is not None:
        parts.append(f"Expected: {expected}.")
    if hint is not None:
        parts.append(f"Next: {hint}")
    return visible(" ".join(" ".join(parts).split()))
