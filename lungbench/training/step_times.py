"""What a few steps say about a whole training: the times that a probe measures, scaled up.

It is an estimate from seconds of work. A machine that slows down when it is hot, images that are
read from a slow disk, checkpoints and control legs are not in it.
"""

from dataclasses import dataclass

from pydantic import Field

from lungbench.experiment import RunSpec
from lungbench.frozen import Frozen
from lungbench.record import Split

PROBE_FILE = "probe.json"
STEPS = 3
"""Steps that are timed, after one that compiles."""


class StepTimes(Frozen):
    """What a probe took, in seconds.

    Attributes:
        startup_s: Starting the process and importing the framework.
        build_s: Building and compiling the network.
        first_step_s: The first training step, with tracing and compilation.
        step_s: The training steps after it.
        first_validation_step_s: Likewise, without training.
        validation_step_s: The steps after it.
    """

    startup_s: float
    build_s: float
    first_step_s: float
    step_s: tuple[float, ...] = Field(min_length=1)
    first_validation_step_s: float
    validation_step_s: tuple[float, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Estimate:
    """The wall time of a whole training, in seconds.

    Attributes:
        wall_s: By the mean of the steps.
        low_s: If all went like the fastest one.
        high_s: If all went like the slowest one.
    """

    wall_s: float
    low_s: float
    high_s: float


def estimated(times: StepTimes, spec: RunSpec, images: dict[Split, int]) -> Estimate:
    """Estimate a training with its evaluation.

    Args:
        times: Steps of `spec.batch_size` images.
        spec: The training.
        images: How many there are in each split.
    """

    def whole_s(step_s: float, validation_step_s: float) -> float:
        trained_s = step_s * images["train"] / spec.batch_size
        validated_s = validation_step_s * images["validation"] / spec.batch_size
        tested_s = validation_step_s * images["test"] / spec.batch_size
        return once_s + spec.epochs_to_train * (trained_s + validated_s) + tested_s

    steps, validation = times.step_s, times.validation_step_s
    mean_s, validation_mean_s = sum(steps) / len(steps), sum(validation) / len(validation)
    compiled_s = max(0.0, times.first_step_s - mean_s)
    compiled_s += max(0.0, times.first_validation_step_s - validation_mean_s)
    once_s = times.startup_s + times.build_s + compiled_s
    return Estimate(
        wall_s=whole_s(mean_s, validation_mean_s),
        low_s=whole_s(min(steps), min(validation)),
        high_s=whole_s(max(steps), max(validation)),
    )
