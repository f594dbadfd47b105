"""Commands that are killed and go on, in real processes; the training child is a stand-in."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest
from waiting import wait_for

from flows.commands import unfinished
from lungbench.data.synthetic import synthesize
from lungbench.executions.execution import EXPERIMENT_FILE, newest_execution
from lungbench.record import read_record, run_folders

EXPERIMENT = """
name = "tiny"
[data]
source = "xrays"
image_size = 32
[train]
epochs = 2
batch_size = 16
weights = "none"
[matrix]
models = ["cnn10"]
devices = ["cpu"]
repeats = 2
"""


class Lab:
    """A folder with an experiment and its images, in which commands are run."""

    def __init__(self, folder: Path, command: list[str], environment: dict[str, str]) -> None:
        self._command = command
        self.folder, self.results = folder, folder / "results"
        self.waits = folder / "waits"
        self._environment = environment | {"STAND_IN_WAITS": str(self.waits)}
        (folder / "tiny.toml").write_text(EXPERIMENT)

    def start(self, *arguments: object) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*self._command, *map(str, arguments)],
            env=self._environment,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: object) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=100)
        assert "Traceback" not in err
        return subprocess.CompletedProcess([], process.returncode, out, err)

    def killed(self) -> Path:
        """Kill a run after the first epoch of its first training; return the execution."""
        with self.begun() as process:
            process.kill()
            process.communicate()
        self.waits.unlink()
        return self.execution

    def begun(self, *command: object) -> "subprocess.Popen[str]":
        """Start a command whose training waits after its first epoch."""
        self.waits.touch()
        process = self.start(*(command or ("run", "tiny.toml", "--no-prefect")))
        wait_for(lambda: bool(self.trainings()) and any(self.epochs()), process)
        return process

    def trainings(self) -> list[psutil.Process]:
        return [
            process
            for process in psutil.process_iter(["cmdline"])
            if str(self.results) in (process.info["cmdline"] or [""])[-1]
        ]

    def epochs(self) -> list[str]:
        paths = self.results.glob("tiny/*/runs/*/epochs.jsonl")
        return [line for path in paths for line in path.read_text().splitlines()]

    @property
    def execution(self) -> Path:
        return newest_execution(self.results)

    def statuses(self) -> list[str]:
        return [read_record(folder).status for folder in run_folders(self.execution)]

    def change(self, **sections: dict[str, Any]) -> None:
        """Change the execution's experiment as a text editor does."""
        path = self.execution / EXPERIMENT_FILE
        values = json.loads(path.read_bytes())
        for section, changes in sections.items():
            values[section] |= changes
        path.write_text(json.dumps(values))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "xrays"
    synthesize(folder, 5, 0)
    return folder


@pytest.fixture
def lab(
    tmp_path: Path,
    images: Path,
    lungbench_with_stand_in: list[str],
    environment: dict[str, str],
) -> Lab:
    shutil.copytree(images, tmp_path / "xrays")
    return Lab(tmp_path, lungbench_with_stand_in, environment)


def one_line(end: "subprocess.CompletedProcess[str]", code: int) -> str:
    assert (end.returncode, end.stdout) == (code, ""), end.stderr
    *others, last = end.stderr.splitlines()
    assert last.startswith("lungbench: ")
    assert not [line for line in others if line.startswith("lungbench: ")]
    return last


def test_a_killed_suite_is_finished_by_resume_and_is_then_whole(lab: Lab) -> None:
    execution = lab.killed()
    assert lab.statuses() == []
    end = lab.run("resume", "results", "--no-prefect")
    assert end.returncode == 0, end.stderr
    assert end.stdout.strip() == str(execution / "report.html")
    assert Path(end.stdout.strip()).exists()
    assert "repaired: " in end.stderr
    assert "runs recorded: cnn10-cpu-float32-tensorflow-cached-r1" in end.stderr
    assert lab.statuses() == ["completed"] * 2
    assert lab.trainings() == []

    again = lab.run("resume", execution, "--no-prefect")
    assert (again.returncode, again.stdout) == (0, end.stdout)
    assert "2 runs, 2 of them complete" in again.stderr
    assert "started" not in again.stderr

    whole = lab.run("verify", "results")
    assert (whole.returncode, whole.stdout) == (0, "")
    assert whole.stderr.endswith("compared with their SHA-256: all as written\n")
    model = next(execution.glob("runs/*/model.keras"))
    model.write_bytes(b"other")
    damaged = lab.run("verify", execution)
    assert damaged.returncode == 1
    [line] = damaged.stdout.splitlines()
    assert line.startswith(f"damaged {model}: its SHA-256 is ")
    assert damaged.stderr.endswith(": 1 damaged or missing\n")
    [finding] = json.loads(lab.run("verify", "results", "--json").stdout)
    assert (finding["kind"], finding["path"]) == ("damaged", str(model.relative_to(execution)))


def test_the_next_run_repairs_what_a_killed_one_left_and_says_how_to_finish_it(lab: Lab) -> None:
    execution = lab.killed()
    end = lab.run("run", "tiny.toml", "--no-prefect")
    assert end.returncode == 0, end.stderr
    records = [read_record(folder) for folder in run_folders(execution)]
    assert [record.status for record in records] == ["interrupted"]
    relative = execution.relative_to(lab.folder)
    assert f"unfinished: {execution}; `lungbench resume {relative}` goes on with it" in end.stderr
    assert unfinished("tiny", lab.results) is None  # the newest one is complete


def test_two_resumes_at_once_are_one(lab: Lab) -> None:
    lab.killed()
    with lab.begun("resume", "results", "--no-prefect") as first:
        second = one_line(lab.run("resume", "results", "--no-prefect"), 3)
        assert f"held by lungbench resume (process {first.pid} on " in second
        lab.waits.unlink()
        _, err = first.communicate(timeout=60)
    assert first.returncode == 0, err
    assert lab.statuses() == ["completed"] * 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "TERM"])
def test_an_interrupted_run_ends_with_what_is_left_and_how_to_go_on(
    lab: Lab, number: signal.Signals
) -> None:
    with lab.begun() as process:
        os.kill(process.pid, number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    *_, left, last = err.splitlines()
    assert left == "done: 0 of 2 runs; left: cnn10 on cpu #1, cnn10 on cpu #2"
    relative = lab.execution.relative_to(lab.folder)
    assert last.startswith("lungbench: The benchmark was interrupted.")
    assert last.endswith(f"`lungbench resume {relative}` goes on with it.")
    assert "cnn10 on cpu #2: " not in err  # it never began
    assert unfinished("tiny", lab.results) == lab.execution


def test_an_execution_that_is_removed_under_a_run_ends_it_in_one_line(lab: Lab) -> None:
    with lab.begun() as process:
        shutil.rmtree(lab.execution)
        lab.waits.unlink()
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, ""), err
    assert "Traceback" not in err
    assert "must stay readable and writable" in err.splitlines()[-1]
    assert lab.trainings() == []


def test_what_was_changed_is_refused_and_what_was_added_or_lost_is_not(lab: Lab) -> None:
    execution = lab.killed()
    assert lab.run("report", execution).returncode == 0
    assert lab.statuses() == ["interrupted"]

    lab.change(train={"batch_size": 32})
    message = one_line(lab.run("resume", execution, "--no-prefect"), 3)
    assert "train.batch_size: 16 in the runs already begun, 32 in experiment.json" in message
    lab.change(train={"batch_size": 16}, matrix={"repeats": 3})

    [one, *_] = (lab.folder / "xrays").glob("*/*")
    one.rename(lab.folder / "aside")
    message = one_line(lab.run("resume", execution, "--no-prefect"), 3)
    assert f"1 removed ({one.relative_to(lab.folder / 'xrays').as_posix()})" in message
    (lab.folder / "aside").rename(one)

    shutil.rmtree(lab.results / ".cache")
    end = lab.run("resume", execution, "--no-prefect")
    assert end.returncode == 0, end.stderr
    assert lab.statuses() == ["completed"] * 3


@pytest.mark.parametrize(
    ("command", "make", "code", "words"),
    [
        ("resume", None, 3, "nowhere"),
        ("verify", None, 3, "nowhere"),
        ("report", None, 3, "nowhere"),
        ("resume", "{}", 2, "nowhere/experiment.json: name is missing"),
    ],
)
def test_bad_input_gets_one_line(
    lab: Lab, command: str, make: str | None, code: int, words: str
) -> None:
    if make is not None:
        (lab.folder / "nowhere").mkdir()
        (lab.folder / "nowhere" / EXPERIMENT_FILE).write_text(make)
    assert words in one_line(lab.run(command, "nowhere"), code)
