"""The parts of `summary.json`: one frozen value for each figure that a script may read."""

from datetime import datetime
from typing import Literal

from lungbench.frozen import Frozen


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
        mcnemar_p_adjusted: Of all repeats by Bonferroni, then over all comparisons of one axis by
            Holm.
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
    fold: int = 0


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


class PlacedFigures(Frozen):
    """Which cell figures are of, and how the report calls it."""

    execution: str
    hostname: str
    model: str
    device: str
    precision: str
    backend: str
    pipeline: str
    label: str


class FullTimeFigures(Frozen):
    """The time of all planned epochs, predicted from the few that were trained.

    Attributes:
        wall_s: From the start of a run to the end of its last epoch; geometric mean of the runs.
        interval: The runs' 95 % intervals together; None where a run has none.
        trained_epochs: Those that the prediction is made from.
    """

    wall_s: float
    interval: Limits | None
    trained_epochs: int
    planned_epochs: int


class MeasuredFigures(Frozen):
    """What later executions compare a cell with, so that nobody need read its records again.

    Attributes:
        started: When the first of its runs was.
        steady_epochs_s: Of each run whose times may stand in a table.
        accuracies: Of each repeat, over all its folds.
        test_images: Of all folds; 0 where nothing was evaluated.
        resumed: Runs that went on from a checkpoint, whose times don't count.
        work: Images, settings and network, in words: what must be equal.
        versions: Of every package that decides the result.
        machine: The host, in words.
    """

    started: datetime
    steady_epochs_s: tuple[float, ...]
    accuracies: tuple[float, ...]
    test_images: int
    resumed: int
    work: dict[str, str]
    versions: dict[str, str]
    machine: dict[str, str]


class CellFigures(PlacedFigures):
    """One cell: its repeats, its times, and how it compares.

    Attributes:
        runs: The run ids of its completed repeats.
        baseline: Whether others are compared with it.
        refusal: Why there is no speed-up, naming what differs with both values.
        quality_verdict: `baseline`, `equally good`, `not equally good` (either followed by
            `, one run` where it is of two networks only), `inconclusive`, `neither beats
            guessing`, `not compared`, `not evaluated`, `timing only`, `baseline, timing only`
            or `baseline timing only`, where the cell was evaluated and its baseline was not.
        timing_only: Whether its runs were stopped after a few timed epochs and diagnose nothing.
        predicted: What all epochs would take, of such a cell.
        accuracy_spread: Test accuracy over the repeats, each with its own seed.
        train_test_gap: Training accuracy of the last epoch, measured with augmentation and
            dropout on, minus test accuracy.
        verdict: The sentences that the report says of it.
        measured: What `lungbench history` reads; None in summaries from before it did.
    """

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
    timing_only: bool = False
    predicted: FullTimeFigures | None = None
    time_to_accuracy: TimeToAccuracyFigures | None = None
    accuracy_spread: SpreadFigures | None = None
    train_test_gap: SpreadFigures | None = None
    verdict: tuple[str, ...]
    measured: MeasuredFigures | None = None


class AcrossModels(Frozen):
    """The geometric mean of several models' speed-ups; no interval where a model has none."""

    label: str
    models: tuple[str, ...]
    speedup: float
    interval: Limits | None = None


class AxisCellFigures(PlacedFigures):
    """One cell beside the cell that differs from it in one axis alone.

    Attributes:
        value: Where it stands on the axis.
        runs: The run ids of its completed repeats.
        baseline_runs: Those of the cell that it is compared with; none where there is no such.
        quality: Its accuracy, and the difference from that cell's; tests are adjusted over all
            comparisons along the axis.
        quality_verdict: As of a cell along the devices.
    """

    value: str
    runs: tuple[str, ...]
    baseline_runs: tuple[str, ...]
    speedup: SpeedupFigures | None
    refusal: str | None
    quality: QualityFigures | None
    quality_verdict: str


class AxisFigures(Frozen):
    """What one axis besides the device buys, all else equal.

    Attributes:
        baseline: The axis' first value, which the others are compared with.
        verdict: The sentences that the report says of it.
    """

    axis: Literal["precision", "pipeline", "backend"]
    baseline: str
    comparisons: tuple[AxisCellFigures, ...]
    across_models: tuple[AcrossModels, ...]
    verdict: tuple[str, ...]


class GuardFigures(Frozen):
    """One answer to whether the times can be trusted.

    Attributes:
        status: `unknown` is what no record tells.
        found: What was found, in a sentence.
        advice: What to do next; None where all is well.
        runs: How many runs it is about; 0 where all is well.
    """

    name: str
    status: Literal["pass", "warn", "fail", "unknown"]
    found: str
    advice: str | None
    runs: int


class FailureFigures(Frozen):
    """One run without a result."""

    run_id: str
    status: str
    reason: str
