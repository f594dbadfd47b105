"""The columns of the tables of runs, epochs and classes, one line each.

What a name means beyond that line stands in `docs/run-folder.md`.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from lungbench.environment import decisive_packages
from reports.tidy.column import RATE, Column, Kind, Row, Tidy, row_of
from reports.tidy.source import Source, runs_of


def _each(
    place: str, kind: Kind, meanings: Mapping[str, str], *, prefix: str = "", unit: str = ""
) -> tuple[Column, ...]:
    """Return a column for each value that stands at one place, by its name there."""
    return tuple(
        Column(f"{prefix}{name}", kind, f"{place}.{name}", meaning, unit)
        for name, meaning in meanings.items()
    )


KEY = (
    Column("experiment", "text", "run.experiment", "The experiment's name."),
    Column("execution", "text", "run.execution", "When it was started, as its folder is called."),
    Column("run_id", "text", "run.run_id", "The run; with the two columns before, unique."),
)
CELL = (
    Column("model", "text", "run.spec.model", "The network."),
    Column("device", "text", "run.spec.device", "What trained: cpu, cpu:threads=N or gpu:N."),
    Column("precision", "text", "run.spec.precision", "Of the arithmetic."),
    Column("backend", "text", "run.spec.backend", "tensorflow, jax or torch."),
    Column("pipeline", "text", "run.spec.pipeline", "How images came: cached, or as in the paper."),
    Column("repeat", "whole", "run.spec.repeat", "Which repeat of the cell, from 1."),
    Column("fold", "whole", "run.spec.fold", "Which fold of a cross-validation tested, from 1."),
)
_ASKED = (
    Column("status", "text", "run.status", "completed, failed, interrupted, skipped or missing."),
    Column("reason_kind", "text", "run.record.reason.kind", "Why there is no result, in a word."),
    Column("reason", "text", "run.reason", "The same in a sentence."),
    Column("started_utc", "moment", "run.record.started", "When the run was started."),
    Column("seed", "whole", "run.spec.seed", "Of weights, order and augmentation."),
    Column("epochs_asked", "whole", "run.spec.epochs", "Epochs asked for."),
    Column("epochs_ended", "whole", "run.epochs_ended", "Epochs that ended."),
    Column("timing_epochs", "whole", "run.spec.timing_epochs", "Steady epochs, if only timed."),
    Column("batch_images", "whole", "run.spec.batch_size", "Images a step, of all GPUs together."),
    Column("image_pixels", "whole", "run.spec.image_size", "Height and width of the images."),
    Column("optimizer", "text", "run.spec.optimizer", "What changes the weights."),
    Column("learning_rate", "number", "run.spec.learning_rate", "The optimizer's."),
    Column("shear_degrees", "number", "run.spec.augmentation.shear_degrees", "Largest angle."),
    Column("zoom", "number", "run.spec.augmentation.zoom", "Largest change of size.", RATE),
    Column("flipped", "truth", "run.spec.augmentation.horizontal_flip", "Half of them mirrored."),
    Column("weights", "text", "run.spec.weights", "imagenet, none or a file."),
    Column("preprocess", "text", "run.spec.preprocess", "How images meet a pretrained network."),
    Column("fine_tune", "whole", "run.spec.fine_tune", "Layers of its base that trained too."),
)
_WHERE = (
    Column("hostname", "text", "run.record.host.hostname", "The machine."),
    Column("os", "text", "run.record.host.os", "Its operating system."),
    Column("cpu_model", "text", "run.record.host.cpu_model", "Its processor."),
    Column("cpu_logical", "whole", "run.record.host.cpu_logical", "Its logical processors."),
    Column("cpu_usable", "whole", "run.record.host.cpu_usable", "Those that might be used."),
    Column("memory_bytes", "whole", "run.record.host.memory_bytes", "Memory that might be used."),
    Column("gpus", "text", "run.gpu_names", "Its GPUs."),
    Column("gpu_driver", "text", "run.gpu_drivers", "The version of their driver."),
    Column("device_seen", "text", "run.record.device_seen", "What the backend saw of them."),
    *_each(
        "run.record.host.versions",
        "text",
        {name: f"The version of {name}." for name in decisive_packages()},
        prefix="version_",
    ),
)
_DATA = (
    Column("data_source", "text", "run.record.data.source", "Where the images came from."),
    Column("data_fingerprint", "text", "run.record.data.fingerprint", "Equal: the same images."),
    Column("class_names", "text", "run.class_names", "The classes, in the order of their labels."),
    Column("train_images", "whole", "run.images.train", "Images that train."),
    Column("validation_images", "whole", "run.images.validation", "Images that validate."),
    Column("test_images", "whole", "run.images.test", "Images that test."),
    Column("leaked_images", "whole", "run.record.data.leaked", "Test images also trained on."),
    Column("parameters", "whole", "run.record.model.parameters", "The network's."),
    Column(
        "trainable_parameters",
        "whole",
        "run.record.model.trainable_parameters",
        "Those that are not frozen.",
    ),
    Column("layers", "whole", "run.record.model.layers", "The network's."),
    Column("forward_flops", "whole", "run.record.model.forward_flops", "To diagnose an image."),
    Column("training_flops", "whole", "run.record.model.training_flops", "To train on one once."),
)
_TIMING = (
    Column("wall_s", "number", "run.record.timing.wall_s", "The whole run, all attempts."),
    Column("first_epoch_s", "number", "run.record.timing.first_epoch_s", "With compilation."),
    Column(
        "steady_epoch_s",
        "number",
        "run.record.timing.steady_epoch_s",
        "Geometric mean of the later epochs' training times; speed-ups are made of it.",
    ),
    Column("images_per_s", "number", "run.record.timing.images_per_s", "In the steady epochs."),
    Column(
        "resumed", "truth", "run.record.timing.resumed", "Whether it went on from a checkpoint."
    ),
    Column("attempts", "whole", "run.record.resumption.attempts", "Processes, if it did."),
    *_each(
        "run.record.timing.epoch_parts",
        "number",
        {
            "compute_s": "Arithmetic of a steady epoch.",
            "stall_s": "What it waits for images.",
            "rest_s": "Neither; slightly negative where a control was disturbed.",
        },
        prefix="epoch_",
    ),
    *_each(
        "run.record.timing.predicted",
        "number",
        {
            "wall_s": "What all epochs would take, of a run that was only timed.",
            "low_s": "Lower end of its 95 % interval.",
            "high_s": "Upper end.",
        },
        prefix="predicted_",
    ),
    *_each(
        "run.record.timing.ledger",
        "number",
        {
            "startup_s": "Starting Python and importing the framework.",
            "build_s": "Building and compiling the network.",
            "first_epoch_s": "Training steps of the first epoch.",
            "train_s": "Those of the later epochs.",
            "validation_s": "Validation of all epochs.",
            "checkpoint_s": "Writing checkpoints.",
            "evaluate_s": "Predicting the test images.",
            "save_s": "Saving the network.",
            "control_s": "The control legs and the latency.",
            "lost_s": "Work of interrupted attempts that no checkpoint held.",
            "other_s": "The rest of wall_s.",
        },
        prefix="ledger_",
    ),
    Column("control_compute_s", "number", "run.record.controls.compute_s", "Arithmetic alone."),
    Column("control_loader_s", "number", "run.record.controls.loader_s", "Images alone."),
    Column(
        "matmul_flops_per_s",
        "number",
        "run.record.controls.matmul_flops_per_s",
        "Fastest matrix product of the device.",
    ),
    Column("latency_1_s", "number", "run.record.latency.batch_1_s", "A diagnosis, one a call."),
    Column("latency_64_s", "number", "run.record.latency.batch_64_s", "An image, 64 a call."),
)
_TAKEN: tuple[tuple[str, Kind, str], ...] = (
    ("samples", "whole", "Readings taken."),
    ("cpu_percent_mean", "number", "Of the run's processes; 100 is one core."),
    ("cpu_percent_max", "number", "The highest reading."),
    ("rss_peak_bytes", "whole", "Largest sum of their resident memory."),
    ("host_cpu_percent_mean", "number", "Of the machine; 100 is all of its cores."),
    ("gpu_percent_mean", "number", "Mean use of the selected GPUs, idle moments counted."),
    ("gpu_memory_peak_bytes", "whole", "Largest memory in use on them together."),
    ("gpu_power_mean_w", "number", "Together."),
    ("gpu_temperature_max_c", "number", "The hottest reading."),
    ("gpu_sm_clock_mean_mhz", "number", "Mean clock."),
    ("energy_j", "number", "Of the selected GPUs."),
    ("node_energy_j", "text", "Of the whole node, by domain; domains overlap."),
    ("node_energy_missing", "text", "Why domains are missing from it."),
    ("coverage_percent", "number", "Readings taken of those due."),
    ("sampler_overhead_percent", "number", "CPU time of the sampler; 100 is one core."),
    ("other_load_percent", "number", "CPU time of other processes; 100 is one core."),
    ("other_load_p95_percent", "number", "Not exceeded in 95 % of the time."),
    ("other_load_before_percent", "number", "Just before the run."),
    ("steal_percent", "number", "Taken by the hypervisor; 100 is all cores."),
    ("cgroup_throttled_periods", "whole", "Periods in which the CPU quota was used up."),
    ("cgroup_throttled_s", "number", "Time stood still for that, summed over processors."),
    ("gpu_throttled_percent", "number", "Time in which a GPU's clocks were lowered."),
    ("gpu_strangers_before", "whole", "Other processes on the GPUs before the run."),
    ("gpu_strangers_max", "whole", "The same during it."),
    ("trainings_beside", "whole", "Other devices on which this tool trained meanwhile."),
    ("gpu_memory_before_bytes", "whole", "Memory in use on them before it."),
    ("tool_percent", "number", "CPU time of lungbench itself; 100 is one core."),
    ("server_percent", "number", "That of its other children, such as a Prefect server."),
)
_RESOURCES = tuple(
    Column(name, kind, f"run.record.resources.{name}", meaning) for name, kind, meaning in _TAKEN
)
_MACRO = ("accuracy", "precision", "recall", "specificity", "npv", "f1", "auc", "average_precision")
_QUALITY = (
    Column("gpu_throttle_reasons", "text", "run.throttle_reasons", "Why clocks were lowered."),
    Column(
        "overall_accuracy",
        "number",
        "run.record.metrics.overall_accuracy",
        "Share of the test images diagnosed rightly; the paper's General Precision.",
        RATE,
    ),
    Column("kappa", "number", "run.record.metrics.kappa", "Cohen's.", "from -1 to 1"),
    Column("mcc", "number", "run.record.metrics.mcc", "Matthews' correlation.", "from -1 to 1"),
    Column("brier", "number", "run.record.metrics.brier", "Brier score.", "from 0 to 2"),
    Column(
        "calibration_error",
        "number",
        "run.record.metrics.calibration_error",
        "Expected, over 10 bins of the confidence.",
        RATE,
    ),
    *_each(
        "run.record.metrics.macro",
        "number",
        dict.fromkeys(_MACRO, "Unweighted mean of the classes'."),
        prefix="macro_",
        unit=RATE,
    ),
)
RUNS = (*KEY, *CELL, *_ASKED, *_WHERE, *_DATA, *_TIMING, *_RESOURCES, *_QUALITY)

EPOCHS = (
    *KEY,
    *CELL,
    Column("epoch", "whole", "epoch.epoch", "From 1."),
    Column("attempt", "whole", "epoch.attempt", "Which process of the run ended it, from 1."),
    Column("started_s", "number", "epoch.started_s", "Since the start of that process."),
    Column("train_s", "number", "epoch.train_s", "Training steps, without validation."),
    Column("validation_s", "number", "epoch.validation_s", "Validation."),
    Column("images_per_s", "number", "epoch.images_per_s", "Training images over train_s."),
    Column("loss", "number", "epoch.loss", "Mean over the training images.", "nats"),
    Column("accuracy", "number", "epoch.accuracy", "Of the training images.", RATE),
    Column("val_loss", "number", "epoch.val_loss", "Of the validation images.", "nats"),
    Column("val_accuracy", "number", "epoch.val_accuracy", "Of the validation images.", RATE),
)

CLASSES = (
    *KEY,
    *CELL,
    Column("class", "text", "name", "The class, against all others together."),
    Column("tp", "whole", "rates.tp", "True positives.", "images"),
    Column("fp", "whole", "rates.fp", "False positives.", "images"),
    Column("fn", "whole", "rates.fn", "False negatives.", "images"),
    Column("tn", "whole", "rates.tn", "True negatives.", "images"),
    Column("accuracy", "number", "rates.accuracy", "(tp + tn) / all.", RATE),
    Column("precision_ppv", "number", "rates.precision", "tp / (tp + fp), also PPV.", RATE),
    Column("recall", "number", "rates.recall", "tp / (tp + fn), also sensitivity.", RATE),
    Column("specificity", "number", "rates.specificity", "tn / (tn + fp).", RATE),
    Column("npv", "number", "rates.npv", "tn / (tn + fn).", RATE),
    Column("f1", "number", "rates.f1", "2 tp / (2 tp + fp + fn).", RATE),
    Column("auc", "number", "rates.auc.value", "Area under the ROC curve.", RATE),
    Column("auc_low", "number", "rates.auc.low", "Lower end of its 95 % interval.", RATE),
    Column("auc_high", "number", "rates.auc.high", "Upper end.", RATE),
    Column(
        "average_precision",
        "number",
        "rates.average_precision",
        "Precision averaged over the recall.",
        RATE,
    ),
)


def run_table(sources: Sequence[Source]) -> Tidy:
    """Return the table with one row a run, those without a result too."""
    return Tidy("runs", RUNS, partial(_run_rows, sources))


def epoch_table(sources: Sequence[Source]) -> Tidy:
    """Return the table with one row an epoch that ended."""
    return Tidy("epochs", EPOCHS, partial(_epoch_rows, sources))


def class_table(sources: Sequence[Source]) -> Tidy:
    """Return the table with one row a class of a run that was evaluated."""
    return Tidy("classes", CLASSES, partial(_class_rows, sources))


def _run_rows(sources: Sequence[Source]) -> Iterator[Row]:
    for run in runs_of(sources):
        yield row_of(RUNS, {"run": run})


def _epoch_rows(sources: Sequence[Source]) -> Iterator[Row]:
    for run in runs_of(sources):
        for epoch in run.epochs:
            yield row_of(EPOCHS, {"run": run, "epoch": epoch})


def _class_rows(sources: Sequence[Source]) -> Iterator[Row]:
    for run in runs_of(sources):
        metrics = run.record.metrics if run.record else None
        for name, rates in metrics.per_class.items() if metrics else ():
            yield row_of(CLASSES, {"run": run, "name": name, "rates": rates})
