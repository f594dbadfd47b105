"""Measure what many runs cost through one Prefect server: suites of many cells, and a worker.

The trainings are stand-ins that compute nothing (`benchmarks.scale_side`); planning, launching,
watching, recording, Prefect and the report are real. Suites of growing size are planned, executed
by the command line and reported; then one worker executes small suites, a flow run each. All go
through one server on SQLite.

Times are CPU times, with those of the children that a command waits for. "A further cell" is what
one costs beyond the next smaller suite: where it grows with the number of cells, the cost grows
faster than linearly. Memory is looked at once a second; what a run adds is the mean over the last
half of the runs, when caches are full and imports done.

The worker's memory alone, over many flow runs that are as short as they get:
`python -m benchmarks.scale --cells --flow-runs 60 --trainings 1 --without-reports`
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import psutil

from benchmarks.growth import Growth, row, watched
from benchmarks.prefect_server import PrefectServer, own_environment, prefect_server
from benchmarks.results import Report, Table, options, positive, seconds
from benchmarks.scale_worker import (
    QUERY_S,
    Served,
    ended,
    ends,
    served_by_a_worker,
    states,
    written,
)
from lungbench.executions.execution import EXPERIMENT_FILE

ROOT = Path(__file__).parents[1]
_QUARTERS = (0.25, 0.5, 0.75, 1.0)
_MODELS = ("cnn10", "vgg16", "mobilenetv2", "resnet50", "densenet121")
_PIPELINES = ("cached", "paper")


@dataclass(frozen=True, slots=True)
class Suite:
    """One suite; CPU times in seconds.

    Attributes:
        plan_s: `lungbench plan`, once the suite's own execution is there to estimate from.
        run_s: `lungbench run` with its stand-ins and its report.
        server_s: What the server took meanwhile.
        report_s: `lungbench report`.
        wall_s: Of `lungbench run`.
        ends: How its trainings ended, by their records.
        states: Those of its task runs, by the server: preparation, trainings, report.
    """

    cells: int
    plan_s: float
    run_s: float
    server_s: float
    report_s: float
    wall_s: float
    ends: dict[str, int]
    states: dict[str, int]


def parser() -> argparse.ArgumentParser:
    """Return the command's options."""
    parsed = options(__doc__, rounds=1)
    parsed.add_argument(
        "--cells", nargs="*", type=positive, default=[50, 150, 500], help="of each suite, if any"
    )
    parsed.add_argument("--flow-runs", type=positive, default=12, help="that the worker executes")
    parsed.add_argument("--trainings", type=positive, default=25, help="of such a flow run")
    parsed.add_argument(
        "--without-reports",
        action="store_true",
        help="of these flow runs, so that they end sooner; what is left is the worker's memory",
    )
    parsed.add_argument("--idle-s", type=positive, default=30, help="of a look at what idles")
    return parsed


def main() -> None:
    """Measure the suites, then the worker."""
    chosen = parser().parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # no server is left behind
    report = Report("scale", chosen)
    with tempfile.TemporaryDirectory(prefix="lungbench-bench-") as name:
        suites, served, growths = _measured(Path(name), chosen)
        database_bytes = sum(file.stat().st_size for file in Path(name).glob("server/prefect.db*"))
    measured = [*suites, served, *growths, {"database_bytes": database_bytes}]
    memory = Table(_MEMORY, [row(growth, _QUARTERS) for growth in growths])
    if suites:
        report.publish(Table(_HEADINGS, list(_rows(suites))), measured)
        print(f"\n{memory}")
    else:
        report.publish(memory, measured)
    print(f"\nworker: {served.flow_runs} flow runs {served.states}, trainings {served.ends}")
    print(f"the server's database: {database_bytes / 2**20:.1f} MiB")
    waiting, asking = served.waiting_percent, served.worker_waiting_percent
    print(
        f"idle, of a core: server {served.alone_percent:.1f} %; with a worker that asks every "
        f"{QUERY_S} s {waiting:.1f} %, and the worker {asking:.1f} %"
    )


def _measured(folder: Path, chosen: argparse.Namespace) -> tuple[list[Suite], Served, list[Growth]]:
    environ = own_environment() | {
        "LUNGBENCH_LOCKS": str(folder / "locks"),
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_WORKER_QUERY_SECONDS": str(QUERY_S),
        "PYTHONPATH": str(ROOT),
        "DO_NOT_TRACK": "1",
    }
    with prefect_server({}, folder / "server") as server:
        environ["PREFECT_API_URL"] = server.api
        with watched("server", "runs", server.pid, partial(ended, folder)) as growth:
            suites, growths = [], [growth]
            for number, cells in product(range(chosen.rounds), chosen.cells):
                suite, flow = _suite(f"cells-{cells}-{number}", cells, folder, environ, server)
                suites.append(suite)
                growths.append(flow)
            served, worker = served_by_a_worker(
                folder,
                environ,
                server,
                flow_runs=chosen.flow_runs,
                trainings=chosen.trainings,
                reports=not chosen.without_reports,
                idle_s=chosen.idle_s,
            )
    return suites, served, [*growths, worker]


def _suite(
    name: str, cells: int, folder: Path, environ: Mapping[str, str], server: PrefectServer
) -> tuple[Suite, Growth]:
    file, results = written(folder, name, _with_cells(cells)), folder / name
    arguments = [str(file), "--results", str(results)]
    taken_s, began = _cpu_s(server.pid), time.perf_counter()
    run = _start(["run", *arguments], folder, environ)
    done = partial(ended, results)
    with watched(f"flow of {cells} cells", "runs", run.pid, done) as flow:
        run_s = _end(run)
    wall_s, server_s = time.perf_counter() - began, _cpu_s(server.pid) - taken_s
    execution = max(path.parent for path in results.glob(f"*/*/{EXPERIMENT_FILE}"))
    page = str(folder / "again.html")
    found = ends(execution)
    suite = Suite(
        cells=sum(found.values()),
        plan_s=_end(_start(["plan", *arguments], folder, environ)),
        run_s=run_s,
        server_s=server_s,
        report_s=_end(_start(["report", str(execution), "-o", page], folder, environ)),
        wall_s=wall_s,
        ends=found,
        states=states(server, "task_runs", name),
    )
    return suite, flow


def _with_cells(cells: int) -> dict[str, object]:
    """Return a matrix of about so many cells that grows in its devices alone."""
    devices = max(1, round(cells / len(_MODELS) / len(_PIPELINES)))
    return {
        "models": list(_MODELS),
        "devices": [f"cpu:threads={threads}" for threads in range(1, devices + 1)],
        "pipelines": list(_PIPELINES),
        "repeats": 1,
    }


def _start(
    arguments: list[str], folder: Path, environ: Mapping[str, str]
) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "benchmarks.scale_side", *arguments]
    with (folder / "commands.log").open("ab") as log:
        return subprocess.Popen(command, cwd=folder, env=environ, stdout=log, stderr=log)


def _end(process: "subprocess.Popen[bytes]") -> float:
    """Wait for a command; return its CPU time with that of its children, in seconds."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{process.args!r} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def _cpu_s(pid: int) -> float:
    return sum(psutil.Process(pid).cpu_times()[:2])


_MEMORY = ("process", "counted", "1/4", "1/2", "3/4", "end", "each")
_HEADINGS = (
    "cells", "plan", "run", "server", "report", "wall of the run", "a further cell: plan", "run",
    "server", "report", "states",
)  # fmt: skip


def _rows(suites: list[Suite]) -> Iterator[tuple[str, ...]]:
    before: Suite | None = None
    for suite in suites:
        parts = ("plan_s", "run_s", "server_s", "report_s")
        whole = [seconds(getattr(suite, part)) for part in (*parts, "wall_s")]
        further = [_further_ms(before, suite, part) for part in parts]
        states = ", ".join(f"{count} {state}" for state, count in suite.states.items())
        yield (str(suite.cells), *whole, *further, states)
        before = suite


def _further_ms(before: Suite | None, suite: Suite, part: str) -> str:
    """Write what a cell beyond the smaller suite costs; nothing of the smallest one."""
    if before is None or suite.cells <= before.cells:
        return "-"
    more_s = getattr(suite, part) - getattr(before, part)
    return f"{1000 * more_s / (suite.cells - before.cells):.1f} ms"


if __name__ == "__main__":
    main()
