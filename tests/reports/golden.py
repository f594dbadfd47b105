"""Execution folders as a lab would leave them, made from records: the reports' test material."""

import csv
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random

import numpy as np

from lungbench.data.dataset import DATA_FILE, LABELS_FILE, PIXELS_FILE, PreparedData
from lungbench.data.images_csv import COLUMNS, IMAGES_FILE
from lungbench.experiment import Experiment, RunSpec
from lungbench.job import LOG_FILE, PREDICTIONS_FILE, SAMPLES_FILE
from lungbench.metrics import metrics_of
from lungbench.record import (
    Controls,
    DataFacts,
    Epoch,
    EpochParts,
    Gpu,
    Host,
    Ledger,
    Metrics,
    ModelFacts,
    Resources,
    Resumption,
    RunRecord,
    Timing,
    write_record,
)
from lungbench.resources.nvml import GpuReading
from lungbench.resources.samples import Sample, SampleFile
from lungbench.stats.extrapolation import predicted
from lungbench.stats.intervals import geometric_mean
from reports.page.render import render

FOLDERS_FILE = "folders.json"
PAPERS_CLASSES = ("covid", "healthy", "tuberculosis")

VERSIONS = {
    "python": "3.11.9",
    "lungbench": "0.1.0",
    "keras": "3.15.1",
    "tensorflow": "2.21.0",
    "numpy": "2.4.6",
    "pillow": "13.0.0",
}

CPU_HOST = Host(
    hostname="ward7",
    os="Debian GNU/Linux 12, Linux 6.1.0 x86_64",
    cpu_model="Intel Xeon Platinum 8481C",
    cpu_logical=4,
    cpu_usable=2,
    memory_bytes=8 * 1024**3,
    versions=VERSIONS,
)
GPU_HOST = CPU_HOST.model_copy(
    update={
        "hostname": "gpu-node",
        "cpu_logical": 16,
        "cpu_usable": 16,
        "memory_bytes": 128 * 1024**3,
        "gpus": (
            Gpu(index=0, name="NVIDIA H100 80GB HBM3", memory_bytes=80 * 1024**3, driver="570.1"),
        ),
    }
)

_EPOCH_S = {"cnn10": 4.2, "inceptionv3": 9.4, "vgg16": 17.8, "mobilenetv2": 3.1}
_PARAMETERS = {"cnn10": 51_441_763, "inceptionv3": 28_376_035, "vgg16": 17_936_739}
_SPEED = {"cpu": 1.0, "cpu:threads=1": 1.0, "cpu:threads=2": 1.84, "gpu:0": 14.0}
_VARIANT_SPEED = {"mixed_bfloat16": 1.7, "mixed_float16": 1.1, "paper": 0.75, "jax": 1.2}
_TRAIN_IMAGES = 115
_TEST_OF_A_CLASS = 40

Change = Callable[[RunRecord], RunRecord | None]


def unchanged(record: RunRecord) -> RunRecord:
    return record


@dataclass(frozen=True)
class Lab:
    """Writes execution folders below `root`."""

    root: Path

    def execution(
        self,
        stamp: str = "20261122T211100Z",
        *,
        name: str = "quick",
        models: tuple[str, ...] = ("cnn10", "inceptionv3", "vgg16"),
        devices: tuple[str, ...] = ("cpu:threads=1", "cpu:threads=2"),
        repeats: int = 1,
        epochs: int = 5,
        host: Host = CPU_HOST,
        classes: tuple[str, ...] = PAPERS_CLASSES,
        fingerprint: str = "9f2c4be1aa03",
        precisions: tuple[str, ...] = ("float32",),
        backends: tuple[str, ...] = ("tensorflow",),
        pipelines: tuple[str, ...] = ("cached",),
        timing_epochs: dict[str, int] | None = None,
        samples: bool = True,
        pixels: bool = False,
        change: Change = unchanged,
    ) -> Path:
        """Write one execution; `change` alters a record, or leaves its run out with None.

        With `pixels`, the cache of the test images is there too.
        """
        experiment = Experiment.model_validate(
            {
                "name": name,
                "data": {"image_size": 96},
                "train": {"epochs": epochs, "batch_size": 16, "weights": "none"},
                "measure": {"timing_epochs": timing_epochs or {}},
                "matrix": {
                    "models": models,
                    "devices": devices,
                    "precisions": precisions,
                    "backends": backends,
                    "pipelines": pipelines,
                    "repeats": repeats,
                },
            }
        )
        folder = self.root / name / stamp
        folder.mkdir(parents=True)
        (folder / "experiment.json").write_text(experiment.model_dump_json())
        prepared = _prepared(classes, fingerprint)
        if pixels:
            prepared = _cached(prepared, self.root / "cache")
        (folder / DATA_FILE).write_text(prepared.model_dump_json())
        (folder / IMAGES_FILE).write_text(_images(classes))
        facts = _facts(classes, fingerprint)
        for spec in experiment.runs():
            record = change(completed(spec, facts, host))
            if record is not None:
                _write(folder / "runs" / record.run_id, record, samples=samples)
        return folder


def completed(spec: RunSpec, facts: DataFacts, host: Host) -> RunRecord:
    """Return the record of a training that went well; the same spec gives the same record."""
    random = Random(spec.run_id)
    epochs = _epochs(spec, random)
    steady = geometric_mean(epoch.train_s for epoch in epochs[1:]) if len(epochs) > 1 else None
    cut_short = spec.epochs_to_train < spec.epochs
    ledger = Ledger(
        startup_s=4.1,
        build_s=1.3,
        first_epoch_s=epochs[0].train_s,
        train_s=math.fsum(epoch.train_s for epoch in epochs[1:]),
        validation_s=math.fsum(epoch.validation_s or 0 for epoch in epochs),
        checkpoint_s=0.9,
        evaluate_s=1.6,
        save_s=0.8,
        control_s=2.1,
        other_s=0.4,
    )
    parameters = _PARAMETERS.get(spec.model, 2_915_779)
    return RunRecord(
        run_id=spec.run_id,
        status="completed",
        started=datetime(2026, 11, 22, 21, 11, tzinfo=UTC) + timedelta(minutes=spec.repeat),
        spec=spec,
        host=host,
        data=facts,
        model=ModelFacts(
            parameters=parameters,
            trainable_parameters=parameters if spec.model == "cnn10" else parameters // 5,
            layers=12,
            weights=spec.weights,
            forward_flops=1_000_000_000,
            training_flops=3_000_000_000,
        ),
        controls=Controls(
            steps=4, compute_s=0.9 * (steady or 1), loader_s=0.5, matmul_flops_per_s=2e11
        ),
        timing=Timing(
            wall_s=math.fsum(value or 0 for value in ledger.model_dump().values()),
            first_epoch_s=epochs[0].train_s,
            steady_epoch_s=steady,
            images_per_s=_TRAIN_IMAGES / steady if steady else None,
            epoch_parts=_epoch_parts(steady) if steady else None,
            predicted=predicted(epochs, spec.epochs) if cut_short else None,
            ledger=ledger,
        ),
        epochs=epochs,
        resources=_resources(spec),
        metrics=None if cut_short else _metrics(facts.classes, random),
        artifacts={},
    )


def _epoch_parts(steady_s: float) -> EpochParts:
    """Nine tenths arithmetic, a fifteenth waiting, the rest neither."""
    compute_s, stall_s = 0.9 * steady_s, steady_s / 15
    rest_s = steady_s - compute_s - stall_s
    return EpochParts(compute_s=compute_s, stall_s=stall_s, rest_s=rest_s)


def _epochs(spec: RunSpec, random: Random) -> tuple[Epoch, ...]:
    variant = (spec.precision, spec.pipeline, spec.backend)
    faster = math.prod(_VARIANT_SPEED.get(value, 1.0) for value in variant)
    typical_s = _EPOCH_S[spec.model] / _SPEED[str(spec.device)] / faster
    found, at = [], 5.4
    for number in range(1, spec.epochs_to_train + 1):
        train_s = typical_s * random.uniform(0.97, 1.03) + (2.5 if number == 1 else 0)
        learnt = 1 - math.exp(-number / 2.5)
        found.append(
            Epoch(
                epoch=number,
                started_s=at,
                train_s=train_s,
                validation_s=train_s / 8,
                images_per_s=_TRAIN_IMAGES / train_s,
                loss=1.1 - 0.8 * learnt + random.uniform(-0.03, 0.03),
                accuracy=0.34 + 0.58 * learnt + random.uniform(-0.02, 0.02),
                val_loss=1.15 - 0.65 * learnt + random.uniform(-0.06, 0.06),
                val_accuracy=0.33 + 0.52 * learnt + random.uniform(-0.05, 0.05),
            )
        )
        at += train_s * 9 / 8
    return tuple(found)


def _metrics(classes: tuple[str, ...], random: Random) -> Metrics:
    def row(label: int) -> tuple[int, ...]:
        wrong = [random.randint(0, 3) if other != label else 0 for other in range(len(classes))]
        wrong[label] = _TEST_OF_A_CLASS - sum(wrong)
        return tuple(wrong)

    return metrics_of(tuple(row(label) for label in range(len(classes))), classes)


def _resources(spec: RunSpec) -> Resources:
    on_gpu = spec.device.kind == "gpu"
    return Resources(
        samples=60,
        cpu_percent_mean=97.4 * (spec.device.threads or 1),
        cpu_percent_max=101.2 * (spec.device.threads or 1),
        rss_peak_bytes=1_634_000_000,
        host_cpu_percent_mean=51.3,
        gpu_percent_mean=63.1 if on_gpu else None,
        gpu_memory_peak_bytes=6_200_000_000 if on_gpu else None,
        gpu_power_mean_w=311.5 if on_gpu else None,
        gpu_temperature_max_c=58 if on_gpu else None,
        energy_j=18_250 if on_gpu else None,
        coverage_percent=100,
        sampler_overhead_percent=0.4,
        other_load_percent=3.2,
    )


def _facts(classes: tuple[str, ...], fingerprint: str) -> DataFacts:
    return DataFacts(
        fingerprint=fingerprint,
        source="synthetic",
        classes=classes,
        counts={
            "train": dict.fromkeys(classes, 38),
            "validation": dict.fromkeys(classes, 10),
            "test": dict.fromkeys(classes, _TEST_OF_A_CLASS),
        },
    )


def _prepared(classes: tuple[str, ...], fingerprint: str) -> PreparedData:
    return PreparedData(
        fingerprint=fingerprint,
        source="synthetic",
        classes=classes,
        image_size=96,
        split_seed=0,
        pixels=Path("cache"),
        rows={"train": (0,), "validation": (1,), "test": (2,)},
        paths=("a.png", "b.png", "c.png"),
        images_found=265,
        images_skipped=1,
    )


def _cached(prepared: PreparedData, cache: Path) -> PreparedData:
    """Write the pixels of the test images that the predictions name, and say where they are."""
    images = len(prepared.classes) * _TEST_OF_A_CLASS
    noise = np.random.default_rng(0).integers(0, 256, (images, 96, 96), dtype=np.uint8)
    cache.mkdir(exist_ok=True)
    np.save(cache / PIXELS_FILE, noise)
    np.save(cache / LABELS_FILE, np.repeat(range(len(prepared.classes)), _TEST_OF_A_CLASS))
    paths = tuple(
        f"{row // _TEST_OF_A_CLASS}/{row % _TEST_OF_A_CLASS}.png" for row in range(images)
    )
    rows = {"train": (), "validation": (), "test": tuple(range(images))}
    return prepared.model_copy(update={"pixels": cache, "paths": paths, "rows": rows})


def _images(classes: tuple[str, ...]) -> str:
    kept = ",".join(("good.png", "covid", "train", "yes", *[""] * (len(COLUMNS) - 4)))
    left_out = ",".join(
        ("covid/torn.png", "covid", "", "no", "truncated file", *[""] * (len(COLUMNS) - 5))
    )
    return "\n".join((",".join(COLUMNS), kept, left_out)) + "\n"


def _write(folder: Path, record: RunRecord, *, samples: bool) -> None:
    folder.mkdir(parents=True)
    write_record(record, folder)
    (folder / LOG_FILE).write_text(
        "step 1\rstep 2\rstep 3\n\x1b[31mbuilding the network\x1b[0m\nthe last line\n"
    )
    if record.metrics:
        _write_predictions(folder / PREDICTIONS_FILE, record, record.metrics)
    if samples and record.timing:
        _write_samples(folder / SAMPLES_FILE, record, record.timing.wall_s)


def _write_predictions(path: Path, record: RunRecord, metrics: Metrics) -> None:
    """Write diagnoses with the counts of `metrics`; some images are harder than others."""
    chance, names = Random(record.run_id), record.data.classes
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "true", "predicted", *(f"p_{name}" for name in names)])
        for label, counts in enumerate(metrics.confusion):
            images = sorted(range(sum(counts)), key=lambda image: image + chance.uniform(0, 30))
            diagnoses = [other for other, count in enumerate(counts) for _ in range(count)]
            diagnoses.sort(key=lambda other: other == label)  # the wrong ones, on the first images
            for image, other in zip(images, diagnoses, strict=True):
                sure = chance.uniform(1.01 / len(names), 1)
                rest = (1 - sure) / (len(names) - 1)
                scores = [f"{sure if at == other else rest:.9g}" for at in range(len(names))]
                table.writerow([f"{label}/{image}.png", names[label], names[other], *scores])


def _write_samples(path: Path, record: RunRecord, wall_s: float) -> None:
    random, on_gpu = Random(record.run_id), record.spec.device.kind == "gpu"
    cores = record.spec.device.threads or 1
    with SampleFile(path, gpus=(0,) if on_gpu else ()) as file:
        for second in range(int(wall_s)):
            file.write(
                Sample(
                    t_s=float(second),
                    cpu_percent=100 * cores * random.uniform(0.8, 1.0),
                    rss_bytes=int(1.6e9 * (1 - math.exp(-second / 4))),
                    processes=1,
                    host_cpu_percent=25.0 * cores,
                    host_memory_used_bytes=int(2.4e9),
                    other_load_percent=random.uniform(0, 6),
                    gpus=(
                        GpuReading(
                            utilisation_percent=random.uniform(40, 90),
                            memory_used_bytes=int(6.2e9),
                            power_w=random.uniform(240, 340),
                            energy_j=300.0 * second,
                        ),
                    )
                    if on_gpu
                    else (),
                )
            )


def failed_and_skipped(record: RunRecord) -> RunRecord:
    """Let VGG16 run out of memory on two threads, and InceptionV3 find no such device."""
    ends = {
        "vgg16-cpu.t2": ("failed", "out_of_memory", "The framework could not get memory."),
        "inceptionv3-cpu.t2": ("skipped", "device_unavailable", "cpu:threads=2 isn't usable here."),
    }
    end = ends.get("-".join(record.spec.cell_parts[:2]))
    if end is None:
        return record
    status, kind, message = end
    return RunRecord.model_validate(
        record.model_dump()
        | {
            "status": status,
            "reason": {"kind": kind, "message": message},
            "timing": None,
            "epochs": (),
            "resources": None,
            "metrics": None,
        }
    )


HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a & b\x07")


def _complete(lab: Lab) -> list[Path]:
    return [lab.execution()]


def _repeated(lab: Lab) -> list[Path]:
    return [lab.execution(repeats=3)]


def _failing(lab: Lab) -> list[Path]:
    return [lab.execution(change=failed_and_skipped)]


def _two_hosts(lab: Lab) -> list[Path]:
    return [
        lab.execution(devices=("cpu",), repeats=3),
        lab.execution("20261123T090000Z", devices=("gpu:0",), repeats=3, host=GPU_HOST),
    ]


def _two_backends(lab: Lab) -> list[Path]:
    versions = VERSIONS | {"jax": "0.10.0", "jaxlib": "0.10.0"}
    host = GPU_HOST.model_copy(update={"versions": versions})
    return [
        lab.execution(devices=("cpu",)),
        lab.execution("20261123T090000Z", devices=("gpu:0",), host=host, backends=("jax",)),
    ]


def _every_axis(lab: Lab) -> list[Path]:
    """Two devices, two precisions, two pipelines and three repeats: 24 runs."""
    return [
        lab.execution(
            models=("cnn10",),
            repeats=3,
            precisions=("float32", "mixed_bfloat16"),
            pipelines=("cached", "paper"),
        )
    ]


def _resumed(lab: Lab) -> list[Path]:
    """Two devices with three repeats, one of which went on from a checkpoint after a crash."""
    return [lab.execution(models=("cnn10",), repeats=3, change=_second_was_resumed)]


def _second_was_resumed(record: RunRecord) -> RunRecord:
    if record.spec.repeat != 2 or record.spec.device.threads != 2 or record.timing is None:
        return record
    resumption = Resumption(epochs=2, batches=0, attempts=2, exact=True, differences=())
    epochs = tuple(
        each if each.epoch <= resumption.epochs else each.model_copy(update={"attempt": 2})
        for each in record.epochs
    )
    timing = record.timing.model_copy(update={"resumed": True})
    return record.model_copy(update={"resumption": resumption, "epochs": epochs, "timing": timing})


def _timing_only(lab: Lab) -> list[Path]:
    """A CPU that was timed for 3 of 120 epochs beside a GPU that trained them all."""
    return [
        lab.execution(
            models=("cnn10", "vgg16"),
            devices=("cpu", "gpu:0"),
            epochs=120,
            repeats=2,
            host=GPU_HOST,
            timing_epochs={"cpu": 2},
        )
    ]


def _hostile(lab: Lab) -> list[Path]:
    host = CPU_HOST.model_copy(update={"hostname": "<b>host</b>\x07"})
    return [
        lab.execution(classes=HOSTILE, host=host),
        lab.execution("20261123T090000Z", classes=HOSTILE, models=("cnn10",)),
    ]


def _nothing(lab: Lab) -> list[Path]:
    return [lab.execution(change=lambda _: None)]


def _bare(lab: Lab) -> list[Path]:
    """Leave only the records, without epochs, resources and metrics."""
    optional = {"epochs": (), "resources": None, "metrics": None, "model": None}
    folder = lab.execution(change=lambda record: record.model_copy(update=optional), samples=False)
    for name in ("experiment.json", DATA_FILE, IMAGES_FILE):
        (folder / name).unlink()
    return [folder]


CASES: dict[str, Callable[[Lab], list[Path]]] = {
    "complete": _complete,
    "repeated": _repeated,
    "failing": _failing,
    "two_hosts": _two_hosts,
    "two_backends": _two_backends,
    "every_axis": _every_axis,
    "resumed": _resumed,
    "timing_only": _timing_only,
    "hostile": _hostile,
    "nothing": _nothing,
    "bare": _bare,
}


@dataclass(frozen=True)
class Rendered:
    """A case's folders and the page made of them."""

    folders: list[Path]
    page: Path
    html: str


class Reports:
    """Renders each case once, when it is first asked for.

    Args:
        made_once: Fills a folder once for all workers.
    """

    def __init__(self, made_once: Callable[[str, Callable[[Path], object]], Path]) -> None:
        self._made_once = made_once
        self._done: dict[str, Rendered] = {}

    def __getitem__(self, case: str) -> Rendered:
        if case not in self._done:
            root = self._made_once(f"report-{case}", partial(_rendered, case))
            folders = [root / each for each in json.loads((root / FOLDERS_FILE).read_text())]
            page = root / "report.html"
            self._done[case] = Rendered(folders, page, page.read_text())
        return self._done[case]


def _rendered(case: str, root: Path) -> None:
    folders = CASES[case](Lab(root))
    render(folders, root / "report.html")
    names = [str(each.relative_to(root)) for each in folders]
    (root / FOLDERS_FILE).write_text(json.dumps(names))
