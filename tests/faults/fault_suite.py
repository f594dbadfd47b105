"""Whole commands in their own processes, their trainings tiny."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fault_lab import HERE, Outcome, wait_for
from fault_points import Plan

from lungbench.executions.execution import newest_execution
from lungbench.record import RunRecord, read_record, run_folders

EXPERIMENT = """
name = "faults"
[data]
source = "{source}"
image_size = 32
[train]
epochs = 3
batch_size = 4
weights = "none"
[matrix]
models = ["cnn10"]
devices = ["cpu:threads=1", "cpu"]
"""
THREE_MODELS = 'models = ["cnn10", "vgg16", "mobilenetv2"]\ndevices = ["cpu:threads=1"]\n'
FIRST, SECOND = (
    "cnn10-cpu.t1-float32-tensorflow-cached-r1",
    "cnn10-cpu-float32-tensorflow-cached-r1",
)


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


class Suite:
    """A folder with an experiment of two runs, in which commands are given.

    Args:
        folder: Where it lies.
        source: The images.
        prefect: The address of a Prefect server; None takes the steps without Prefect.
        variables: Of the commands' environment.
    """

    def __init__(
        self, folder: Path, source: Path, prefect: str | None = None, **variables: str
    ) -> None:
        folder.mkdir(exist_ok=True)
        self._variables = variables
        self.folder, self.results, self.prefect = folder, folder / "results", prefect
        self.file = folder / "faults.toml"
        self.file.write_text(EXPERIMENT.format(source=source))

    def start(
        self,
        command: str,
        *arguments: object,
        plan: Plan | None = None,
        parent: dict[str, Any] | None = None,
        program: tuple[str, ...] = (),
        **variables: str,
    ) -> "subprocess.Popen[str]":
        """Start a command; `run` and `resume` get the experiment and their options."""
        given = [str(each) for each in arguments]
        if command == "run":
            results = [] if "--results" in given else ["--results", str(self.results)]
            given = [str(self.file), *results, *given]
        elif command == "resume" and not given:
            given = [str(self.execution)]
        if command in ("run", "resume") and not self.prefect:
            given.append("--no-prefect")
        server = {"PREFECT_API_URL": self.prefect} if self.prefect else {}
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT")}
        return subprocess.Popen(
            [*program, sys.executable, str(HERE / "tiny_suite.py"), command, *given],
            cwd=self.folder,
            env=inherited
            | server
            | {"PREFECT_HOME": str(self.folder / "prefect")}
            | (plan or Plan()).environ()
            | {"PARENT_PLAN": json.dumps(parent)}
            | self._variables
            | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def do(self, command: str, *arguments: object, **how: Any) -> Ended:
        """Give a command and wait for its end."""
        return end_of(self.start(command, *arguments, **how))

    @property
    def execution(self) -> Path:
        return newest_execution(self.results)

    def run_dir(self, run_id: str = FIRST) -> Path:
        return self.execution / "runs" / run_id

    @property
    def records(self) -> list[RunRecord]:
        return [read_record(folder) for folder in run_folders(self.execution)]

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """What the runs computed, by their names."""
        return {folder.name: Outcome.of(folder) for folder in run_folders(self.execution)}

    def killed(self, point: str = "batch:5", number: int = signal.SIGKILL) -> Path:
        """Kill a run's own process while the first training waits at a point."""
        if not (self.folder / "reached").exists():
            self.held(point)
        self._holding.send_signal(number)
        self._holding.communicate()
        (self.folder / "reached").unlink()
        return self.execution

    def held(
        self, point: str = "batch:5", command: str = "run", only: str = FIRST, **more: Any
    ) -> "subprocess.Popen[str]":
        """Start a command whose trainings wait at a point, each until `let_go`.

        Args:
            point: Where.
            command: What is started.
            only: The part of a run's name to which this is confined.
            more: Other parts of the trainings' plan.
        """
        plan = Plan(at={point: f"wait={self.folder}", **more.pop("at", {})}, only=only, **more)
        self._holding = self.start(command, plan=plan)
        self.wait_until_held()
        return self._holding

    def wait_until_held(self) -> None:
        """Wait until a training is at its point."""
        reached = self.folder / "reached"
        wait_for(lambda: reached.exists() or self._holding.poll() is not None)
        assert self._holding.poll() is None, end_of(self._holding)

    def let_go(self) -> None:
        (self.folder / "go").touch()
        wait_for(lambda: not (self.folder / "go").exists())


def end_of(process: "subprocess.Popen[str]") -> Ended:
    """Wait for a command's end."""
    try:
        out, err = process.communicate(timeout=300)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return Ended(process.returncode, out, err)


def one_clear_line(ended: Ended, code: int, *words: str) -> None:
    """Assert that a command failed with a line for a person, and no more than that."""
    assert ended.code == code, ended
    assert "Traceback" not in ended.err, ended.err
    last = ended.err.strip().splitlines()[-1]
    assert last.startswith("lungbench: "), ended.err
    for word in words:
        assert word in last, last


def all_done(suite: Suite, ended: Ended, whole: dict[str, Outcome]) -> None:
    """Assert that a suite has completed, and equals the uninterrupted one."""
    assert ended.code == 0, ended
    assert "Traceback" not in ended.err, ended.err
    assert {record.status for record in suite.records} == {"completed"}
    assert suite.outcomes == whole
    assert (suite.execution / "report.html").is_file()
