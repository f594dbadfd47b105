"""What stands for several hosts: workers with homes of their own, and the command that reports.

The hosts train with a stand-in for the training child; queues, locks, deliveries, kills and the
report are real. A file holds a host's trainings back, so that what is at once is seen to be.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
from process_family import family_with
from waiting import wait_for

from flows.pool_server import ENVIRON
from flows.training import FLOW_NAME
from lungbench.executions.execution import executions
from lungbench.record import RunRecord, read_record, run_folders

HERE = Path(__file__).parent

TRAINS = "stand_in_child.py"
"""What the command line of a training process holds."""

PARENT = """
from flows.suite import configure_prefect
configure_prefect()
import flows.pools, flows.pool_proofs
flows.pools.POLL_S = flows.pool_proofs._LOOK_S = 1.0
from flows.cli import main
main()
"""
EXPERIMENT = """
name = "hosts"
[data]
source = "{xrays}"
image_size = 32
[train]
epochs = 2
weights = "none"
[matrix]
models = ["cnn10"]
devices = {devices}
repeats = {repeats}
[hosts]
cpu = "one-lab"
"cpu:threads=1" = "{other}"
[delivery]
location = "{location}"
lost_after_s = {lost_after_s}
deadline_s = {deadline_s}
"""


def make_pool(api: str, pool: str, at_once: int | None = None) -> None:
    """Make a work pool whose hosts train with the stand-in.

    Args:
        api: The server's address.
        pool: The pool's name.
        at_once: Make its queue, for so many trainings at one time; else lungbench does, for one.
    """
    flow = httpx.post(f"{api}/flows/", json={"name": FLOW_NAME}).json()
    deployment = {
        "name": pool,
        "flow_id": flow["id"],
        "entrypoint": "stand_in_host.train_on_host",
        "work_pool_name": pool,
        "pull_steps": [],
        "job_variables": {"env": ENVIRON},
    }
    wanted: list[tuple[str, dict[str, Any]]] = [
        ("work_pools/", {"name": pool, "type": "process"}),
        ("deployments/", deployment),
    ]
    if at_once:
        queue = {"name": "trainings", "concurrency_limit": at_once}
        wanted.append((f"work_pools/{pool}/queues", queue))
    for path, body in wanted:
        made = httpx.post(f"{api}/{path}", json=body, timeout=30)
        assert made.is_success, made.text


LOST_AFTER_S = 60.0
"""An engine's first sign of life takes 5 s, and many on a machine with other work."""

NEVER_LOST_S = 600.0
"""Where no host dies unseen: a flow run that is taken for lost, and then isn't, is one more."""


class Host:
    """A worker whose home, cache and locks no other shares.

    Args:
        pool: Its work pool, which others may serve as well.
        api: The server's address.
        folder: Made for it.
        limit: Flow runs that it takes at one time; None is all.
        extra: More variables of its environment.
    """

    def __init__(
        self, pool: str, api: str, folder: Path, limit: int | None = None, **extra: str
    ) -> None:
        self.pool, self.folder, self.held = pool, folder, folder / "held"
        self._options = () if limit is None else ("--limit", str(limit))
        folder.mkdir()
        (folder / "home").mkdir()
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT")}
        self.environ = inherited | {
            "HOME": str(folder / "home"),
            "LUNGBENCH_HOME": str(folder / "lungbench"),
            "LUNGBENCH_LOCKS": str(folder / "locks"),
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_API_URL": api,
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PREFECT_WORKER_HEARTBEAT_SECONDS": "2",
            "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]),
            "STAND_IN_WAITS": str(self.held),
            **extra,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if self.process is not None and self.process.poll() is None:
            return
        command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", self.pool]
        with (self.folder / "worker.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--type", "process", *self._options],
                env=self.environ,
                stdout=log,
                stderr=log,
            )

    @property
    def worker(self) -> psutil.Process:
        assert self.process is not None
        return psutil.Process(self.process.pid)

    def engines(self) -> list[psutil.Process]:
        """The processes of the flow runs that train here now."""
        return [each for each in self.worker.children() if family_with(TRAINS, each)]

    def children(self) -> list[psutil.Process]:
        """The training processes that are here now."""
        return family_with(TRAINS, self.worker)

    def kill(self) -> None:
        """Take the power away."""
        assert self.process is not None
        for each in (self.worker, *self.worker.children(recursive=True)):
            each.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def training(self) -> list[Path]:
        """The runs that have begun here and not ended."""
        begun = self.folder.glob("lungbench/*/*/runs/*/epochs.jsonl")
        return [path.parent for path in begun if not (path.parent / "record.json").exists()]


class Parent:
    """The command that reports, in a home of its own."""

    def __init__(self, folder: Path, xrays: Path, api: str, s3: dict[str, str]) -> None:
        self.folder, self.xrays, self.api = folder, xrays, api
        self.started: list[subprocess.Popen[str]] = []
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT")}
        self.environ = inherited | s3 | {
            "LUNGBENCH_LOCKS": str(folder / "locks"),
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_API_URL": api,
        }  # fmt: skip

    def run(
        self,
        *,
        location: str | None = None,
        other: str = "two-lab",
        repeats: int = 1,
        deadline_s: float = 600,
        lost_after_s: float = LOST_AFTER_S,
        devices: tuple[str, ...] = ("cpu", "cpu:threads=1"),
    ) -> "subprocess.Popen[str]":
        file = self.folder / "hosts.toml"
        place = location or str(self.folder / "shared")
        file.write_text(
            EXPERIMENT.format(
                xrays=self.xrays,
                devices=json.dumps(devices),
                repeats=repeats,
                other=other,
                location=place,
                deadline_s=deadline_s,
                lost_after_s=lost_after_s,
            )
        )
        return self._start("run", str(file))

    def resume(self) -> "subprocess.Popen[str]":
        return self._start("resume", str(self.execution))

    @property
    def execution(self) -> Path:
        [found] = executions(self.folder / "results")
        return found

    @property
    def records(self) -> list[RunRecord]:
        return [read_record(each) for each in run_folders(self.execution)]

    def flow_states(self) -> Counter[str]:
        """The states of all flow runs of other hosts for this execution."""
        name = f"hosts/{self.execution.name}"
        runs = httpx.post(
            f"{self.api}/flow_runs/filter", json={"flow_runs": {"tags": {"all_": [name]}}}
        ).json()
        return Counter(run["state_type"] for run in runs)

    def _start(self, *arguments: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", PARENT, *arguments],
            env=self.environ,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def stop(self) -> None:
        for process in self.started:
            process.kill()
            process.communicate()


def wait_while_it_lives(process: "subprocess.Popen[str]", condition: Callable[[], Any]) -> None:
    wait_for(lambda: process.poll() is not None or condition(), seconds=300)
    assert process.poll() is None, process.communicate()[1]


def serve(*hosts: Host) -> None:
    for host in hosts:
        host.start()


def hold(*hosts: Host) -> None:
    for host in hosts:
        host.held.touch()


def let_go(*hosts: Host) -> None:
    for host in hosts:
        host.held.unlink(missing_ok=True)


def end_of(process: "subprocess.Popen[str]") -> tuple[int, str]:
    _, err = process.communicate(timeout=400)
    return process.returncode, err
