"""A lab: a folder in which a real worker runs what a real server is asked for.

The child that would train is `stand_in_child.py`.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
from prefect_server import ask, client_of
from waiting import wait_for

from flows.draining import drain
from lungbench.executions.execution import executions
from lungbench.record import RunRecord, read_record, run_folders

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
    """What a lab's people ask of its server, and what they find in its folder.

    Args:
        folder: It holds `prefect.yaml` and the experiment `tiny.toml`.
        api: The server's address.
        environment: Of all its processes.
    """

    def __init__(self, folder: Path, api: str, environment: dict[str, str]) -> None:
        self.folder, self.api = folder, api
        self.waits = folder / "waits"
        self.environment = environment | {
            "PWD": str(folder),
            "PREFECT_API_URL": api,
            "STAND_IN_WAITS": str(self.waits),
        }
        self._worker: subprocess.Popen[bytes]
        self.worker: psutil.Process

    def open(self, start: Path) -> None:
        """Deploy what there is and start a worker, whose Pythons begin with a file in `start`."""
        (start / "sitecustomize.py").write_text(AT_START)
        self.prefect("work-pool", "create", "lungbench", "--type", "process", "--overwrite")
        self.prefect("--no-prompt", "deploy", "--all")
        limit = [sys.executable, "-m", "flows.queues"]
        subprocess.run(limit, env=self.environment, cwd=ROOT, check=True, timeout=100)
        path = os.pathsep.join(filter(None, (str(start), self.environment.get("PYTHONPATH"))))
        with (self.folder / "worker.log").open("wb") as log:
            self._worker = subprocess.Popen(
                [sys.executable, "-m", "prefect", "worker", "start", "--pool", "lungbench"],
                env=self.environment | {"PYTHONPATH": path},
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        self.worker = psutil.Process(self._worker.pid)

    def close(self) -> None:
        """End the worker in order."""
        drain(self._worker.pid)
        self._worker.wait(60)

    def prefect(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "prefect", *arguments]
        subprocess.run(command, env=self.environment, cwd=self.folder, check=True, timeout=200)

    def ask(self, path: str, **body: Any) -> Any:
        return ask(self.api, path, **body)

    def begin(self) -> str:
        """Ask for a flow run; return its id when its first training waits after an epoch."""
        self.waits.touch()
        before = len(self.executions)
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
        with client_of(self.api) as client:
            return client.get(f"flow_runs/{flow_run}").raise_for_status().json()

    def artifacts(self, flow_run: str) -> set[tuple[str, str]]:
        """Return the key and the description of each artifact of a flow run."""
        found = self.ask("artifacts/filter", artifacts={"flow_run_id": {"any_": [flow_run]}})
        return {(each["key"], each["description"]) for each in found}

    def records(self) -> list[RunRecord]:
        return [read_record(folder) for folder in run_folders(self.executions[-1])]

    def statuses(self) -> list[str]:
        return [record.status for record in self.records()]
