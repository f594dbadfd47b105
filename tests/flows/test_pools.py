"""Several hosts: a real Prefect server, and workers with separate homes that stand for hosts.

The hosts train with a stand-in for the training child; queues, locks, deliveries, kills and the
report are real. A file holds a host's trainings back, so that what is at once is seen to be.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from flows.training import FLOW_NAME
from lungbench.data.synthetic import synthesize
from lungbench.executions.execution import executions
from lungbench.executions.verify import verify
from lungbench.record import RunRecord, read_record, run_folders

HERE = Path(__file__).parent
POOLS = ("one-lab", "two-lab", "three-lab")

pytestmark = pytest.mark.slow

# Each takes minutes of several hosts' processes; `make faults` has time for them.
LONG = pytest.mark.skipif(os.environ.get("FAULTS") != "long", reason="the long form has it")

PARENT = """
from flows.suite import configure_prefect
configure_prefect()
import flows.pools, flows.pool_proofs
flows.pools.POLL_S = flows.pool_proofs._LOOK_S = 1.0
from flows.cli import main
main()
"""
# `lost_after_s`: an engine's first sign of life takes 5 s, and many on a machine with other work.
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
lost_after_s = 60
deadline_s = {deadline_s}
"""


class Host:
    """A worker whose home, cache and locks no other shares."""

    def __init__(self, pool: str, api: str, folder: Path, **extra: str) -> None:
        self.pool, self.folder, self.held = pool, folder, folder / "held"
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
                [*command, "--type", "process"], env=self.environ, stdout=log, stderr=log
            )

    def engines(self) -> list[psutil.Process]:
        assert self.process is not None
        return psutil.Process(self.process.pid).children()

    def kill(self) -> None:
        """Take the power away."""
        assert self.process is not None
        worker = psutil.Process(self.process.pid)
        for each in (worker, *worker.children(recursive=True)):
            each.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def training(self) -> list[Path]:
        """The runs that have begun here and not ended."""
        begun = self.folder.glob("lungbench/*/*/runs/*/epochs.jsonl")
        return [path.parent for path in begun if not (path.parent / "record.json").exists()]


@pytest.fixture(scope="module")
def hosts(
    prefect_api: str, s3: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Host]]:
    """Three hosts, one in each pool; the third has other images."""
    flow = httpx.post(f"{prefect_api}/flows/", json={"name": FLOW_NAME}).json()
    for pool in POOLS:
        httpx.post(f"{prefect_api}/work_pools/", json={"name": pool, "type": "process"})
        made = httpx.post(
            f"{prefect_api}/deployments/",
            json={
                "name": pool,
                "flow_id": flow["id"],
                "entrypoint": "stand_in_host.train_on_host",
                "work_pool_name": pool,
                "pull_steps": [],
            },
        )
        assert made.is_success, made.text
    folder = tmp_path_factory.mktemp("hosts")
    synthesize(folder / "others", 10, 7)
    extra = [s3, s3, s3 | {"LUNGBENCH_SOURCE": str(folder / "others")}]
    found = [
        Host(pool, prefect_api, folder / pool, **more)
        for pool, more in zip(POOLS, extra, strict=True)
    ]
    yield found
    for host in found:
        host.stop()


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

    def flow_states(self) -> list[str]:
        """The states of all flow runs that train for this execution."""
        name = f"hosts/{self.execution.name}"
        runs = httpx.post(
            f"{self.api}/flow_runs/filter", json={"flow_runs": {"tags": {"all_": [name]}}}
        ).json()
        return sorted(run["state_type"] for run in runs)

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


@pytest.fixture
def parent(tmp_path: Path, xrays: Path, prefect_api: str, s3: dict[str, str]) -> Iterator[Parent]:
    found = Parent(tmp_path, xrays, prefect_api, s3)
    yield found
    found.stop()


def wait_for(condition: Callable[[], Any], seconds: float = 300) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.2)
    raise TimeoutError


def wait_while_it_lives(process: "subprocess.Popen[str]", condition: Callable[[], Any]) -> None:
    wait_for(lambda: process.poll() is not None or condition())
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


def test_trainings_of_two_hosts_overlap_those_of_one_never_and_one_report_holds_all(
    parent: Parent, hosts: list[Host]
) -> None:
    one, two, _ = hosts
    serve(one, two)
    hold(one, two)
    process = parent.run(repeats=2)
    try:
        wait_while_it_lives(process, lambda: one.training() and two.training())
        time.sleep(3)  # three looks of each worker at its queue, in which another could begin
        assert len(one.training()) == len(two.training()) == 1
    finally:
        let_go(one, two)
    code, err = end_of(process)
    assert code == 0, err
    assert [record.status for record in parent.records] == ["completed"] * 4
    assert len({record.data.fingerprint for record in parent.records}) == 1
    assert not [each for each in verify(parent.execution).findings if each.is_damage]
    summary = json.loads((parent.execution / "summary.json").read_text())
    assert summary
    assert (parent.execution / "report.html").stat().st_size > 10_000
    assert set(parent.flow_states()) == {"COMPLETED"}
    assert len(parent.flow_states()) == 6, err  # two proofs and four trainings
    assert not [path for path in (parent.folder / "shared").rglob("*") if path.is_file()]


@LONG
def test_engines_a_host_and_the_reporting_command_are_killed_and_every_run_is_there_in_the_end(
    parent: Parent, hosts: list[Host]
) -> None:
    one, two, _ = hosts
    serve(one, two)
    hold(one, two)
    process = parent.run()
    try:
        wait_while_it_lives(process, lambda: one.training() and two.training())
        [engine] = one.engines()
        engine.kill()
        wait_for(lambda: [each.pid for each in one.engines()] not in ([], [engine.pid]))
        two.kill()
        process.kill()
        process.wait()
    finally:
        let_go(one, two)
    two.start()
    code, err = end_of(parent.resume())
    assert code == 0, err
    assert [record.status for record in parent.records] == ["completed"] * 2
    # The proofs of both commands and what was ordered anew; the first attempts of the engine and
    # of the host that were killed are no longer Running.
    assert Counter(parent.flow_states()) == {"COMPLETED": 6, "CRASHED": 2}
    assert (parent.execution / "report.html").exists()


@LONG
def test_a_host_that_never_comes_back_is_given_up_at_the_deadline(
    parent: Parent, hosts: list[Host]
) -> None:
    one, two, _ = hosts
    serve(one, two)
    hold(two)
    process = parent.run(deadline_s=12)
    try:
        wait_while_it_lives(process, two.training)
        two.kill()
        code, err = end_of(process)
    finally:
        let_go(two)
        two.start()
    assert code == 130, err
    ended = {str(record.spec.device): record for record in parent.records}
    assert ended["cpu"].status == "completed"
    lost = ended["cpu:threads=1"]
    assert lost.status == "interrupted"
    assert lost.reason is not None
    assert lost.reason.kind == "lost"
    assert "delivery.deadline_s = 12 s" in lost.reason.message
    assert (parent.execution / "report.html").exists()
    assert not {"RUNNING", "PENDING", "SCHEDULED"} & set(parent.flow_states())


def test_a_host_with_other_images_is_refused_before_anything_starts(
    parent: Parent, hosts: list[Host]
) -> None:
    serve(hosts[0], hosts[2])
    code, err = end_of(parent.run(other="three-lab"))
    assert code == 3, err
    last = err.splitlines()[-1]
    assert "three-lab: Every host must train on the same images" in last
    assert "Traceback" not in err
    assert not executions(parent.folder / "results")


def test_results_come_back_through_a_store(
    parent: Parent, hosts: list[Host], s3: dict[str, str]
) -> None:
    serve(hosts[1])
    code, err = end_of(parent.run(location="s3://lab/runs", devices=("cpu:threads=1",)))
    assert code == 0, err
    assert [record.status for record in parent.records] == ["completed"]
    assert not [each for each in verify(parent.execution).findings if each.is_damage]


@LONG
def test_ctrl_c_ends_the_trainings_of_other_hosts(parent: Parent, hosts: list[Host]) -> None:
    one, *_ = hosts
    serve(one)
    hold(one)
    process = parent.run(devices=("cpu",))
    try:
        wait_while_it_lives(process, one.training)
        process.send_signal(signal.SIGINT)
        code, err = end_of(process)
    finally:
        let_go(one)
    assert code == 130, err
    assert [record.status for record in parent.records] == ["interrupted"]
    assert not {"RUNNING", "PENDING", "SCHEDULED"} & set(parent.flow_states())


def test_a_pool_that_does_not_exist_is_one_line(parent: Parent) -> None:
    code, err = end_of(parent.run(other="no-lab"))
    assert code == 3, err
    assert "Every work pool of [hosts] must exist. Received: no-lab." in err.splitlines()[-1]
