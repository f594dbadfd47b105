"""Rows 1 to 5 and 8: a training is killed wherever it can be, or asked to end, and goes on."""

import ctypes
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from fault_lab import (
    LONG,
    TINY,
    Forks,
    Lab,
    Outcome,
    asked,
    children_of,
    sampled,
    spec_of,
    wait_for,
)
from fault_points import Plan
from fault_tally import Fault

from lungbench.job import HEARTBEAT_FILE
from lungbench.record import RunRecord, read_record
from lungbench.run.child import Child

tiny_and_long_real = pytest.mark.parametrize(
    "child", ["tiny", pytest.param("real", marks=pytest.mark.long)], indirect=True
)


def reason(record: RunRecord) -> tuple[str, str | None]:
    return record.status, record.reason.kind if record.reason else None


@pytest.mark.fault(1)
def test_a_training_killed_at_every_batch_loses_an_epoch_at_most(
    lab: Lab, forks: Forks, whole: Any, tmp_path: Path, fault: Fault
) -> None:
    lab.spec = spec_of(epochs=60 if LONG else 3, batch_size=1)
    expected, run_dir = whole(), asked(lab, tmp_path / "run")
    for batch in range(1, lab.spec.epochs * lab.steps + 1):
        with fault.trial():
            assert forks.train(run_dir, Plan(at={f"batch:{batch}": "kill"})) == -signal.SIGKILL
            # all but the epoch that was under way is kept
            assert (lab.committed(run_dir) or (0, 0)) == ((batch - 1) // lab.steps, 0)
    assert forks.train(run_dir, Plan()) == 0
    assert Outcome.of(run_dir) == expected


@pytest.mark.fault(1)
@tiny_and_long_real
def test_a_killed_training_is_recorded_and_goes_on(
    lab: Lab, whole: Any, tmp_path: Path, fault: Fault
) -> None:
    expected = whole()
    for batch in sampled([2, 4, 5, 8], 2):
        with fault.trial():
            run_dir = tmp_path / f"killed at {batch}"
            killed = lab.launch(run_dir, Plan(at={f"batch:{batch}": "kill"}))
            assert reason(killed) == ("failed", "signal")
            assert killed.reason
            assert "SIGKILL" in killed.reason.message
            assert killed == read_record(run_dir)
            kept = lab.committed(run_dir)
            assert kept == (None if batch <= 3 else ((batch - 1) // 3, 0))
            record = lab.finish(run_dir, expected)
            assert (record.resumption is None) == (kept is None)
            assert record.timing
            assert record.timing.resumed == (kept is not None)
            parts = [part or 0.0 for part in record.timing.ledger.model_dump().values()]
            assert sum(parts) == pytest.approx(record.timing.wall_s)
            assert min(parts[:-1]) >= 0


@pytest.mark.fault(2)
def test_a_kill_inside_a_checkpoints_write_leaves_the_one_before_or_the_new_one(
    lab: Lab, forks: Forks, whole: Any, tmp_path: Path, fault: Fault
) -> None:
    drawn = random.Random(2)
    wanted, size = (150, 2**23) if LONG else (2, 2**20)
    plan = Plan(every="batch", state_bytes=size)
    expected, run_dir, inside, place = whole(size), asked(lab, tmp_path / "run"), 0, (0, 0)
    while inside < wanted:
        with fault.trial():
            reached = _killed_later(forks, run_dir, plan, drawn.uniform(0, 0.2))
            left = list(run_dir.glob("checkpoint/.*.tmp"))
            now = lab.committed(run_dir, size) or (0, 0)
            assert now >= place
            inside, place = inside + bool(left), now
            for each in left:
                each.unlink()
        if reached:  # it came to its end before the kill
            assert Outcome.of(run_dir) == expected
            shutil.rmtree(run_dir)
            asked(lab, run_dir)
            place = (0, 0)
    lab.finish(run_dir, expected, plan)


def _killed_later(forks: Forks, run_dir: Path, plan: Plan, delay_s: float) -> bool:
    """Kill a training some time after its first batch; return whether it ended before that."""
    heart = run_dir / HEARTBEAT_FILE
    heart.unlink(missing_ok=True)
    pid = forks.begin(run_dir, plan)
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        wait_for(lambda: list(run_dir.glob("checkpoint/.*.tmp")) or not process.is_running())
        time.sleep(delay_s)
        process.kill()
    return forks.code() == 0


@pytest.mark.fault(3)
@pytest.mark.parametrize("half", [False, True], ids=["before", "midway"])
def test_a_kill_at_every_call_loses_nothing_that_was_committed(
    lab: Lab, forks: Forks, whole: Any, tmp_path: Path, fault: Fault, half: bool
) -> None:
    expected, count = whole(), tmp_path / "count"
    counted = Plan(every="batch", calls={"count": str(count)})
    assert forks.train(asked(lab, tmp_path / "counted"), counted) == 0
    for number in sampled(range(1, int(count.read_text()) + 1), 10):
        with fault.trial():
            run_dir = asked(lab, tmp_path / str(number))
            killing = Plan(every="batch", calls={"kill": number, "half": half})
            assert forks.train(run_dir, killing) == -signal.SIGKILL
            lab.committed(run_dir)
            assert forks.train(run_dir, Plan(every="batch")) == 0
            assert Outcome.of(run_dir) == expected
            shutil.rmtree(run_dir)


@pytest.mark.fault(3)
def test_a_kill_at_every_call_of_the_kernel_loses_nothing_that_was_committed(
    strace: str, lab: Lab, whole: Any, tmp_path: Path, fault: Fault
) -> None:
    expected, log = whole(), tmp_path / "calls"
    variables = os.environ | Plan().environ()

    def trained(run_dir: Path, *options: str) -> int:
        tracing = [strace, "-f", "-qq", "-o", str(log), *options]
        command = [*tracing, sys.executable, str(TINY), str(run_dir)]
        return subprocess.run(command, env=variables, check=False, capture_output=True).returncode

    assert trained(asked(lab, tmp_path / "counted"), "-e", "trace=write,fsync,rename") == 0
    calls = re.findall(r"^\d+ +(write|fsync|rename)\(", log.read_text(), re.MULTILINE)
    for call in ("write", "fsync", "rename"):
        every = range(1, calls.count(call) + 1)
        for number in every if LONG else (len(every) // 2 + 1,):
            with fault.trial():
                run_dir = asked(lab, tmp_path / f"{call} {number}")
                killing = f"inject={call}:signal=KILL:when={number}"
                code = trained(run_dir, "-e", f"trace={call}", "-e", killing)
                assert code == -signal.SIGKILL
                lab.committed(run_dir)
                lab.finish(run_dir, expected)
                shutil.rmtree(run_dir)


@pytest.mark.fault(4)
@tiny_and_long_real
def test_a_kill_between_the_last_checkpoint_and_the_record_costs_no_epoch(
    lab: Lab, whole: Any, tmp_path: Path, fault: Fault
) -> None:
    expected = whole()
    for point in sampled(("epoch:3", "fitted", "predicted", "saved", "said"), 2):
        with fault.trial():
            run_dir = tmp_path / point
            killed = lab.launch(run_dir, Plan(at={point: "kill"}))
            assert reason(killed) == ("failed", "signal")
            assert lab.committed(run_dir) == (3, 0)
            record = lab.finish(run_dir, expected)
            assert record.resumption
            assert {epoch.attempt for epoch in record.epochs} == {1}


@pytest.mark.fault(5)
@tiny_and_long_real
def test_a_training_that_is_asked_to_end_finishes_its_batch_and_checkpoints(
    lab: Lab, whole: Any, tmp_path: Path, fault: Fault
) -> None:
    with fault.trial():
        run_dir, flight, child = _held_at_a_batch(lab, tmp_path)
        child.terminate()
        _release(tmp_path)
        record = flight.record()
        assert reason(record) == ("interrupted", "signal")
        assert lab.committed(run_dir) == (1, 2)
        record = lab.finish(run_dir, whole())
        assert record.resumption
        assert (record.resumption.epochs, record.resumption.batches) == (1, 2)


@pytest.mark.fault(5)
@tiny_and_long_real
def test_a_training_that_is_asked_twice_ends_at_once(
    lab: Lab, whole: Any, tmp_path: Path, fault: Fault
) -> None:
    with fault.trial():
        run_dir, flight, child = _held_at_a_batch(lab, tmp_path)
        child.terminate()
        wait_for(lambda: not _catches(child.pid, signal.SIGTERM))
        child.terminate()
        record = flight.record()
        assert reason(record) == ("failed", "signal")
        assert record.reason
        assert "SIGTERM" in record.reason.message
        assert lab.committed(run_dir) == (1, 0)
        lab.finish(run_dir, whole())


@pytest.mark.fault(5)
@pytest.mark.parametrize("times", [1, pytest.param(2, marks=pytest.mark.long)])
def test_what_ctrl_c_means_for_a_training_is_its_parents_to_decide(
    lab: Lab, whole: Any, tmp_path: Path, fault: Fault, times: int
) -> None:
    with fault.trial():
        run_dir, flight, child = _held_at_a_batch(lab, tmp_path)
        for _ in range(times):
            child.send_signal(signal.SIGINT)
            time.sleep(0.1)
        _release(tmp_path)
        assert flight.record().status == "completed"
        assert Outcome.of(run_dir) == whole()


def _held_at_a_batch(lab: Lab, tmp_path: Path) -> tuple[Path, Any, psutil.Process]:
    """Begin a training that waits after the first batch of its second epoch."""
    run_dir = tmp_path / "run"
    flight = lab.begin(run_dir, Plan(at={"batch:4": f"wait={tmp_path}"}), grace_s=60)
    wait_for((tmp_path / "reached").exists)
    return run_dir, flight, flight.child()


def _release(tmp_path: Path) -> None:
    (tmp_path / "go").touch()


def _catches(pid: int, number: signal.Signals) -> bool:
    """Return whether a process has a handler for a signal."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    caught = next(line.split()[1] for line in lines if line.startswith("SigCgt"))
    return bool(int(caught, 16) >> (number - 1) & 1)


@pytest.mark.fault(8)
def test_the_end_of_the_thread_that_started_it_does_not_end_a_training(
    lab: Lab, whole: Any, tmp_path: Path, fault: Fault
) -> None:
    expected = whole()
    with fault.trial():
        run_dir, started = asked(lab, tmp_path / "run"), list[Child]()
        plan = Plan(batch_s=0.05).environ()
        starting = threading.Thread(
            target=lambda: started.append(Child(run_dir, plan, command=lab.command))
        )
        starting.start()
        starting.join()  # here PR_SET_PDEATHSIG would end the child
        assert started[0].wait(300) == 0
        started[0].close()
        assert Outcome.of(run_dir) == expected


@pytest.mark.fault(8)
def test_a_task_thread_that_dies_takes_its_training_along(
    lab: Lab, whole: Any, tmp_path: Path, fault: Fault
) -> None:
    with fault.trial():
        run_dir = tmp_path / "run"
        flight = lab.begin(run_dir, Plan(at={"batch:5": "spawn"}, batch_s=0.5))
        wait_for(lambda: len(flight.child().children()) == 1)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(flight.thread_id), ctypes.py_object(SystemExit)
        )
        assert isinstance(flight.ended(), SystemExit)
        assert not children_of(run_dir)
        assert lab.committed(run_dir) is not None
        lab.finish(run_dir, whole())
