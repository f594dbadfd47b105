"""Rows 14 to 20 and 22: full, broken, read-only and vanishing disks."""

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from fault_disks import read_only, small_disk
from fault_lab import LONG, Lab, Outcome, images, wait_for
from fault_points import Plan
from fault_suite import SECOND, Suite, all_done, end_of, one_clear_line
from fault_tally import Fault

from lungbench.data.images_csv import IMAGES_FILE
from lungbench.data.prepare import prepare
from lungbench.files import sha256_of
from lungbench.job import EPOCHS_FILE
from lungbench.record import RECORD_FILE, RunRecord, read_record
from lungbench.settings import DataSettings
from lungbench.training.checkpoint import CHECKPOINT_FILE

tiny_and_long_real = pytest.mark.parametrize(
    "child", ["tiny", pytest.param("real", marks=pytest.mark.long)], indirect=True
)
KIB = 2**10


def kind(record: RunRecord) -> tuple[str, str | None]:
    return record.status, record.reason.kind if record.reason else None


def held_at(lab: Lab, run_dir: Path, point: str, signs: Path) -> Any:
    """Begin a training that waits at a point."""
    flight = lab.begin(run_dir, Plan(at={point: f"wait={signs}"}))
    wait_for((signs / "reached").exists)
    return flight


@pytest.mark.fault(14)
@tiny_and_long_real
def test_a_checkpoint_that_finds_no_room_leaves_the_one_before(
    lab: Lab, whole: Any, tmp_path: Path, fault: Fault
) -> None:
    expected = whole(256 * KIB)
    with small_disk(tmp_path / "disk", size_mib=64) as disk, fault.trial():
        run_dir = disk.folder / "run"
        plan = Plan(at={"epoch:1": f"wait={tmp_path}"}, state_bytes=256 * KIB)
        flight = lab.begin(run_dir, plan)
        wait_for((tmp_path / "reached").exists)
        disk.fill(leave_bytes=64 * KIB)
        (tmp_path / "go").touch()
        record = flight.record()
        assert kind(record) == ("failed", "disk_full")
        assert record.reason
        assert "MB must be written; the one before is kept" in record.reason.message
        assert "MB free" in record.reason.message
        assert record == read_record(run_dir)
        assert lab.committed(run_dir, 256 * KIB) == (1, 0)
        disk.free()
        lab.finish(run_dir, expected, Plan(state_bytes=256 * KIB))


@pytest.mark.fault(14)
@tiny_and_long_real
def test_an_epochs_line_that_finds_no_room_fails_the_run_and_no_more(
    lab: Lab, whole: Any, tmp_path: Path, fault: Fault
) -> None:
    expected = whole()
    with small_disk(tmp_path / "disk", size_mib=64) as disk, fault.trial():
        run_dir = disk.folder / "run"
        flight = held_at(lab, run_dir, "batch:2", tmp_path)
        disk.fill()
        (tmp_path / "go").touch()
        ended = flight.ended()
        disk.free()
        if isinstance(ended, BaseException):  # not even the record found room
            assert isinstance(ended, OSError)
            assert ended.errno == errno.ENOSPC
            assert not (run_dir / RECORD_FILE).exists()
        else:
            assert kind(ended) == ("failed", "disk_full"), ended.reason
        assert (run_dir / EPOCHS_FILE).read_bytes() == b""
        lab.finish(run_dir, expected)


@pytest.mark.fault(14)
@tiny_and_long_real
def test_a_record_that_finds_no_room_does_not_lose_a_finished_training(
    lab: Lab, whole: Any, tmp_path: Path, fault: Fault
) -> None:
    expected = whole()
    with small_disk(tmp_path / "disk", size_mib=64) as disk, fault.trial():
        run_dir = disk.folder / "run"
        flight = held_at(lab, run_dir, "said", tmp_path)
        disk.fill()
        (tmp_path / "go").touch()
        ended = flight.ended()
        assert isinstance(ended, OSError)
        assert ended.errno == errno.ENOSPC
        assert not (run_dir / RECORD_FILE).exists()
        assert lab.committed(run_dir) == (3, 0)
        disk.free()
        lab.finish(run_dir, expected)


@pytest.mark.fault(14)
def test_a_suite_on_a_full_disk_ends_in_a_line_and_goes_on_when_there_is_room(
    xrays: Path, whole_suite: dict[str, Outcome], tmp_path: Path, fault: Fault
) -> None:
    with small_disk(tmp_path / "disk", inodes=2000) as disk, fault.trial():
        suite = Suite(tmp_path / "suite", xrays)
        suite.results = disk.folder / "results"
        process = suite.held("epoch:1")
        disk.fill()
        suite.let_go()
        ended = end_of(process)
        assert ended.code == 1
        disk.free()
        one_clear_line(ended, 1, "No space left")
        all_done(suite, suite.do("resume"), whole_suite)


@pytest.mark.fault(14)
def test_a_report_that_finds_no_room_is_one_line(
    finished: Suite, whole_suite: dict[str, Outcome], tmp_path: Path, fault: Fault
) -> None:
    suite = finished
    with small_disk(tmp_path / "disk") as disk, fault.trial():
        disk.fill()
        one_clear_line(suite.do("report", suite.execution, "-o", disk.folder / "r.html"), 1)
        assert suite.outcomes == whole_suite
        assert not list(disk.folder.glob("*.html*"))
        disk.free()
        if LONG:
            assert suite.do("report", suite.execution, "-o", disk.folder / "r.html").code == 0


@pytest.mark.fault(15)
@tiny_and_long_real
@pytest.mark.parametrize("call", ["write", "fsync", pytest.param("rename", marks=pytest.mark.long)])
def test_a_disk_that_fails_under_a_checkpoint_leaves_the_one_before(
    lab: Lab, whole: Any, tmp_path: Path, fault: Fault, call: str
) -> None:
    expected = whole()
    with fault.trial():
        fault.by("EIO raised in place of the call, beside the kernel's by strace")
        _fails_under_a_checkpoint(lab, expected, tmp_path / "run", "EIO", call)


@pytest.mark.fault(16)
@pytest.mark.parametrize("call", ["write", pytest.param("fsync", marks=pytest.mark.long)])
def test_a_quota_that_is_used_up_leaves_the_checkpoint_before(
    lab: Lab, whole: Any, tmp_path: Path, fault: Fault, call: str
) -> None:
    expected = whole()
    with fault.trial():
        fault.by("EDQUOT raised in place of the call, beside the kernel's by strace")
        _fails_under_a_checkpoint(lab, expected, tmp_path / "run", "EDQUOT", call)


# The first call of each kind that isn't the first checkpoint's: the tiny one is written in eight
# parts (header, six arrays, hash), synced with its folder, and renamed; a real one in more parts.
_SECOND = {"write": 9, "fsync": 3, "rename": 2}


def _fails_under_a_checkpoint(
    lab: Lab, expected: Outcome, run_dir: Path, code: str, call: str
) -> None:
    plan = {"fail": code, "on": call, "from": _SECOND[call], "match": "/checkpoint"}
    record = lab.launch(run_dir, Plan(calls=plan))
    assert kind(record) == ("failed", "disk_full" if code == "EDQUOT" else "error"), record.reason
    assert record.reason
    assert "the one before is kept" in record.reason.message
    assert lab.committed(run_dir) == (None if lab.real and call == "write" else (1, 0))
    lab.finish(run_dir, expected)


@pytest.mark.parametrize(
    ("code", "call"),
    [
        pytest.param("EIO", "write", marks=pytest.mark.fault(15)),
        pytest.param("EIO", "fsync", marks=[pytest.mark.fault(15), pytest.mark.long]),
        pytest.param("EDQUOT", "write", marks=pytest.mark.fault(16)),
    ],
)
def test_an_error_of_the_kernels_fails_the_run_and_loses_nothing(
    strace: str, lab: Lab, whole: Any, tmp_path: Path, fault: Fault, code: str, call: str
) -> None:
    expected, plain = whole(), lab.command
    with fault.trial():
        # every call from the seventh on; before are the ones of the first epoch
        tracing = (strace, "-f", "-qq", "-o", str(tmp_path / "calls"))
        injected = f"inject={call}:error={code}:when=7+"
        lab.command = (*tracing, "-e", f"trace={call}", "-e", injected, *plain)
        run_dir = tmp_path / "run"
        record = lab.launch(run_dir)
        assert record.status == "failed"
        assert record.reason
        lab.committed(run_dir)
        lab.command = plain
        lab.finish(run_dir, expected)


@pytest.mark.fault(17)
def test_a_read_only_data_folder_is_all_that_a_suite_needs(
    xrays: Path, whole_suite: dict[str, Outcome], tmp_path: Path, fault: Fault
) -> None:
    with read_only(xrays, tmp_path / "read only") as source, fault.trial():
        with pytest.raises(OSError, match="Read-only"):
            (source / "x").touch()
        suite = Suite(tmp_path / "suite", source)
        if LONG:
            suite.killed()
        all_done(suite, suite.do("resume" if LONG else "run"), whole_suite)


@pytest.mark.fault(18)
def test_a_read_only_output_folder_is_refused(
    interrupted: Suite, whole_suite: dict[str, Outcome], tmp_path: Path, fault: Fault
) -> None:
    suite = interrupted
    before = sha256_of(suite.run_dir() / CHECKPOINT_FILE)
    with read_only(suite.results, tmp_path / "read only") as results:
        with fault.trial():
            one_clear_line(suite.do("run", "--results", results), 3, "must be writable")
        with fault.trial():
            one_clear_line(suite.do("resume", results), 3, "must be writable")
    assert sha256_of(suite.run_dir() / CHECKPOINT_FILE) == before
    if LONG:
        all_done(suite, suite.do("resume"), whole_suite)


@pytest.mark.fault(19)
def test_a_disk_without_inodes_leaves_the_checkpoint(
    lab: Lab, whole: Any, tmp_path: Path, fault: Fault
) -> None:
    expected = whole()
    with small_disk(tmp_path / "disk", inodes=40) as disk, fault.trial():
        run_dir = disk.folder / "run"
        flight = held_at(lab, run_dir, "epoch:1", tmp_path)
        disk.use_up_inodes()
        (tmp_path / "go").touch()
        ended = flight.ended()
        assert isinstance(ended, OSError)  # neither does the record find one
        assert ended.errno == errno.ENOSPC
        log = (run_dir / "log.txt").read_text()
        assert "disk_full: A checkpoint" in log
        assert "MB and no inode free in" in log
        assert lab.committed(run_dir) == (1, 0)
        disk.free()
        lab.finish(run_dir, expected)


@pytest.mark.fault(20)
def test_an_output_folder_removed_during_a_run_ends_that_run(
    lab: Lab, whole: Any, tmp_path: Path, fault: Fault
) -> None:
    expected = whole()
    with fault.trial():
        run_dir = tmp_path / "run"
        flight = held_at(lab, run_dir, "batch:5", tmp_path)
        shutil.rmtree(run_dir)
        (tmp_path / "go").touch()
        ended = flight.ended()
        assert isinstance(ended, OSError) or ended.status == "failed"
        lab.finish(run_dir, expected)


@pytest.mark.fault(20)
@pytest.mark.long
def test_a_suite_whose_output_folder_is_removed_ends_in_a_line(suite: Suite, fault: Fault) -> None:
    with fault.trial():
        process = suite.held()
        shutil.rmtree(suite.execution)
        suite.let_go()
        one_clear_line(end_of(process), 1, "No such file or directory")


@pytest.mark.fault(20)
def test_a_suites_other_runs_go_on_when_the_folder_of_one_is_removed(
    suite: Suite, whole_suite: dict[str, Outcome], fault: Fault
) -> None:
    with fault.trial():
        process = suite.held()
        shutil.rmtree(suite.run_dir())
        suite.let_go()
        ended = end_of(process)
        assert ended.code == 1
        assert "Traceback" not in ended.err
        [line] = [line for line in ended.err.splitlines() if "not recorded: " in line]
        assert line.endswith(f"{suite.run_dir()} (No such file or directory)"), line
        assert not suite.run_dir().exists()
        assert read_record(suite.run_dir(SECOND)).status == "completed"
        assert (suite.execution / "report.html").is_file()
        all_done(suite, suite.do("resume"), whole_suite)


@pytest.mark.fault(22)
def test_an_image_that_fails_while_it_is_read_is_named_and_left_out(
    tmp_path: Path, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, real = images(tmp_path / "xrays", per_class=40), os.read
    broken = (source / "normal" / "3.png").stat().st_ino

    def failing(handle: int, size: int) -> bytes:
        if os.fstat(handle).st_ino == broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(handle, size)

    fault.by("EIO raised in place of the read, beside the kernel's by strace")
    with fault.trial():
        monkeypatch.setattr(os, "read", failing)
        settings = DataSettings(source=str(source), image_size=32)
        data = prepare(settings, cache=tmp_path / "cache", out=tmp_path / "out")
        assert (data.images_found, data.images_skipped) == (120, 1)
        is_named(tmp_path / "out" / IMAGES_FILE)


def is_named(table: Path) -> None:
    """Assert that the broken image has its row, with the system's words."""
    [row] = [row for row in table.read_text().splitlines() if "normal/3.png" in row]
    assert os.strerror(errno.EIO).lower() in row.lower(), row


@pytest.mark.fault(22)
@pytest.mark.long
def test_an_image_that_cannot_be_read_is_named_and_left_out(
    strace: str, tmp_path: Path, fault: Fault
) -> None:
    source = images(tmp_path / "xrays", per_class=40)
    broken = source / "normal" / "3.png"
    suite = Suite(tmp_path / "suite", source)
    with fault.trial():
        tracing = (strace, "-f", "-qq", "-o", str(tmp_path / "calls"), "-P", str(broken))
        injected = ("-e", "trace=read,pread64", "-e", "inject=read,pread64:error=EIO")
        ended = suite.do("run", program=(*tracing, *injected))
        assert ended.code == 0, ended
        is_named(suite.execution / IMAGES_FILE)
        assert [record.status for record in suite.records] == ["completed"] * 2
