"""Many small suites through one worker, for `benchmarks.scale`; and what its parts share."""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from benchmarks.growth import Growth, watched
from benchmarks.prefect_server import PrefectServer
from flows.draining import drain
from lungbench.experiment_file import load_experiment
from lungbench.record import RECORD_FILE, read_record

_POOL = "scale"
_PAGE = 200
QUERY_S = 2
_FINAL = ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"]
_EXPERIMENT = """
name = "{name}"
[data]
image_size = 32
synthetic_per_class = 10
[train]
epochs = 2
batch_size = 8
weights = "none"
[matrix]
models = {models}
devices = {devices}
pipelines = {pipelines}
repeats = {repeats}
"""


@dataclass(frozen=True, slots=True)
class Served:
    """What a worker executed.

    Attributes:
        states: Of its flow runs, by the server.
        ends: How their trainings ended, by their records.
        worker_s: CPU time of the worker, without its flow runs, in seconds.
        alone_percent: Of one core, what the server takes before there is a worker.
        waiting_percent: The same while one worker asks for work every `QUERY_S` and finds none.
        worker_waiting_percent: What that worker takes.
    """

    flow_runs: int
    trainings: int
    worker_s: float
    alone_percent: float
    waiting_percent: float
    worker_waiting_percent: float
    states: dict[str, int]
    ends: dict[str, int]


def served_by_a_worker(
    folder: Path,
    environ: Mapping[str, str],
    server: PrefectServer,
    *,
    flow_runs: int,
    trainings: int,
    reports: bool,
    idle_s: float,
) -> tuple[Served, Growth]:
    """Let a worker execute small suites, one after the other, with their reports or without."""
    matrix = {"models": ["cnn10"], "devices": ["cpu"], "pipelines": ["cached"]}
    file = written(folder, "served", matrix | {"repeats": trainings})
    results = folder / "served"
    parameters = {
        "experiment": load_experiment(file).model_dump(mode="json"),
        "results": str(results),
    }
    alone, *_ = percents(idle_s, server.pid)
    with _worker(folder, environ, server) as worker:
        time.sleep(idle_s)  # it starts
        waiting, worker_waiting = percents(idle_s, server.pid, worker.pid)
        deployment = _deployed(server, "scale_side" if reports else "scale_brief")
        for _ in range(flow_runs):
            server.ask(f"deployments/{deployment}/create_flow_run", parameters=parameters)
        ended = partial(_flow_runs_ended, server)
        with watched("worker", "flow runs", worker.pid, ended) as growth:
            while ended() < flow_runs and worker.is_running():
                time.sleep(1)
        worker_s = sum(worker.cpu_times()[:2])
    served = Served(
        flow_runs=flow_runs,
        trainings=trainings,
        worker_s=worker_s,
        alone_percent=alone,
        waiting_percent=waiting,
        worker_waiting_percent=worker_waiting,
        states=states(server, "flow_runs", "served"),
        ends=ends(results),
    )
    return served, growth


def percents(seconds: float, *pids: int) -> list[float]:
    """Return what processes take of one core in a while in which nobody asks anything of them."""
    before = [sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids]
    began = time.monotonic()
    time.sleep(seconds)
    lasted = time.monotonic() - began
    after = [sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids]
    return [100 * (b - a) / lasted for a, b in zip(before, after, strict=True)]


@contextmanager
def _worker(
    folder: Path, environ: Mapping[str, str], server: PrefectServer
) -> Iterator[psutil.Process]:
    server.ask("work_pools/", name=_POOL, type="process")
    prefect = str(Path(sys.executable).with_name("prefect"))
    start = [prefect, "worker", "start", "--pool", _POOL, "--type", "process", "--limit", "1"]
    with (folder / "worker.log").open("wb") as log:
        worker = subprocess.Popen(start, cwd=folder, env=environ, stdout=log, stderr=log)
    try:
        yield psutil.Process(worker.pid)
    finally:
        drain(worker.pid)
        worker.wait()


def _deployed(server: PrefectServer, module: str) -> str:
    flow = server.ask("flows/", name="benchmark")
    made = server.ask(
        "deployments/",
        name=_POOL,
        flow_id=flow["id"],
        entrypoint=f"benchmarks.{module}.benchmark",
        work_pool_name=_POOL,
        pull_steps=[],
    )
    return str(made["id"])


def _flow_runs_ended(server: PrefectServer) -> int:
    deployed = {"deployments": {"name": {"any_": [_POOL]}}}
    final = {"flow_runs": {"state": {"type": {"any_": _FINAL}}}}
    return int(server.ask("flow_runs/count", **deployed, **final))


def states(server: PrefectServer, what: str, flow_run: str) -> dict[str, int]:
    """Count the flow runs of a name, or their task runs, by their state."""
    named = {"flow_runs": {"name": {"any_": [flow_run]}}}
    found: Counter[str] = Counter()
    while page := server.ask(f"{what}/filter", offset=found.total(), limit=_PAGE, **named):
        found.update(run["state_type"] for run in page)
    return dict(found)


def ends(folder: Path) -> dict[str, int]:
    """Count the trainings below a folder by how they ended, by their records."""
    return dict(Counter(read_record(path.parent).status for path in folder.rglob(RECORD_FILE)))


def ended(folder: Path) -> int:
    """Count the trainings below a folder that have a record."""
    return sum(1 for _ in folder.rglob(RECORD_FILE))


def written(folder: Path, name: str, matrix: Mapping[str, object]) -> Path:
    """Write an experiment file of this matrix; return its path."""
    file = folder / f"{name}.toml"
    shown = {axis: json.dumps(values) for axis, values in matrix.items()}
    file.write_text(_EXPERIMENT.format(name=name, **shown), encoding="utf-8")
    return file
