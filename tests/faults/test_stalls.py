"""Rows 9 to 13, 23 and 30: a training stands still, hangs, has no memory, or no reliable clock."""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fault_lab import LONG, Lab, Outcome, sampled, wait_for
from fault_points import Plan
from fault_tally import Fault

from lungbench.job import HEARTBEAT_FILE
from lungbench.record import RunRecord

tiny_and_long_real = pytest.mark.parametrize(
    "child", ["tiny", pytest.param("real", marks=pytest.mark.long)], indirect=True
)
STOPPED_S = 60.0 if LONG else 2.0
MIB = 2**20
# Numpy brings a process to 135 MiB of addresses, Keras with TensorFlow to 1643, their thread pools
# to 2070, a first step of cnn10 to 2877 (VmPeak); a training may end with 2600.
LIMITS = {
    "tiny": {"imports": 60 * MIB, "threads": 110 * MIB, "training": 700 * MIB},
    "real": {"imports": 900 * MIB, "threads": 1850 * MIB, "training": 4096 * MIB},
}


def out_of_memory(record: RunRecord) -> None:
    """Assert that a run gives its one reason, with what was held and what there was."""
    assert kind(record) == ("failed", "out_of_memory"), record.reason
    assert record.reason
    assert re.search(r"held .+ of [\d.]+ GB at", record.reason.message)


def kind(record: RunRecord) -> tuple[str, str | None]:
    return record.status, record.reason.kind if record.reason else None


@pytest.mark.fault(9)
@tiny_and_long_real
def test_a_stopped_training_goes_on_when_it_is_let(
    lab: Lab, whole: Any, tmp_path: Path, fault: Fault
) -> None:
    expected = whole()
    with fault.trial():
        run_dir = tmp_path / "run"
        flight = lab.begin(run_dir, Plan(batch_s=0.1), stall_s=STOPPED_S + 300)
        wait_for((run_dir / HEARTBEAT_FILE).exists)
        child = flight.child()
        child.suspend()
        time.sleep(STOPPED_S)
        child.resume()
        assert flight.record().status == "completed"
        assert Outcome.of(run_dir) == expected


@pytest.mark.fault(9)
@tiny_and_long_real
def test_a_training_that_stays_stopped_is_ended_and_the_reason_says_so(
    lab: Lab, whole: Any, tmp_path: Path, fault: Fault
) -> None:
    with fault.trial():
        run_dir = tmp_path / "run"
        flight = lab.begin(run_dir, Plan(at={"batch:5": f"wait={tmp_path}"}), stall_s=1.0)
        wait_for((tmp_path / "reached").exists)
        flight.child().suspend()
        record = flight.record()
        assert kind(record) == ("failed", "stalled")
        assert record.reason
        assert record.reason.message.endswith("a signal had stopped its process.")
        assert lab.committed(run_dir) == (1, 0)
        lab.finish(run_dir, whole())


@pytest.mark.fault(10)
@tiny_and_long_real
def test_a_training_that_hangs_at_exit_has_its_result(
    lab: Lab, whole: Any, tmp_path: Path, fault: Fault
) -> None:
    expected = whole()
    with fault.trial():
        run_dir = tmp_path / "run"
        record = lab.launch(run_dir, Plan(at={"said": "hang"}), exit_s=0.5)
        assert kind(record) == ("completed", None)
        assert Outcome.of(run_dir) == expected


@pytest.mark.fault(11)
@tiny_and_long_real
@pytest.mark.parametrize("point", ["start", pytest.param("built", marks=pytest.mark.long)])
def test_a_training_that_hangs_at_its_start_is_ended(
    lab: Lab, whole: Any, tmp_path: Path, fault: Fault, point: str
) -> None:
    with fault.trial():
        run_dir = tmp_path / "run"
        lab.launch(run_dir, Plan(at={"batch:5": "kill"}))
        record = lab.launch(run_dir, Plan(at={point: "hang"}), start_s=2.0)
        assert kind(record) == ("failed", "stalled")
        assert lab.committed(run_dir) is not None
        assert record.reason
        assert "since the start for longer than measure.start_s = 2 s" in record.reason.message
        lab.finish(run_dir, whole())


@pytest.fixture
def memory_cgroup() -> Iterator[Path]:
    """A control group with 160 MiB of memory."""
    parent = Path("/sys/fs/cgroup/memory")
    name, limit = "memory.limit_in_bytes", parent / f"faults-{os.getpid()}"
    if not (parent / name).exists():
        parent, name = Path("/sys/fs/cgroup"), "memory.max"
        limit = parent / f"faults-{os.getpid()}"
    try:
        limit.mkdir()
        (limit / name).write_text(str(160 * MIB))
    except OSError as error:
        if limit.is_dir():
            limit.rmdir()
        pytest.skip(f"no control group can be made here ({error.strerror})")
    yield limit
    wait_for(lambda: not (limit / "cgroup.procs").read_text())
    limit.rmdir()


@pytest.mark.fault(12)
def test_a_training_killed_by_its_memory_cgroup_is_out_of_memory(
    memory_cgroup: Path, lab: Lab, whole: Any, tmp_path: Path, fault: Fault
) -> None:
    with fault.trial():
        run_dir = tmp_path / "run"
        hungry = Plan(at={"batch:5": f"fill={400 * MIB}"}, memory_cgroup=str(memory_cgroup))
        record = lab.launch(run_dir, hungry)
        assert lab.committed(run_dir) == (1, 0)
        out_of_memory(record)
        lab.finish(run_dir, whole())


@pytest.mark.fault(13)
@tiny_and_long_real
@pytest.mark.parametrize("limit", ["imports", "threads", "training"])
def test_a_training_without_addresses_is_out_of_memory(
    lab: Lab, whole: Any, tmp_path: Path, fault: Fault, limit: str, child: str
) -> None:
    with fault.trial():
        run_dir = tmp_path / "run"
        if LONG:
            lab.launch(run_dir, Plan(at={"batch:5": "kill"}))
        at = {"batch:6": f"fill={4096 * MIB}"} if limit == "training" else {}
        record = lab.launch(run_dir, Plan(at=at, address_space_bytes=LIMITS[child][limit]))
        assert (lab.committed(run_dir) is not None) == (LONG or limit == "training")
        out_of_memory(record)
        lab.finish(run_dir, whole())


@pytest.mark.fault(13)
@pytest.mark.parametrize(
    "deed",
    [
        "raise=MemoryError:",
        "raise=RuntimeError:OOM when allocating tensor with shape[64,64]",
        "abort=terminate called after throwing an instance of 'std::bad_alloc'",
        "abort=ImportError: x.so: failed to map segment from shared object",
    ],
)
def test_every_face_of_too_little_memory_gives_one_reason(
    lab: Lab, whole: Any, tmp_path: Path, fault: Fault, deed: str
) -> None:
    with fault.trial():
        run_dir = tmp_path / "run"
        record = lab.launch(run_dir, Plan(at={"batch:5": deed}))
        out_of_memory(record)
        assert lab.committed(run_dir) == (1, 0)
        if LONG:
            lab.finish(run_dir, whole())


@pytest.mark.fault(23)
@tiny_and_long_real
def test_a_training_on_a_slow_disk_comes_to_its_end(
    lab: Lab, whole: Any, tmp_path: Path, fault: Fault
) -> None:
    expected = whole()
    with fault.trial():
        fault.by("a delay before every write, fsync and rename")
        run_dir, delay_s = tmp_path / "run", 0.5 if LONG else 0.02
        record = lab.launch(run_dir, Plan(calls={"delay_s": delay_s}), stall_s=60)
        assert kind(record) == ("completed", None)
        assert Outcome.of(run_dir) == expected


@pytest.mark.fault(23)
@pytest.mark.long
def test_a_training_on_a_disk_that_the_kernel_slows_down_comes_to_its_end(
    strace: str, lab: Lab, whole: Any, tmp_path: Path, fault: Fault
) -> None:
    expected = whole()
    with fault.trial():
        slowly = "inject=fsync,rename:delay_enter=100ms"
        tracing = (strace, "-f", "-qq", "-o", str(tmp_path / "calls"))
        lab.command = (*tracing, "-e", "trace=fsync,rename", "-e", slowly, *lab.command)
        run_dir = tmp_path / "run"
        assert kind(lab.launch(run_dir, stall_s=60)) == ("completed", None)
        assert Outcome.of(run_dir) == expected


@pytest.mark.fault(30)
def test_a_date_that_jumps_by_an_hour_changes_nothing(
    lab: Lab, whole: Any, tmp_path: Path, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, real, jumps = whole(), time.time, [3600.0, -3600.0]

    def jumping() -> float:
        jumps.append(jumps.pop(0))
        return real() + jumps[0]

    for direction in sampled((1, -1), 1):
        with fault.trial():
            fault.by("time.time of parent and child, and the heartbeat's time of change")
            run_dir = tmp_path / f"run {direction}"
            monkeypatch.setattr(time, "time", jumping)
            plan = Plan(at={"batch:5": "kill"}, batch_s=0.1, clock_jumps_s=direction * 3600.0)
            killed = lab.launch(run_dir, plan, stall_s=2.0, timeout_s=60, exit_s=5)
            assert kind(killed) == ("failed", "signal")
            plan = Plan(batch_s=0.1, clock_jumps_s=-direction * 3600.0)
            record = lab.launch(run_dir, plan, stall_s=2.0, timeout_s=60, exit_s=5)
            monkeypatch.setattr(time, "time", real)
            assert record.status == "completed", record.reason
            assert Outcome.of(run_dir) == expected
            assert record.timing
            assert 0 < record.timing.wall_s < 600
            assert all(0 <= epoch.train_s < 600 for epoch in record.epochs)
