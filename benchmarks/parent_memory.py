"""Measure what a process keeps of the trainings that it launches: memory, files, threads.

One process launches a stand-in for the training child again and again, by `lungbench.run.launch`
with everything around it: the host's lock, the sampler, the deadlines, the record. The child trains
nothing and ends at once, so that what grows is the parent's own. It is sampled ten times a second,
as a training of some seconds is once a second.

The slope is the mean of the gains from launch to launch after the first ones, which fill caches and
import what is imported late; its interval is Student's t on these gains. Python keeps some of what
is freed for the next use, so the memory grows a little for some hundreds of launches; the number of
its blocks in use tells that from a leak.
"""

import argparse
import math
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean, stdev

import psutil

from benchmarks.image_folder import image_folder, prepared
from benchmarks.results import Report, Table, options
from lungbench.data.dataset import PreparedData
from lungbench.experiment import Experiment, RunSpec
from lungbench.host import describe_host
from lungbench.run.launch import Surroundings, launch
from lungbench.run.lock import FOLDER_VARIABLE
from lungbench.settings import MeasureSettings
from lungbench.stats.intervals import Interval, t_quantile

_SHOWN = (1, 10, 50, 100, 200)
_FIRST_SHARE = 0.25  # of the launches; they are left out of the slope
_IMAGES, _IMAGE_SIZE = 15, 16
_EXPERIMENT = {
    "name": "memory",
    "data": {"image_size": _IMAGE_SIZE},
    "train": {"epochs": 2, "batch_size": 8, "weights": "none"},
    "matrix": {"models": ["cnn10"], "devices": ["cpu:threads=1"]},
}
# Leaves what a training does, of two images; it needs no import that takes time.
_CHILD = """
import json, sys, time
from pathlib import Path
run, classes = Path(sys.argv[-1]), sys.argv[1:-1]
with (run / "epochs.jsonl").open("w") as log:
    for epoch in (1, 2):
        log.write(json.dumps({"epoch": epoch, "started_s": epoch, "train_s": 1.0,
                              "validation_s": 0.1, "images_per_s": 9.0, "loss": 1.0}) + chr(10))
time.sleep(0.25)
rows = [["path", "true", "predicted", *("p_" + each for each in classes)]]
rows += [[each, each, classes[0], *("0.5" for _ in classes)] for each in classes]
(run / "predictions.csv").write_text(chr(10).join(",".join(row) for row in rows) + chr(10))
(run / "model.keras").write_text("weights")
(run / "training.json").write_text(json.dumps({"marks": {"started_s": 0.1, "built_s": 0.2}}))
"""


@dataclass(frozen=True, slots=True)
class Held:
    """What the parent holds after so many launches.

    Attributes:
        rss_bytes: Its resident memory.
        blocks: Blocks of memory that Python uses in it.
        files: Its open file descriptors.
        threads: Its threads.
    """

    launches: int
    rss_bytes: int
    blocks: int
    files: int
    threads: int


@dataclass(frozen=True, slots=True)
class Slope:
    """What a launch adds to the parent's resident memory, in bytes.

    Attributes:
        interval: 95 %; None with fewer than two gains.
        gains: Launches that it is the mean of.
    """

    estimate: float
    interval: Interval | None
    gains: int

    def __str__(self) -> str:
        limits = ""
        if self.interval is not None:
            limits = f" [{self.interval.low / 1024:.2f}, {self.interval.high / 1024:.2f}]"
        return f"{self.estimate / 1024:.2f}{limits} KiB a launch, over the last {self.gains}"


def parser() -> argparse.ArgumentParser:
    """Return the command's options."""
    return options(__doc__, rounds=200)


def main() -> None:
    """Launch one training after the other."""
    chosen = parser().parse_args()
    report = Report("parent_memory", chosen)
    with tempfile.TemporaryDirectory(prefix="lungbench-bench-") as name:
        os.environ[FOLDER_VARIABLE] = f"{name}/locks"  # other people's trainings aren't waited for
        held = list(_held(Path(name), chosen.rounds))
    slope = slope_of([each.rss_bytes for each in held])
    rows = [_row(each) for each in held if each.launches in {*_SHOWN, chosen.rounds}]
    report.publish(
        Table(("launches", "RSS of the parent", "Python's blocks", "open files", "threads"), rows),
        [{"held": held, "slope_bytes": slope}],
    )
    print(slope)


def slope_of(rss_bytes: Sequence[float], confidence: float = 0.95) -> Slope:
    """Return what a launch adds, from the memory held after each one.

    Args:
        rss_bytes: At least two, in their order.
        confidence: Coverage of the interval, between 0 and 1.
    """
    later = rss_bytes[math.floor(_FIRST_SHARE * len(rss_bytes)) :]
    gains = [after - before for before, after in pairwise(later)]
    if len(gains) < 2:  # noqa: PLR2004 - one gain has no spread
        return Slope(fmean(gains), None, len(gains))
    half = t_quantile(len(gains) - 1, confidence) * stdev(gains) / math.sqrt(len(gains))
    return Slope(fmean(gains), Interval(fmean(gains) - half, fmean(gains) + half), len(gains))


def _held(folder: Path, launches: int) -> Iterator[Held]:
    """Launch, and look at this process after each one."""
    spec = Experiment.model_validate(_EXPERIMENT).runs()[0]
    with image_folder(None, _IMAGES) as images:
        around = _around(prepared(images, _IMAGE_SIZE))
        process = psutil.Process()
        for number in range(1, launches + 1):
            _launch(spec, folder / str(number), around)
            yield Held(
                number,
                process.memory_info().rss,
                sys.getallocatedblocks(),
                process.num_fds(),
                process.num_threads(),
            )


def _around(data: Path) -> Surroundings:
    facts = PreparedData.read(data).facts()
    return Surroundings(
        data=data,
        facts=facts,
        host=describe_host(),
        measure=MeasureSettings(sample_interval_s=0.1),
        command=(sys.executable, "-c", _CHILD, *facts.classes),
    )


def _launch(spec: RunSpec, run_dir: Path, around: Surroundings) -> None:
    record = launch(spec, run_dir, around)
    if record.status != "completed":
        raise SystemExit(f"{run_dir.name}: {record.reason}")


def _row(held: Held) -> tuple[str, ...]:
    rss = f"{held.rss_bytes / 2**20:.2f} MiB"
    return str(held.launches), rss, str(held.blocks), str(held.files), str(held.threads)


if __name__ == "__main__":
    main()
