"""Measure what watching a training costs it: the same work with the sampler at 1 Hz and without.

The child multiplies a fixed number of matrices on all usable cores and tells its own wall time, so
that starting and ending it counts for neither side. Watched, its parent waits for it as a run's
parent (`lungbench.run.launch`) does, with the sampler beside; unwatched, it only waits. The wall
effect is the watched time over the unwatched one of the same pair.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from benchmarks.pairs import in_turn, paired_ratio
from benchmarks.results import Report, Steal, Table, options, positive, seconds, steal_text
from lungbench.job import LOG_FILE, SAMPLES_FILE
from lungbench.resources.sampler import Sampler
from lungbench.run.child import Child
from lungbench.stats.intervals import geometric_mean

SIDES = ("watched", "unwatched")
_LOOK_S = 0.5  # as often as `lungbench.run.launch` looks
_WORK = """
import sys, time
import numpy as np
products = int(sys.argv[1])
matrix = np.ones((1024, 1024), dtype=np.float32) / 1024
matrix @ matrix
began = time.perf_counter()
for _ in range(products):
    matrix = matrix @ matrix
print(time.perf_counter() - began)
"""


@dataclass(frozen=True, slots=True)
class Watch:
    """One child's life.

    Attributes:
        wall_s: Of its work, by its own clock.
        parent_percent: CPU time of this process while it lived; 100 is one core.
        sampler_percent: Of the sampler's thread alone; None where there was none.
        steal_percent: Of all processors' time; None where the system doesn't tell.
    """

    wall_s: float
    parent_percent: float
    sampler_percent: float | None
    steal_percent: float | None


def parser() -> argparse.ArgumentParser:
    """Return the command's options."""
    parsed = options(__doc__, rounds=10)
    parsed.add_argument(
        "--products", type=positive, default=500, help="matrix products of a child; 2 GFLOP each"
    )
    parsed.add_argument("--interval", type=float, default=1.0, help="seconds between two readings")
    return parsed


def main() -> None:
    """Measure the pairs."""
    chosen = parser().parse_args()
    report = Report("sampling", chosen)
    watches: dict[str, list[Watch]] = {side: [] for side in SIDES}
    _watch("unwatched", chosen)  # the first child finds numpy's files cold
    for side in in_turn(SIDES, chosen.rounds):
        watches[side].append(_watch(side, chosen))
    effect = paired_ratio(
        [watch.wall_s for watch in watches["watched"]],
        [watch.wall_s for watch in watches["unwatched"]],
    )
    rows = [_row(side, watches[side], str(effect)) for side in SIDES]
    headings = ("side", "work", "parent, of a core", "sampler", "stolen", "/ unwatched")
    report.publish(Table(headings, rows), [{"watches": watches, "wall_effect": effect}])


def _watch(side: str, chosen: argparse.Namespace) -> Watch:
    steal, cpu_s = Steal(), time.process_time()
    with tempfile.TemporaryDirectory(prefix="lungbench-bench-") as name:
        run_dir = Path(name)
        child = Child(run_dir, {}, command=(sys.executable, "-c", _WORK, str(chosen.products)))
        sampler_percent = None
        if side == "watched":
            sampler_percent = _sampled(child, run_dir, chosen.interval)
        while child.wait(3600) is None:
            pass
        lived_s = time.monotonic() - child.started
        parent_percent = 100 * (time.process_time() - cpu_s) / lived_s
        child.close()
        wall_s = float((run_dir / LOG_FILE).read_text())
    return Watch(wall_s, parent_percent, sampler_percent, steal.percent())


def _sampled(child: Child, run_dir: Path, interval_s: float) -> float | None:
    out = run_dir / SAMPLES_FILE
    sampler = Sampler(child.pid, out=out, started=child.started, interval_s=interval_s)
    sampler.start()
    while child.wait(_LOOK_S) is None:
        pass
    return sampler.stop().sampler_overhead_percent


def _row(side: str, watches: list[Watch], effect: str) -> tuple[str, ...]:
    sampler = [watch.sampler_percent for watch in watches if watch.sampler_percent is not None]
    return (
        side,
        seconds(geometric_mean(watch.wall_s for watch in watches)),
        f"{fmean(watch.parent_percent for watch in watches):.2f} %",
        f"{fmean(sampler):.2f} %" if sampler else "-",
        steal_text(watch.steal_percent for watch in watches),
        effect if side == "watched" else "1",
    )


if __name__ == "__main__":
    main()
