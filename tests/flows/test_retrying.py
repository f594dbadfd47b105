"""Cancel, retry and wait one's turn, by a real server and worker; the child is a stand-in."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from flows.draining import drain
from lungbench.executions.execution import executions
from lungbench.record import read_record, run_folders

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
STAND_IN = Path(__file__).with_name("stand_in_child.py")

# Python runs this at the start of every process of the worker: its flow runs train by a stand-in,
# and a report, which takes seconds and is tested elsewhere, is a word.
AT_START = f"""
import sys, types
from lungbench.run import child
child.COMMAND = (sys.executable, {str(STAND_IN)!r})
def publish(folder):
    page = folder / "report.html"
    page.write_text("a report")
    return page
sys.modules["reports.publish"] = types.SimpleNamespace(publish=publish)
"""


class Lab:
    """A folder in which a worker runs what a server is asked for."""

    def __init__(self, folder: Path, api: str, environment: dict[str, str]) -> None:
        self.folder, self.api, self.environment = folder, api, environment
        self.waits = folder / "waits"
        self.worker: psutil.Process

    def prefect(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "prefect", *arguments]
        subprocess.run(command, env=self.environment, cwd=self.folder, check=True, timeout=200)

    def ask(self, path: str, **body: Any) -> Any:
        answer = httpx.post(f"{self.api}/{path}", json=body, timeout=30)
        while answer.status_code == 503:  # SQLite's answer while somebody else writes
            time.sleep(0.5)
            answer = httpx.post(f"{self.api}/{path}", json=body, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def begin(self) -> str:
        """Ask for a flow run; return its id when its first training waits after an epoch."""
        self.waits.touch()
        before = len(executions(self.folder / "results"))
        run = self.order()
        wait_for(lambda: len(self.executions) > before and self.epochs())
        return run

    def order(self) -> str:
        """Ask for a flow run; return its id."""
        found = self.ask("deployments/filter")
        deployment = next(each for each in found if each["name"] == "nightly-quick")
        run = self.ask(
            f"deployments/{deployment['id']}/create_flow_run",
            parameters={"file": "tiny.toml"},
            state={"type": "SCHEDULED"},
        )
        return str(run["id"])

    @property
    def executions(self) -> list[Path]:
        return executions(self.folder / "results")

    def epochs(self) -> list[Path]:
        return list(self.executions[-1].glob("runs/*/epochs.jsonl"))

    def trainings(self) -> list[psutil.Process]:
        return [
            process
            for process in psutil.process_iter(["cmdline"])
            if str(self.folder) in (process.info["cmdline"] or [""])[-1]
            and STAND_IN.name in "".join(process.info["cmdline"])
        ]

    def state(self, flow_run: str) -> str:
        return str(self.read(flow_run)["state_type"])

    def read(self, flow_run: str) -> Any:
        return httpx.get(f"{self.api}/flow_runs/{flow_run}", timeout=20).json()

    def statuses(self) -> list[str]:
        return [read_record(folder).status for folder in run_folders(self.executions[-1])]


def wait_for(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def lab(
    tmp_path_factory: pytest.TempPathFactory,
    lab_folder: Path,
    lab_environment: dict[str, str],
    prefect_api: str,
) -> Iterator[Lab]:
    """A lab whose worker waits for runs."""
    folder, start = lab_folder, tmp_path_factory.mktemp("start")
    (start / "sitecustomize.py").write_text(AT_START)
    with (folder / "tiny.toml").open("a") as experiment:
        experiment.write("repeats = 2\n")
    environment = lab_environment | {
        "PWD": str(folder),
        "PREFECT_API_URL": prefect_api,
        "STAND_IN_WAITS": str(folder / "waits"),
    }
    found = Lab(folder, prefect_api, environment)
    found.prefect("work-pool", "create", "lungbench", "--type", "process", "--overwrite")
    found.prefect("--no-prompt", "deploy", "--all")
    limit = [sys.executable, "-m", "flows.queues"]
    subprocess.run(limit, env=environment, cwd=ROOT, check=True, timeout=100)
    path = os.pathsep.join(filter(None, (str(start), environment.get("PYTHONPATH"))))
    with (folder / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "prefect", "worker", "start", "--pool", "lungbench"],
            env=environment | {"PYTHONPATH": path},
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    found.worker = psutil.Process(worker.pid)
    try:
        yield found
    finally:
        drain(worker.pid)
        worker.wait(60)


def test_a_cancel_ends_the_training_and_a_retry_goes_on_in_its_folder(lab: Lab) -> None:
    flow_run = lab.begin()
    assert lab.trainings()
    lab.prefect("flow-run", "cancel", flow_run)
    wait_for(lambda: not lab.trainings())
    wait_for(lambda: lab.state(flow_run) == "CANCELLED")
    wait_for(lambda: lab.statuses() == ["interrupted"] * 2)
    [execution] = lab.executions

    lab.waits.unlink()
    lab.prefect("flow-run", "retry", flow_run)
    wait_for(lambda: lab.state(flow_run) == "COMPLETED")
    assert lab.executions == [execution]
    assert lab.statuses() == ["completed"] * 2


def test_a_retry_after_a_kill_records_what_was_lost_and_goes_on(lab: Lab) -> None:
    flow_run = lab.begin()
    [training] = lab.trainings()
    parent = training.parent()
    assert parent
    parent.kill()
    wait_for(lambda: lab.state(flow_run) == "CRASHED")
    # A worker says so again when its own process has ended, which would end a retry of before that.
    wait_for(lambda: not lab.worker.children())
    time.sleep(3)
    before = lab.executions
    lab.waits.unlink()
    lab.prefect("flow-run", "retry", flow_run)
    wait_for(lambda: lab.state(flow_run) == "COMPLETED")
    assert lab.executions == before
    assert lab.statuses() == ["completed"] * 2


def test_a_run_that_becomes_due_meanwhile_waits_its_turn_without_a_slot_to_renew(lab: Lab) -> None:
    first = lab.begin()
    second = lab.order()
    time.sleep(8)  # four times the worker asks what to begin
    assert lab.state(second) == "SCHEDULED"
    assert lab.read(first)["state"]["state_details"]["deployment_concurrency_lease_id"] is None
    lab.waits.unlink()
    wait_for(lambda: lab.state(second) == "COMPLETED")
    assert lab.state(first) == "COMPLETED"
    ended, began = lab.read(first)["end_time"], lab.read(second)["start_time"]
    assert datetime.fromisoformat(ended) <= datetime.fromisoformat(began)


def test_a_retry_of_a_changed_experiment_begins_anew(lab: Lab) -> None:
    flow_run = lab.begin()
    lab.prefect("flow-run", "cancel", flow_run)
    wait_for(lambda: lab.state(flow_run) == "CANCELLED")
    before = lab.executions
    file = lab.folder / "tiny.toml"
    file.write_text(file.read_text().replace("repeats = 2", "repeats = 1"))
    lab.waits.unlink()
    lab.prefect("flow-run", "retry", flow_run)
    wait_for(lambda: lab.state(flow_run) == "COMPLETED")
    assert len(lab.executions) == len(before) + 1
    assert lab.statuses() == ["completed"]
