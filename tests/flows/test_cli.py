"""The command line as a user types it, in processes of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from lungbench.executions.execution import newest_execution
from lungbench.record import read_record, run_folders

Environment = dict[str, str]
MAIN = "from flows.cli import main; main()"


Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def lungbench(environment: Environment, tmp_path: Path) -> Command:
    """The command in a process of its own, in an empty folder."""

    def run(*arguments: object, code: str = MAIN, **extra: str) -> object:
        return subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            check=False,
            env=environment | extra,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run  # type: ignore[return-value]


def one_line(end: "subprocess.CompletedProcess[str]") -> str:
    """The message of a refusal: a single line, and nothing on stdout."""
    assert end.stdout == ""
    [line] = end.stderr.strip().splitlines()
    assert line.startswith("lungbench: ")
    return line


@pytest.mark.slow
def test_a_run_without_prefect_ends_with_the_path_of_its_report(
    experiment_file: Path, lungbench: Command, tmp_path: Path
) -> None:
    end = lungbench("run", experiment_file, "--no-prefect")
    assert end.returncode == 0, end.stderr
    report = Path(end.stdout.strip())
    assert report.is_relative_to(tmp_path / "results" / "tiny")
    assert "<html" in report.read_text()
    records = [read_record(folder) for folder in run_folders(report.parent)]
    assert [record.status for record in records] == ["completed"] * 2
    for number in (1, 2):
        assert f"[{number}/2]" in end.stderr
        assert end.stderr.count("epoch 1/2") == end.stderr.count("epoch 2/2") == 2

    again = lungbench("report", report.parent, "-o", "again.html")
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "again.html").exists()

    plan = lungbench("plan", experiment_file, "--json")
    lines = json.loads(plan.stdout)
    assert [line["earlier"] for line in lines] == [1, 1]
    assert all(line["expected_s"] > 0 and line["expected_bytes"] > 0 for line in lines)


@pytest.mark.slow
def test_a_failed_run_and_an_absent_gpu_do_not_stop_the_others(
    experiment_file: Path, lungbench: Command, tmp_path: Path
) -> None:
    devices = 'matrix.devices=["gpu:97","cpu:threads=1","cpu"]'
    wild = "train.learning_rate=10"
    end = lungbench(
        "run", experiment_file, "--no-prefect", "--set", devices, "--set", wild,
        "--set", "measure.timeout_s=0.5")  # fmt: skip
    execution = newest_execution(tmp_path / "results")
    statuses = {str(r.spec.device): r.status for r in map(read_record, run_folders(execution))}
    assert statuses == {"gpu:97": "skipped", "cpu:threads=1": "failed", "cpu": "failed"}
    assert end.returncode == 1
    assert (execution / "report.html").exists()
    assert "skipped" in end.stderr
    assert "measure.timeout_s" in end.stderr


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "TERM"])
def test_an_interrupted_run_keeps_its_records_and_leaves_no_process(
    experiment_file: Path, environment: Environment, tmp_path: Path, number: int
) -> None:
    command = [sys.executable, "-c", "from flows.cli import main; main()", "run"]
    arguments = [str(experiment_file), "--no-prefect", "--set", "train.epochs=100000"]
    with subprocess.Popen(
        [*command, *arguments],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        epochs = _first_epoch(tmp_path / "results", process)
        children = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "interrupted" in err
    assert "Traceback" not in err
    assert not [child for child in children if child.is_running()]
    record = read_record(epochs.parent)
    assert record.status == "interrupted"
    assert record.epochs
    assert (newest_execution(tmp_path / "results") / "report.html").exists()


def _first_epoch(results: Path, process: "subprocess.Popen[str]") -> Path:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        for epochs in results.glob("*/*/runs/*/epochs.jsonl"):
            if epochs.read_bytes().count(b"\n"):
                return epochs
        time.sleep(0.1)
    raise TimeoutError("no epoch ended")


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (["--set", "train.epoch=1"], 2, ["train.epoch", "no key"]),
        (["--set", 'matrix.models=["vgg61"]'], 2, ["vgg61", "vgg16"]),
        (["--set", 'name="../up"'], 2, ["name", "../up"]),
        (["--set", 'matrix.devices=["gpu:97"]'], 3, ["gpu:97", "doctor"]),
        (["--data", "nowhere"], 3, ["nowhere"]),
        (["--data", "empty"], 3, ["empty", "sub-folder"]),
        (["--data", "lonely"], 3, ["lonely", "class"]),
        (["--data", "scarce"], 3, ["class one with 1", "at least 3"]),
        (["--data", "no_images"], 3, ["no_images"]),
        (["--results", "a_file"], 3, ["a_file", "--results"]),
        (
            ["--set", 'matrix.models=["vgg16"]', "--set", 'train.weights="none.h5"'],
            3,
            ["none.h5", "imagenet"],
        ),
    ],
)
def test_bad_input_gets_one_line_and_leaves_nothing_behind(
    experiment_file: Path,
    xrays: Path,
    lungbench: Command,
    tmp_path: Path,
    change: list[str],
    code: int,
    words: list[str],
) -> None:
    _bad_folders(tmp_path, xrays)
    before = set(tmp_path.rglob("*"))
    end = lungbench("run", experiment_file, "--no-prefect", *change)
    assert end.returncode == code, end.stderr
    message = one_line(end)
    assert all(word in message for word in words), message
    left = set(tmp_path.rglob("*")) - before
    assert not [path for path in left if path.is_file() and ".cache" not in path.parts], left


def _bad_folders(folder: Path, xrays: Path) -> None:
    (folder / "empty").mkdir()
    (folder / "a_file").write_text("")
    images = sorted(xrays.glob("*/*"))
    for name, classes in (("lonely", ["one"]), ("scarce", ["one", "two"])):
        for label in classes:
            target = folder / name / label
            target.mkdir(parents=True)
            shutil.copy(images[["one", "two"].index(label)], target)
    for label in ("one", "two"):
        (folder / "no_images" / label).mkdir(parents=True)
        (folder / "no_images" / label / "notes.txt").write_text("not an image")


def test_missing_imagenet_weights_are_refused_before_any_training(
    experiment_file: Path, lungbench: Command, tmp_path: Path
) -> None:
    # A proxy that isn't there stands for a network without a way out.
    closed = dict.fromkeys(("https_proxy", "http_proxy", "HTTPS_PROXY"), "http://127.0.0.1:9")
    offline = closed | {"KERAS_HOME": str(tmp_path / "keras")}
    end = lungbench(
        "run", experiment_file, "--no-prefect", "--set", 'matrix.models=["vgg16"]',
        "--set", "train.weights=imagenet", **offline,
    )  # fmt: skip
    assert end.returncode == 3
    message = one_line(end)
    file = tmp_path / "keras" / "models" / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
    assert f"put that file by hand at {file}" in message
    assert not (tmp_path / "results").exists()


def test_the_paper_is_reproduced(lungbench: Command) -> None:
    end = lungbench("paper")
    assert end.returncode == 0
    assert "126 of 126 published figures" in end.stdout
    figures = json.loads(lungbench("paper", "--json").stdout)
    assert len(figures["figures"]) == 126


def test_synthetic_images_are_written_and_inspected(lungbench: Command) -> None:
    options = ("--per-class", "6", "--seed", "3")
    end = lungbench("data", "synthesize", "drawn", *options)
    assert end.returncode == 0, end.stderr
    end = lungbench("data", "inspect", "drawn", "--json")
    assert [each["images"] for each in json.loads(end.stdout)["classes"]] == [6, 6, 6]
    end = lungbench("data", "synthesize", "drawn")
    assert end.returncode == 3
    assert "drawn" in one_line(end)


def test_help_imports_nothing_heavy(lungbench: Command) -> None:
    heavy = ("prefect", "pandas", "numpy", "altair", "keras", "tensorflow", "scipy", "pydantic")
    script = (
        "import sys\nfrom flows.cli import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        f"sys.exit(', '.join(set({heavy}) & set(sys.modules)) or 0)"
    )
    end = lungbench(code=script)
    assert end.returncode == 0, end.stderr


@pytest.mark.parametrize(
    "command", ["run", "resume", "plan", "doctor", "report", "verify", "paper", "data"]
)
def test_every_command_explains_itself(command: str, lungbench: Command) -> None:
    end = lungbench(command, "--help")
    assert end.returncode == 0
    assert "Usage" in end.stdout
