"""Trainings of one suite on several devices: real processes, a stand-in child, stand-in GPUs."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from waiting import wait_for

from lungbench.executions.execution import newest_execution
from lungbench.executions.verify import verify
from lungbench.record import RunRecord, read_record, run_folders
from reports.summaries.summary import write_summary

Start = Callable[..., "subprocess.Popen[str]"]

TWO_GPUS = """
from lungbench.record import Gpu
from lungbench.resources.nvml import Nvml
Nvml.describe = lambda self: (Gpu(index=0, uuid="GPU-a"), Gpu(index=1, uuid="GPU-b"))
"""
DEVICES = ("cpu", "cpu:threads=1", "gpu:0", "gpu:1")


@pytest.fixture
def start(
    lungbench_with_stand_in: list[str],
    environment: dict[str, str],
    experiment_file: Path,
    tmp_path: Path,
    waits: Path,
) -> Start:
    """Start a suite on the processors and two GPUs."""
    *python, program = lungbench_with_stand_in

    def start(*settings: str, plainly: bool = True, **variables: str) -> "subprocess.Popen[str]":
        devices = f"matrix.devices={json.dumps(DEVICES)}"
        options = [word for each in (devices, *settings) for word in ("--set", each)]
        plain = ["--no-prefect"] if plainly else []
        return subprocess.Popen(
            [*python, TWO_GPUS + program, "run", str(experiment_file), *plain, *options],
            env=environment | {"STAND_IN_WAITS": str(waits)} | variables,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def training(folder: Path) -> set[str]:
    """The devices on which a run has begun and not ended."""
    begun = folder.glob("results/*/*/runs/*/epochs.jsonl")
    return {
        path.parent.name.split("-")[1]
        for path in begun
        if not (path.parent / "record.json").exists()
    }


def end_of(process: "subprocess.Popen[str]") -> tuple[int, str]:
    _, err = process.communicate(timeout=120)
    return process.returncode, err


def records(folder: Path) -> list[RunRecord]:
    execution = newest_execution(folder / "results")
    return [read_record(run_dir) for run_dir in run_folders(execution)]


def beside(record: RunRecord) -> int | None:
    return record.resources.trainings_beside if record.resources else None


def test_different_devices_train_at_once_and_the_processors_one_after_the_other(
    start: Start, waits: Path, tmp_path: Path
) -> None:
    with start('measure.exclusive="device"') as process:
        wait_for(lambda: len(training(tmp_path)) == 3, process)
        time.sleep(1.5)  # three looks of a fourth one at its lock, if it had its turn
        assert training(tmp_path) == {"cpu", "gpu.0", "gpu.1"}
        waits.unlink()
        code, err = end_of(process)
    assert code == 0, err
    found = {str(record.spec.device): record for record in records(tmp_path)}
    assert [found[device].status for device in DEVICES] == ["completed"] * 4
    assert [beside(found[device]) for device in ("cpu", "gpu:0", "gpu:1")] == [2, 2, 2]
    ended = found["cpu"].started.timestamp() + (found["cpu"].timing.wall_s or 0)  # type: ignore[union-attr]
    assert found["cpu:threads=1"].started.timestamp() >= ended
    # each has its line, however they overlapped
    lines = err.splitlines()
    for number, device in enumerate(DEVICES, 1):
        title = f"[{number}/4] cnn10 on {device} #1"
        assert next(line for line in lines if line.startswith(title)) == f"{title}: started"
    # and the hashes of all are listed, though three wrote the list at once
    execution = newest_execution(tmp_path / "results")
    assert not [each for each in verify(execution).findings if each.is_damage]
    guards = {each.name: each for each in write_summary(execution).guards}
    assert guards["Trainings at once on a host"].status == "warn"


def test_no_training_overlaps_another_unless_that_is_asked_for(
    start: Start, waits: Path, tmp_path: Path
) -> None:
    with start() as process:
        wait_for(lambda: training(tmp_path), process)
        time.sleep(1.5)
        assert training(tmp_path) == {"cpu"}
        waits.unlink()
        code, err = end_of(process)
    assert code == 0, err
    assert not any(map(beside, records(tmp_path)))


def test_a_stop_ends_all_that_train_and_records_the_rest(start: Start, tmp_path: Path) -> None:
    with start('measure.exclusive="device"', "matrix.repeats=2") as process:
        wait_for(lambda: len(training(tmp_path)) == 3, process)
        family = psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid, signal.SIGINT)
        code, err = end_of(process)
    assert code == 130, err
    assert "Traceback" not in err
    assert not [child for child in family if child.is_running()]
    assert [record.status for record in records(tmp_path)] == ["interrupted"] * 8


def test_a_second_stop_leaves_no_training_behind(start: Start, tmp_path: Path) -> None:
    with start('measure.exclusive="device"', "measure.grace_s=3600") as process:
        wait_for(lambda: len(training(tmp_path)) == 3, process)
        family = psutil.Process(process.pid).children(recursive=True)
        for child in family:
            child.suspend()  # it doesn't obey the first one
        os.kill(process.pid, signal.SIGINT)
        time.sleep(1)
        os.kill(process.pid, signal.SIGINT)
        process.communicate(timeout=30)
        for child in family:
            child.resume()
    assert process.returncode != 0
    assert not psutil.wait_procs(family, timeout=30)[1]


@pytest.mark.slow
def test_with_prefect_it_is_the_same(
    start: Start, waits: Path, tmp_path: Path, prefect_api: str
) -> None:
    here = {"PREFECT_API_URL": prefect_api}
    with start('measure.exclusive="device"', plainly=False, **here) as process:
        wait_for(lambda: len(training(tmp_path)) == 3, process)
        time.sleep(1.5)
        assert training(tmp_path) == {"cpu", "gpu.0", "gpu.1"}
        waits.unlink()
        code, err = end_of(process)
    assert code == 0, err
    assert [record.status for record in records(tmp_path)] == ["completed"] * 4
