"""The flow against real Prefect servers: one that was started, and the embedded one."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from prefect_server import ask
from waiting import wait_for

from lungbench.executions.execution import newest_execution
from lungbench.record import RunRecord, read_record, run_folders

Environment = dict[str, str]

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-c", "from flows.cli import main; main()", "run"]
# A GPU that isn't there, and a training that ends well.
DEVICES = '["gpu:97", "cpu:threads=1"]'


def run(*arguments: object, environment: Environment, folder: Path) -> Any:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        check=False,
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=400,
    )


def records(results: Path) -> list[RunRecord]:
    return [read_record(folder) for folder in run_folders(newest_execution(results))]


def flow_runs(api: str) -> list[Any]:
    return list(ask(api, "flow_runs/filter", sort="EXPECTED_START_TIME_DESC"))


def task_runs(api: str, flow_run: Any) -> dict[str, Any]:
    runs = ask(api, "task_runs/filter", flow_runs={"id": {"any_": [flow_run["id"]]}})
    return {each["name"]: each for each in runs}


def artifacts(api: str, flow_run: Any) -> list[Any]:
    return list(ask(api, "artifacts/filter", flow_runs={"id": {"any_": [flow_run["id"]]}}))


def test_work_pools_are_imported_by_experiments_that_name_hosts_alone() -> None:
    program = (
        "import sys, flows.scheduled; ours = ('flows.pool', 'lungbench.delivery')\n"
        "print([name for name in sys.modules if name.startswith(ours)])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=200
    )
    assert ended.stdout == "[]\n"


def test_with_a_server_every_training_is_a_task_and_every_epoch_an_artifacts_update(
    prefect_api: str, experiment_file: Path, environment: Environment, tmp_path: Path
) -> None:
    end = run(
        experiment_file, "--set", f"matrix.devices={DEVICES}",
        environment=environment | {"PREFECT_API_URL": prefect_api}, folder=tmp_path,
    )  # fmt: skip
    assert end.returncode == 0, end.stderr
    assert Path(end.stdout.strip()).is_file()

    [flow_run, *_] = flow_runs(prefect_api)
    assert flow_run["state_type"] == "COMPLETED"
    assert flow_run["name"] == "tiny"
    tasks = task_runs(prefect_api, flow_run)
    states = {name: task["state_name"] for name, task in tasks.items()}
    assert states == {
        "prepare": "Completed",
        "train cnn10 on gpu:97 #1": "Skipped",
        "train cnn10 on cpu:threads=1 #1": "Completed",
        "report": "Completed",
    }

    shown = {each["key"]: each for each in artifacts(prefect_api, flow_run)}
    training = shown["tiny-train-cnn10-cpu-t1-float32-tensorflow-cached-r1"]
    assert training["data"] == 100.0
    assert "completed, epoch 2 of 2" in training["description"]
    assert training["task_run_id"] == tasks["train cnn10 on cpu:threads=1 #1"]["id"]
    assert "skipped" in shown["tiny-train-cnn10-gpu-97-float32-tensorflow-cached-r1"]["description"]
    assert shown["tiny-trainings"]["description"] == "2 of 2 done: 1 skipped, 1 completed"
    page = shown["tiny-report"]["data"]
    assert end.stdout.strip() in page
    assert "| 10-layer CNN on cpu:threads=1 |" in page

    logs = ask(prefect_api, "logs/filter", logs={"flow_run_id": {"any_": [flow_run["id"]]}})
    messages = [log["message"] for log in logs]
    assert any("cnn10@cpu:threads=1" in each and "epoch 1/2" in each for each in messages)


def test_the_flow_is_failed_if_a_training_failed_and_the_report_is_written_all_the_same(
    prefect_api: str, experiment_file: Path, environment: Environment, tmp_path: Path
) -> None:
    end = run(
        experiment_file, "--set", "measure.timeout_s=0.5",
        environment=environment | {"PREFECT_API_URL": prefect_api}, folder=tmp_path,
    )  # fmt: skip
    assert end.returncode == 1, end.stderr
    assert "Traceback" not in end.stderr
    assert Path(end.stdout.strip()).is_file()
    [flow_run, *_] = flow_runs(prefect_api)
    assert flow_run["state_type"] == "FAILED"
    assert "2 of 2 trainings failed" in ask_state(prefect_api, flow_run)


def ask_state(api: str, flow_run: Any) -> str:
    return str(httpx.get(f"{api}/flow_runs/{flow_run['id']}").json()["state"]["message"])


def test_without_a_server_prefect_starts_its_own(
    experiment_file: Path, environment: Environment, tmp_path: Path
) -> None:
    end = run(
        experiment_file, "--set", 'matrix.devices=["cpu:threads=1"]',
        environment=environment, folder=tmp_path,
    )  # fmt: skip
    assert end.returncode == 0, end.stderr
    assert [record.status for record in records(tmp_path / "results")] == ["completed"]
    # Title, start, two epochs, end, trust.
    assert len(end.stderr.splitlines()) == 6, end.stderr


def test_a_server_that_does_not_answer_is_one_line(
    experiment_file: Path, environment: Environment, tmp_path: Path
) -> None:
    nobody = {"PREFECT_API_URL": "http://127.0.0.1:9/api"}
    end = run(experiment_file, environment=environment | nobody, folder=tmp_path)
    assert end.returncode == 1
    assert "Traceback" not in end.stderr
    assert "--no-prefect" in end.stderr.splitlines()[-1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "TERM"])
def test_stopping_the_flow_ends_its_training_and_keeps_the_record(
    prefect_api: str,
    experiment_file: Path,
    environment: Environment,
    tmp_path: Path,
    number: signal.Signals,
) -> None:
    with subprocess.Popen(
        [*COMMAND, str(experiment_file), "--set", "train.epochs=100000"],
        env=environment | {"PREFECT_API_URL": prefect_api},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        wait_for(lambda: any(tmp_path.glob("results/*/*/runs/*/epochs.jsonl")))
        children = psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid, number)
        _, err = process.communicate(timeout=90)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert not [child for child in children if child.is_running()]
    assert {record.status for record in records(tmp_path / "results")} == {"interrupted"}
    assert (newest_execution(tmp_path / "results") / "report.html").exists()


def test_two_commands_at_once_take_turns(
    lungbench_with_stand_in: list[str],
    experiment_file: Path,
    environment: Environment,
    tmp_path: Path,
) -> None:
    waits = tmp_path / "waits"
    waits.touch()
    arguments = ["run", str(experiment_file), "--no-prefect", "--set", 'matrix.devices=["cpu"]']
    both, logs = [], [tmp_path / "one.txt", tmp_path / "two.txt"]
    for log in logs:
        with log.open("w") as err:
            command = [*lungbench_with_stand_in, *arguments, "--results", log.stem]
            both.append(
                subprocess.Popen(
                    command,
                    env=environment | {"STAND_IN_WAITS": str(waits)},
                    cwd=tmp_path,
                    stderr=err,
                    stdout=subprocess.DEVNULL,
                )
            )
    words = "waiting for this host, held by cnn10 on cpu #1"
    try:
        wait_for(lambda: any(words in log.read_text() for log in logs))
    finally:
        waits.unlink()
        codes = [process.wait(300) for process in both]
    errors = [log.read_text() for log in logs]
    assert codes == [0, 0], errors
    assert sum(words in each for each in errors) == 1
    [one], [two] = records(tmp_path / "one"), records(tmp_path / "two")
    first, second = sorted((trained(one, tmp_path), trained(two, tmp_path)))
    assert first[1] <= second[0]


def trained(record: RunRecord, folder: Path) -> tuple[float, float]:
    """When a run's child lived, by the clock of the file system."""
    folders = folder.glob(f"*/*/*/runs/{record.run_id}")
    [run_dir] = [path for path in folders if read_record(path) == record]
    ended = (run_dir / "training.json").stat().st_mtime
    assert record.timing is not None
    return ended - record.timing.wall_s, ended
