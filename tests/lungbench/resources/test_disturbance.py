"""Real processes make the load; the GPU is a stand-in (see tests/conftest.py)."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import psutil
import pynvml
import pytest

from lungbench.record import Resources
from lungbench.resources import nvml
from lungbench.resources.disturbance import Before, Bystander, During, _children_s, look_around

BUSY = "while True: pass"
CPU_STAT = "nr_periods 90\nnr_throttled {periods}\nthrottled_usec {microseconds}\n"

Program = subprocess.Popen[bytes]
Start = Callable[[str], Program]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start programs, and end them afterwards."""
    started: list[Program] = []

    def start_one(program: str) -> Program:
        started.append(subprocess.Popen([sys.executable, "-c", program]))
        return started[-1]

    yield start_one
    for process in started:
        process.kill()
        process.__exit__(None, None, None)


def cpu_s(process: Program) -> float:
    return sum(psutil.Process(process.pid).cpu_times()[:2])


def burnt(process: Program, seconds: float) -> None:
    """Wait until a process has used so much CPU time; the tests' own timeout ends it in vain."""
    end_s = cpu_s(process) + seconds
    while cpu_s(process) < end_s:
        time.sleep(0.01)


def grouped(root: Path, periods: int, microseconds: int) -> Path:
    """Lay out a machine whose control group has held its processes back."""
    for path, text in {
        "proc/self/cgroup": "0::/job\n",
        "proc/self/mountinfo": "30 23 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
        "sys/fs/cgroup/job/cpu.stat": CPU_STAT.format(periods=periods, microseconds=microseconds),
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def test_every_field_is_one_of_the_record() -> None:
    names = {field.name for each in (Before, During) for field in fields(each)}
    assert names <= Resources.model_fields.keys()


def test_a_busy_process_is_seen_before_a_run(start: Start) -> None:
    process = start(BUSY)

    def pause(seconds: float) -> None:
        time.sleep(seconds)
        burnt(process, 0.2)  # however long the kernel takes to give it that: it must be seen

    load = look_around(pause=pause).other_load_before_percent
    assert load is not None
    assert load > 0


def test_a_host_that_seems_busy_is_looked_at_again_for_longer(start: Start) -> None:
    process = start(BUSY)
    asked: list[float] = []

    def pause(seconds: float) -> None:
        asked.append(seconds)
        time.sleep(seconds)
        burnt(process, 0.2)  # so that the glance sees it, however slow this machine is

    look_around(pause=pause)
    assert asked == sorted(set(asked))
    assert len(asked) == 2


def test_a_look_that_was_broken_off_knows_nothing() -> None:
    assert look_around(pause=lambda _: None) == Before()


def test_what_this_process_does_itself_is_no_load_of_others(monkeypatch: Any) -> None:
    busy = iter((100.0, 100.3))
    own = iter((5.0, 5.3))
    clock = iter((0.0, 0.3))
    monkeypatch.setattr("lungbench.resources.disturbance.host_busy_s", lambda: next(busy))
    monkeypatch.setattr("lungbench.resources.disturbance.time.process_time", lambda: next(own))
    monkeypatch.setattr("lungbench.resources.disturbance.time.monotonic", lambda: next(clock))
    load = look_around(pause=lambda _: None).other_load_before_percent
    assert load == pytest.approx(0.0, abs=1e-9)


def test_strangers_and_memory_on_the_selected_gpus_are_seen(
    nvml_stand_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nvml, "numbers_are_the_hosts", lambda: True)
    found = look_around((0, 1), pause=lambda _: None, library=nvml_stand_in(gpus=2))
    assert found.gpu_strangers_before == 2  # the stand-in lists the same two on each GPU
    assert found.gpu_memory_before_bytes == 2 * 2**30


def test_a_gpu_that_tells_nothing_is_not_an_empty_one(nvml_stand_in: Any) -> None:
    lost = pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
    library = nvml_stand_in(failing={"nvmlDeviceGetHandleByIndex": lost})
    assert look_around((0,), pause=lambda _: None, library=library) == Before()


def test_what_this_process_takes_is_counted_against_the_kernels_clock() -> None:
    bystander = Bystander()
    started_s, began = time.process_time(), time.monotonic()
    while time.process_time() < started_s + 0.2:
        pass
    least = 100 * 0.2 / (time.monotonic() - began)
    found = bystander.stop().tool_percent
    assert found is not None
    # what came between the two pairs of clocks is a few calls, not half of what was burnt
    assert found > least / 2


def test_what_other_children_take_is_counted_apart(start: Start) -> None:
    process = start(BUSY)
    bystander = Bystander()
    burnt(process, 0.2)
    found = bystander.stop().server_percent
    assert found is not None
    assert found > 0


def test_a_child_that_was_there_before_counts_only_what_it_took_since(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = start(BUSY)
    # the session's Prefect server is a child of this process as well, and never idle
    monkeypatch.setattr(psutil.Process, "children", lambda *_, **__: [psutil.Process(process.pid)])
    burnt(process, 0.4)
    process.send_signal(signal.SIGSTOP)  # it takes nothing from here on
    while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
        time.sleep(0.01)
    began, bystander = time.monotonic(), Bystander()
    time.sleep(0.05)
    found = bystander.stop().server_percent
    assert found is not None
    # all that it ever took would be 0.4 s; the kernel may still book the last few of its ticks
    assert found / 100 * (time.monotonic() - began) < 0.1


def test_without_other_children_there_is_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lungbench.resources.disturbance._children_s", lambda _: iter(()))
    assert Bystander().stop().server_percent is None


def test_a_training_beside_and_all_below_it_is_no_cost_of_this_tool(start: Start) -> None:
    training = start(f"import subprocess, sys; subprocess.call([sys.executable, '-c', {BUSY!r}])")
    beside = psutil.Process(training.pid)
    while not beside.children():
        time.sleep(0.01)
    [below] = beside.children()
    try:
        assert {beside, below} <= dict(_children_s(())).keys()
        assert not {beside, below} & dict(_children_s({training.pid})).keys()
    finally:
        below.kill()


def test_what_a_quota_held_back_is_the_gain_of_the_groups_clocks(tmp_path: Path) -> None:
    bystander = Bystander(root=grouped(tmp_path, periods=7, microseconds=1_000_000))
    grouped(tmp_path, periods=19, microseconds=3_500_000)
    found = bystander.stop()
    assert found.cgroup_throttled_periods == 12
    assert found.cgroup_throttled_s == pytest.approx(2.5)


def test_a_machine_without_control_groups_knows_of_no_quota(tmp_path: Path) -> None:
    found = Bystander(root=tmp_path).stop()
    assert (found.cgroup_throttled_periods, found.cgroup_throttled_s) == (None, None)
