"""The parts of `summary.json`: one frozen value for each figure that a script may read."""

from typing import Literal

from lungbench.experiment import Frozen


class Limits(Frozen):
    """A confidence interval."""

    low: float
    high: float


class SpeedupFigures(Frozen):
    """A speed-up over the baseline; no interval where a side has one run."""

    estimate: float
    interval: Limits | None
    baseline_runs: int
    other_runs: int


class PairedFigures(Frozen):
    """Both sides image by image; the lists have one entry a repeat.

    Attributes:
        baseline_only: Images that only the baseline's network diagnosed rightly.
        other_only: Images that only this cell's network diagnosed rightly.
        mcnemar_p: Exact test of each repeat.
        mcnemar_p_adjusted: Of all repeats by Bonferroni, then over all cells by Holm.
    """

    repeats: tuple[int, ...]
    baseline_only: tuple[int, ...]
    other_only: tuple[int, ...]
    mcnemar_p: tuple[float, ...]
    mcnemar_p_adjusted: float


class QualityFigures(Frozen):
    """Accuracy on the test images, and how it compares with the baseline's."""

    overall_accuracy: float
    interval: Limits
    test_images: int
    largest_class_share: float
    difference: float | None = None
    difference_interval: Limits | None = None
    difference_method: Literal["paired", "unpaired"] | None = None
    paired: PairedFigures | None = None


class ReachFigures(Frozen):
    """One run on its way to an accuracy: how far it trained until it got there, or in all."""

    repeat: int
    reached: bool
    epochs: int
    train_s: float


class TimeToAccuracyFigures(Frozen):
    """Training time to a validation accuracy; no ratio where a run of either side missed it."""

    target: float
    runs: tuple[ReachFigures, ...]
    ratio: SpeedupFigures | None


class SpreadFigures(Frozen):
    """A figure over repeats; no standard deviation of a single one."""

    mean: float
    standard_deviation: float | None
    low: float
    high: float
    runs: int


class CellFigures(Frozen):
    """One cell: its repeats, its times, and how it compares.

    Attributes:
        runs: The run ids of its completed repeats.
        baseline: Whether others are compared with it.
        refusal: Why there is no speed-up, naming what differs with both values.
        quality_verdict: `baseline`, `equally good`, `not equally good` (either followed by
            `, one run` where it is of two networks only), `inconclusive`, `neither beats
            guessing`, `not compared` or `not evaluated`.
        accuracy_spread: Test accuracy over the repeats, each with its own seed.
        train_test_gap: Training accuracy of the last epoch, measured with augmentation and
            dropout on, minus test accuracy.
        verdict: The sentences that the report says of it.
    """

    execution: str
    hostname: str
    model: str
    device: str
    precision: str
    backend: str
    pipeline: str
    label: str
    runs: tuple[str, ...]
    repeats: int
    baseline: bool
    first_epoch_s: float | None
    steady_epoch_s: float | None
    images_per_s: float | None
    speedup: SpeedupFigures | None
    refusal: str | None
    quality: QualityFigures | None
    quality_verdict: str
    time_to_accuracy: TimeToAccuracyFigures | None = None
    accuracy_spread: SpreadFigures | None = None
    train_test_gap: SpreadFigures | None = None
    verdict: tuple[str, ...]


class AcrossModels(Frozen):
    """The geometric mean of several models' speed-ups; no interval where a model has none."""

    label: str
    models: tuple[str, ...]
    speedup: float
    interval: Limits | None = None


class FailureFigures(Frozen):
    """One run without a result."""

    run_id: str
    status: str
    reason: str
