"""What one training left behind: `record.json`, whose keys are a contract with every reader.

Missing is None, never 0. Units are base units and stand in the names. Times are seconds of a
monotonic clock; the only wall-clock value is `started`.
"""

from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from lungbench.errors import LungbenchError
from lungbench.experiment import RunSpec
from lungbench.files import write_atomically
from lungbench.frozen import Frozen

SCHEMA_VERSION: Literal[1] = 1
RECORD_FILE = "record.json"

Status = Literal["completed", "failed", "interrupted", "skipped"]
ReasonKind = Literal[
    "out_of_memory",
    "timeout",
    "signal",
    "stalled",
    "device_unavailable",
    "backend_unavailable",
    "disk_full",
    "bad_data",
    "diverged",
    "lost",
    "error",
]
Split = Literal["train", "validation", "test"]


class Reason(Frozen):
    """Why a run has no result."""

    kind: ReasonKind
    message: str


class Gpu(Frozen):
    """One GPU as NVML describes it; what it can't tell is None."""

    index: int
    name: str | None = None
    uuid: str | None = None
    memory_bytes: int | None = None
    driver: str | None = None


class Host(Frozen):
    """The machine that trained.

    Attributes:
        cpu_logical: Logical processors of the machine.
        cpu_usable: Those this process may use, after affinity and cgroup quota.
        memory_bytes: Memory this process may use: the machine's, or a lower cgroup limit.
        versions: Python and every package that decides the result, by package name.
    """

    hostname: str
    os: str
    cpu_model: str | None = None
    cpu_logical: int
    cpu_usable: int
    memory_bytes: int
    gpus: tuple[Gpu, ...] = ()
    versions: dict[str, str]


class DataFacts(Frozen):
    """What was trained on; `classes` fixes the order of every confusion matrix.

    Attributes:
        leaked: Test images that were also trained on. 0 in records from before it was counted:
            there was no split then that has any.
    """

    fingerprint: str
    source: str
    classes: tuple[str, ...]
    counts: dict[Split, dict[str, int]]
    leaked: int = 0


class ModelFacts(Frozen):
    """The network as it was built.

    Attributes:
        weights: `imagenet`, `none`, or the name of the weights file.
        weights_sha256: Hash of that file, where one was read.
        forward_flops: Floating-point operations to diagnose one image (`lungbench.training.work`).
        training_flops: Those to train on it once.
    """

    parameters: int
    trainable_parameters: int
    layers: int
    weights: str
    weights_sha256: str | None = None
    forward_flops: int | None = None
    training_flops: int | None = None


class Controls(Frozen):
    """Short measurements in the same process after the training, on the same device.

    Attributes:
        steps: Steps that each leg took.
        compute_s: An epoch's arithmetic alone, on images that were there already.
        loader_s: An epoch's images alone, without arithmetic.
        matmul_flops_per_s: Fastest matrix product of the device in the run's precision.
    """

    steps: int
    compute_s: float
    loader_s: float
    matmul_flops_per_s: float


class Latency(Frozen):
    """How long the trained network takes to diagnose images, on the run's device.

    Seconds an image, from raw pixels in memory to probabilities in memory; medians over calls.

    Attributes:
        batch_1_s: One image a call.
        batch_1_repeats: Calls that were timed.
        batch_1_spread: Interquartile range of the calls over their median; None of fewer than 4.
        batch_64_s: 64 images a call; None where they found no room, which `missing` says.
        batch_64_repeats: Likewise.
        batch_64_spread: Likewise.
        missing: Why there is no `batch_64_s`.
    """

    batch_1_s: float
    batch_1_repeats: int
    batch_1_spread: float | None = None
    batch_64_s: float | None = None
    batch_64_repeats: int | None = None
    batch_64_spread: float | None = None
    missing: str | None = None


class Ledger(Frozen):
    """Where a run's wall time went, in seconds; None is a phase that was not reached.

    Attributes:
        first_epoch_s: Training of the first epoch, which holds tracing and compilation.
        train_s: Training of the later epochs.
        control_s: The control legs after the training, and the latency.
        lost_s: Work of interrupted attempts that no checkpoint held; None where all was done in
            one.
        other_s: What is left of the wall time.
    """

    startup_s: float | None = None
    build_s: float | None = None
    first_epoch_s: float | None = None
    train_s: float | None = None
    validation_s: float | None = None
    checkpoint_s: float | None = None
    evaluate_s: float | None = None
    save_s: float | None = None
    control_s: float | None = None
    lost_s: float | None = None
    other_s: float | None = None


class Prediction(Frozen):
    """The wall time that all epochs would have taken, from the few that were timed.

    Attributes:
        wall_s: Without the evaluation, which such a run leaves out.
        low_s: Lower end of its 95 % interval; None from a single steady epoch.
        high_s: Upper end.
    """

    wall_s: float
    low_s: float | None = None
    high_s: float | None = None


class EpochParts(Frozen):
    """Where a steady epoch goes, in seconds; the three sum to it.

    Attributes:
        compute_s: Arithmetic, as the control leg measured it.
        stall_s: Waiting for images: what the epoch takes beyond its arithmetic, as far as the
            loader alone explains it.
        rest_s: Neither; slightly negative where the control leg was disturbed.
    """

    compute_s: float
    stall_s: float
    rest_s: float


class Timing(Frozen):
    """How long a run took.

    Attributes:
        wall_s: From the start of the process to its end, as its parent measured it; of a resumed
            run the sum over its attempts.
        first_epoch_s: Training time of the first epoch, which holds tracing and compilation.
        steady_epoch_s: Geometric mean of the later epochs' training times.
        images_per_s: Training images per second over the steady epochs.
        epoch_parts: Where a steady epoch goes.
        predicted: Only of a run that was cut short to time its epochs.
    """

    wall_s: float
    first_epoch_s: float | None = None
    steady_epoch_s: float | None = None
    images_per_s: float | None = None
    resumed: bool = False
    epoch_parts: EpochParts | None = None
    predicted: Prediction | None = None
    ledger: Ledger = Ledger()


class Resumption(Frozen):
    """A checkpoint that a training went on from.

    Attributes:
        epochs: Epochs that were complete in it.
        batches: Steps that it had done of the next one.
        attempts: Processes that have worked on the training, the last one included.
        exact: Whether the result is the uninterrupted one's to the last bit, as far as versions,
            processors and flags decide that.
        differences: What was different, with both values.
    """

    epochs: int
    batches: int
    attempts: int
    exact: bool
    differences: tuple[str, ...] = ()


class Epoch(Frozen):
    """One epoch, as the child wrote it; `started_s` counts from the start of its process.

    Attributes:
        attempt: The how-manieth process of the training ended it.
    """

    epoch: int = Field(ge=1)
    attempt: int = Field(1, ge=1)
    started_s: float
    train_s: float
    validation_s: float | None = None
    images_per_s: float
    loss: float | None = None
    accuracy: float | None = None
    val_loss: float | None = None
    val_accuracy: float | None = None


class Resources(Frozen):
    """What the run took from its machine, and what else the machine did meanwhile.

    Attributes:
        cpu_percent_mean: Of the run's process tree; 100 is one core.
        rss_peak_bytes: Largest sum of the tree's resident memory.
        host_cpu_percent_mean: Of the whole machine; 100 is all of its cores.
        gpu_percent_mean: Mean utilisation of the selected GPUs, idle samples counted.
        gpu_memory_peak_bytes: Largest memory in use on the selected GPUs together.
        energy_j: Energy of the selected GPUs; None where NVML can't tell.
        node_energy_j: Energy of the whole node by domain, other processes included, as the
            processors count it (`lungbench.resources.rapl`). Domains overlap; None where none can
            be read.
        node_energy_missing: Why domains are missing from it.
        coverage_percent: Readings taken of those due.
        sampler_overhead_percent: CPU time of the sampler; 100 is one core.
        other_load_percent: CPU time of other processes on the host; 100 is one core.
        other_load_p95_percent: What that load did not exceed in 95 % of the run's time.
        other_load_before_percent: The same load just before the run was started.
        steal_percent: Share of the host's CPU time that the hypervisor gave to other machines.
        cgroup_throttled_periods: Scheduling periods in which the run had used up its CPU quota.
        cgroup_throttled_s: Time that it stood still for that, summed over processors.
        gpu_throttled_percent: Share of the run's time in which a selected GPU's clocks were
            lowered; `gpu_throttle_reasons` says why.
        gpu_strangers_before: Other processes computing on them just before the run.
        gpu_strangers_max: Most of these at one moment of the run.
        gpu_memory_before_bytes: Memory in use on them together just before the run.
        trainings_beside: Other devices of the host on which a training of this tool ran at some
            moment of the run.
        tool_percent: CPU time of the process that launched the run, the sampler included, while
            the run lived; 100 is one core.
        server_percent: That of its other children, such as Prefect's embedded server; None
            where it had none.
    """

    samples: int = 0
    cpu_percent_mean: float | None = None
    cpu_percent_max: float | None = None
    rss_peak_bytes: int | None = None
    host_cpu_percent_mean: float | None = None
    gpu_percent_mean: float | None = None
    gpu_memory_peak_bytes: int | None = None
    gpu_power_mean_w: float | None = None
    gpu_temperature_max_c: float | None = None
    gpu_sm_clock_mean_mhz: float | None = None
    gpu_throttle_reasons: tuple[str, ...] | None = None
    energy_j: float | None = None
    node_energy_j: dict[str, float] | None = None
    node_energy_missing: str | None = None
    coverage_percent: float | None = None
    sampler_overhead_percent: float | None = None
    other_load_percent: float | None = None
    other_load_p95_percent: float | None = None
    other_load_before_percent: float | None = None
    steal_percent: float | None = None
    cgroup_throttled_periods: int | None = None
    cgroup_throttled_s: float | None = None
    gpu_throttled_percent: float | None = None
    gpu_strangers_before: int | None = None
    gpu_strangers_max: int | None = None
    gpu_memory_before_bytes: int | None = None
    trainings_beside: int | None = None
    tool_percent: float | None = None
    server_percent: float | None = None


class Area(Frozen):
    """The area under a ROC curve, from 0 to 1, and its 95 % interval."""

    value: float
    low: float
    high: float


class ClassRates(Frozen):
    """One class against the rest; a rate whose denominator is 0 is None.

    Attributes:
        precision: Also called positive predictive value.
        recall: Also called sensitivity.
        npv: Negative predictive value.
        auc: None where the test split holds no image of the class, or no other.
        average_precision: None where it holds no image of the class.
    """

    accuracy: float | None
    precision: float | None
    recall: float | None
    specificity: float | None
    f1: float | None
    tp: int
    fp: int
    fn: int
    tn: int
    npv: float | None = None
    auc: Area | None = None
    average_precision: float | None = None


class Macro(Frozen):
    """Unweighted means of the classes' rates; None where any of them is."""

    accuracy: float | None
    precision: float | None
    recall: float | None
    specificity: float | None
    f1: float | None
    npv: float | None = None
    auc: float | None = None
    average_precision: float | None = None


class Metrics(Frozen):
    """How well the network diagnoses the test split.

    Attributes:
        confusion: Rows are true classes, columns predicted ones, in the order of `data.classes`.
        kappa: Cohen's; None where there is one class only, true and predicted.
        mcc: Matthews' correlation over all classes; None where one class only is true, or one
            only predicted.
        brier: Brier score over all classes, from 0 to 2; None without probabilities.
        calibration_error: Expected calibration error of the diagnoses in 10 bins of their
            confidence; None without probabilities.
    """

    overall_accuracy: float
    confusion: tuple[tuple[int, ...], ...]
    per_class: dict[str, ClassRates]
    macro: Macro
    kappa: float | None = None
    mcc: float | None = None
    brier: float | None = None
    calibration_error: float | None = None


class RunRecord(Frozen):
    """One training, whole: read from and written to `record.json`.

    Attributes:
        device_seen: The processors that the backend saw: `cpu`, or how many GPUs, as `2 gpu`.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    run_id: str
    status: Status
    reason: Reason | None = None
    started: datetime
    spec: RunSpec
    host: Host
    device_seen: str | None = None
    data: DataFacts
    model: ModelFacts | None = None
    timing: Timing | None = None
    resumption: Resumption | None = None
    controls: Controls | None = None
    latency: Latency | None = None
    epochs: tuple[Epoch, ...] = ()
    resources: Resources | None = None
    metrics: Metrics | None = None
    artifacts: dict[str, str] = Field(default_factory=dict)


def write_record(record: RunRecord, run_dir: Path) -> None:
    """Write `record.json`, whole or not at all."""
    write_atomically(run_dir / RECORD_FILE, record.model_dump_json(indent=2) + "\n")


def read_record(run_dir: Path) -> RunRecord:
    """Read the record of one run folder.

    Raises:
        LungbenchError: There is none, or it isn't a record of this schema.
    """
    path = run_dir / RECORD_FILE
    try:
        return RunRecord.model_validate_json(path.read_bytes())
    except OSError as error:
        raise LungbenchError(
            "A run folder holds a record.", received=f"{path} ({error.strerror})"
        ) from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise LungbenchError(
            f"A record follows schema {SCHEMA_VERSION}.",
            received=f"{path}: {where}: {first['msg']}",
        ) from None


def run_folders(results: Path) -> list[Path]:
    """Return the run folders of one execution that hold a record, sorted by name."""
    return sorted(path.parent for path in (results / "runs").glob(f"*/{RECORD_FILE}"))
