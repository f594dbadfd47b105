"""Measure start-up: the commands that answer at once, and the child before its first network.

Every command is a fresh process with warm file caches. The child's start-up is what it reports
itself, from its parent's start of it until its data are open and the network is about to be
built; `import keras` is the same interpreter with nothing else, and the floor.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.image_folder import image_folder, prepared
from benchmarks.pairs import in_turn, paired_ratio
from benchmarks.results import Report, Table, options, seconds
from lungbench.experiment import Experiment, RunSpec
from lungbench.job import JOB_FILE, TRAINING_FILE, Job
from lungbench.run.child import Child
from lungbench.stats.intervals import geometric_mean

_KERAS, _CHILD = "import keras", "child before build"
_IMAGES, _IMAGE_SIZE = 15, 16
_MATRIX = {"models": ["cnn10"], "devices": ["cpu"]}
_TRAIN = {"epochs": 1, "batch_size": 8, "weights": "none"}


def parser() -> argparse.ArgumentParser:
    """Return the command's options."""
    return options(__doc__, rounds=10)


def main() -> None:
    """Measure all of them in turns."""
    chosen = parser().parse_args()
    report = Report("startup", chosen)
    with image_folder(None, _IMAGES) as images:
        starts = _starts(images.parent, prepared(images, _IMAGE_SIZE))
        for start in starts.values():
            start()
        walls: dict[str, list[float]] = {name: [] for name in starts}
        for name in in_turn(list(starts), chosen.rounds):
            walls[name].append(starts[name]())
    floor = paired_ratio(walls[_CHILD], walls[_KERAS])
    report.publish(_table(walls, str(floor)), [{"wall_s": walls, "child_over_keras": floor}])


def _starts(folder: Path, data: Path) -> dict[str, Callable[[], float]]:
    """Return what is started, by name; each returns its seconds."""
    file = folder / "experiment.toml"
    file.write_text(
        'name = "startup"\n[matrix]\nmodels = ["cnn10"]\ndevices = ["cpu"]\n', encoding="utf-8"
    )
    spec = Experiment.model_validate(
        {"name": "startup", "data": {"image_size": _IMAGE_SIZE}, "train": _TRAIN, "matrix": _MATRIX}
    ).runs()[0]
    lungbench = str(Path(sys.executable).with_name("lungbench"))
    return {
        "python": lambda: _wall_s([sys.executable, "-c", "pass"]),
        "lungbench --help": lambda: _wall_s([lungbench, "--help"]),
        "lungbench plan": lambda: _wall_s([lungbench, "plan", str(file)]),
        "lungbench doctor": lambda: _wall_s([lungbench, "doctor"]),
        _KERAS: lambda: _wall_s([sys.executable, "-c", _KERAS], spec.environ()),
        _CHILD: lambda: _child_s(spec, data),
    }


def _wall_s(command: list[str], environ: dict[str, str] | None = None) -> float:
    began = time.perf_counter()
    # Not checked: doctor ends with 1 where this machine lacks something.
    subprocess.run(
        command,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", **(environ or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return time.perf_counter() - began


def _child_s(spec: RunSpec, data: Path) -> float:
    with tempfile.TemporaryDirectory(prefix="lungbench-bench-") as name:
        run_dir = Path(name)
        (run_dir / JOB_FILE).write_text(Job(spec=spec, data=data).model_dump_json())
        child = Child(run_dir, spec.environ())
        while child.wait(60) is None:
            pass
        child.close()
        marks = json.loads((run_dir / TRAINING_FILE).read_bytes())["marks"]
    return float(marks["started_s"])


def _table(walls: dict[str, list[float]], floor: str) -> Table:
    rows = [
        (
            name,
            seconds(geometric_mean(found)),
            seconds(min(found)),
            floor if name == _CHILD else "",
        )
        for name, found in walls.items()
    ]
    return Table(("what", "mean", "least", "/ import keras"), rows)


if __name__ == "__main__":
    main()
