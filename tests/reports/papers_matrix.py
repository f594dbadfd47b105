"""The paper's whole matrix as golden records: what a page must hold at its largest usual size."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
from golden import GPU_HOST, Lab

from lungbench.job import SAMPLES_FILE
from lungbench.record import RunRecord

TWELVE_HOURS_S = 43_200


def papers_matrix(root: Path, repeats: int = 5, *, pixels: bool = False) -> Path:
    """Write 3 networks x 2 devices x `repeats`, 120 epochs each, with 12 hours of readings.

    With `pixels`, the test images are there too: noise, of which pictures are as large as any.
    """
    folder = Lab(root).execution(
        devices=("cpu", "gpu:0"),
        repeats=repeats,
        epochs=120,
        host=GPU_HOST,
        samples=False,
        pixels=pixels,
        change=_of_twelve_hours,
    )
    contents = {kind: gzip.compress(_readings(kind).encode(), 1) for kind in ("cpu", "gpu")}
    for run in (folder / "runs").iterdir():
        kind = "gpu" if "-gpu.0-" in run.name else "cpu"
        (run / SAMPLES_FILE).write_bytes(contents[kind])
    return folder


def _of_twelve_hours(record: RunRecord) -> RunRecord:
    """Stretch a run's epochs over the time of its readings."""
    factor = 42_000 / record.epochs[-1].started_s
    changes: Any = [
        epoch.model_copy(
            update={
                "started_s": epoch.started_s * factor,
                "train_s": epoch.train_s * factor,
                "validation_s": (epoch.validation_s or 0) * factor,
            }
        )
        for epoch in record.epochs
    ]
    return record.model_copy(update={"epochs": tuple(changes)})


def _readings(kind: str) -> str:
    """Return 12 hours of noisy readings, one a second."""
    noise, seconds = np.random.default_rng(0), np.arange(TWELVE_HOURS_S)
    columns = {
        "t_s": seconds,
        "cpu_percent": noise.uniform(150, 200, len(seconds)),
        "rss_bytes": noise.integers(1_500_000_000, 1_700_000_000, len(seconds)),
        "host_cpu_percent": noise.uniform(40, 60, len(seconds)),
        "host_memory_used_bytes": noise.integers(2_000_000_000, 2_600_000_000, len(seconds)),
        "other_load_percent": noise.uniform(0, 160, len(seconds)),
    }
    if kind == "gpu":
        columns["gpu0_utilisation_percent"] = noise.uniform(30, 95, len(seconds))
        columns["gpu0_memory_used_bytes"] = noise.integers(6e9, 7e9, len(seconds))
        columns["gpu0_power_w"] = noise.uniform(200, 350, len(seconds))
    rows = zip(*(np.round(values, 3).tolist() for values in columns.values()), strict=True)
    return "\n".join((",".join(columns), *(",".join(map(str, row)) for row in rows))) + "\n"
