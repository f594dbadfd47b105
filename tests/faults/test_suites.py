"""Rows 4, 5, 7, 21, 26 to 29 and 41: whole commands that are killed, doubled or misled."""

import json
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from fault_lab import LONG, Lab, Outcome, images, nothing_left, sampled, wait_for
from fault_points import Plan
from fault_suite import FIRST, SECOND, Suite, all_done, end_of, one_clear_line
from fault_tally import Fault

from lungbench.executions.execution import EXPERIMENT_FILE, executions
from lungbench.executions.repair import repair_all
from lungbench.files import sha256_of
from lungbench.record import RECORD_FILE, read_record
from lungbench.training.checkpoint import CHECKPOINT_FILE, read_checkpoint, write_checkpoint

Whole = dict[str, Outcome]


def interrupted_by_its_death(suite: Suite) -> None:
    """Assert that the next command finds out what has happened."""
    checkpoint = suite.run_dir() / CHECKPOINT_FILE
    before = sha256_of(checkpoint)
    assert [each.runs for each in repair_all(suite.results)] == [(FIRST,)]
    record = read_record(suite.run_dir())
    assert record.reason
    assert (record.status, record.reason.kind) == ("interrupted", "lost")
    assert "ended without a word" in record.reason.message
    assert sha256_of(checkpoint) == before
    assert read_checkpoint(checkpoint).header.batches == 0


KILL = {"kill": 20}  # a call in the middle of the training
BEYOND = {"on": "write", "from": 9, "match": "/checkpoint"}  # the first checkpoint's eight writes
LONG_ONLY = pytest.mark.long
# What is done to the first run of a suite, its reason, and the deadlines that this takes.
HARMS = [
    pytest.param({"at": {"batch:5": "kill"}}, "signal", (), marks=pytest.mark.fault(1)),
    *(
        pytest.param(plan, kind, limits, marks=[pytest.mark.fault(row), LONG_ONLY])
        for row, plan, kind, limits in (
            (3, {"calls": KILL}, "signal", ()),
            (4, {"at": {"said": "kill"}}, "signal", ()),
            (9, {"at": {"batch:5": "stop"}}, "stalled", ("measure.stall_s=3",)),
            (11, {"at": {"start": "hang"}}, "stalled", ("measure.start_s=8",)),
            (13, {"at": {"batch:5": "raise=MemoryError:"}}, "out_of_memory", ()),
            (14, {"calls": BEYOND | {"fail": "ENOSPC"}}, "disk_full", ()),
            (15, {"calls": BEYOND | {"fail": "EIO"}}, "error", ()),
            (16, {"calls": BEYOND | {"fail": "EDQUOT"}}, "disk_full", ()),
            (24, {"calls": {"match": "epochs.jsonl", "kill": 5, "half": True}}, "signal", ()),
            (38, {"at": {"batch:5": "raise=RuntimeError:device is lost"}}, "error", ()),
        )
    ),
]


@pytest.mark.parametrize(("harm", "kind", "limits"), HARMS)
def test_a_suite_whose_first_run_is_harmed_says_so_in_a_line_and_does_the_others(
    suite: Suite,
    whole_suite: Whole,
    mark: str,
    fault: Fault,
    harm: dict[str, Any],
    kind: str,
    limits: tuple[str, ...],
) -> None:
    with fault.trial():
        options = [each for limit in limits for each in ("--set", limit)]
        ended = suite.do("run", *options, plan=Plan(only=FIRST, **harm))
        assert ended.code == 1, ended
        assert "Traceback" not in ended.err
        [line] = [line for line in ended.err.splitlines() if ": failed: " in line]
        nothing_left(mark)
        record = read_record(suite.run_dir())
        assert record.reason
        assert (record.status, record.reason.kind) == ("failed", kind)
        assert line.endswith(record.reason.message)
        assert read_record(suite.run_dir(SECOND)).status == "completed"
        assert (suite.execution / "report.html").is_file()
        if (suite.run_dir() / CHECKPOINT_FILE).exists():
            read_checkpoint(suite.run_dir() / CHECKPOINT_FILE)  # checks its hash
        all_done(suite, suite.do("resume"), whole_suite)


@pytest.mark.fault(4)
@pytest.mark.long
def test_a_command_killed_at_every_call_of_a_record_goes_on(
    suite: Suite, whole_suite: Whole, mark: str, fault: Fault
) -> None:
    # of the first record: its write, its sync, its rename
    for number, half in sampled([(3, False), (2, False), (1, False), (1, True)], 1):
        with fault.trial():
            parent = {"match": RECORD_FILE, "kill": number, "half": half}
            assert suite.do("run", parent=parent).code == -signal.SIGKILL
            nothing_left(mark)
            assert not (suite.run_dir() / RECORD_FILE).exists()
            assert read_checkpoint(suite.run_dir() / CHECKPOINT_FILE).header.epochs
            resumed = suite.do("resume")
            assert "repaired: " in resumed.err  # who was killed could say nothing
            all_done(suite, resumed, whole_suite)
            shutil.rmtree(suite.results)


@pytest.mark.fault(5)
@pytest.mark.long
@pytest.mark.parametrize(
    ("number", "times"),
    [
        (signal.SIGINT, 1),
        (signal.SIGINT, 2),
        (signal.SIGTERM, 1),
        (signal.SIGTERM, 2),
    ],
    ids=["Ctrl-C", "Ctrl-C twice", "TERM", "TERM twice"],
)
def test_a_command_that_is_asked_to_end_says_how_to_go_on(
    suite: Suite, whole_suite: Whole, mark: str, fault: Fault, number: signal.Signals, times: int
) -> None:
    with fault.trial():
        process = suite.held(batch_s=0.05)
        to = os.killpg if number == signal.SIGINT else os.kill  # Ctrl-C is for the whole group
        for _ in range(times):
            to(process.pid, number)
            time.sleep(0.7)  # more than the parent's look at its stop
        (suite.folder / "go").touch()
        ended = end_of(process)
        assert ended.code in (130, -number), ended
        assert "Traceback" not in ended.err
        if times == 1:
            one_clear_line(ended, 130, "interrupted", "resume")
            assert read_record(suite.run_dir()).status == "interrupted"
        nothing_left(mark)
        all_done(suite, suite.do("resume"), whole_suite)


@pytest.mark.fault(7)
@pytest.mark.long
def test_a_killed_commands_trainings_end_with_all_that_they_started(
    suite: Suite, whole_suite: Whole, mark: str, fault: Fault
) -> None:
    with fault.trial():
        process = suite.held(at={"built": "family"})
        family = psutil.Process(process.pid).children(recursive=True)
        assert sum(each.name() == "sleep" for each in family) == 2
        process.kill()
        end_of(process)
        nothing_left(mark)
        interrupted_by_its_death(suite)
        all_done(suite, suite.do("resume"), whole_suite)


@pytest.mark.fault(21)
def test_images_removed_or_changed_during_a_run_are_no_matter_until_it_is_resumed(
    tmp_path: Path, whole_suite: Whole, fault: Fault
) -> None:
    source = images(tmp_path / "xrays")
    suite = Suite(tmp_path / "suite", source)
    process, removed, changed = (
        suite.held("epoch:1"),
        source / "covid/0.png",
        source / "normal/1.png",
    )
    before = {path: path.read_bytes() for path in (removed, changed)}
    with fault.trial(2):
        removed.unlink()
        changed.write_bytes((source / "normal/2.png").read_bytes())
        suite.let_go()
        ended = end_of(process)
        all_done(suite, ended, whole_suite)
    shutil.rmtree(suite.run_dir(SECOND))  # as if it had never been begun
    with fault.trial():
        one_clear_line(suite.do("resume"), 3, "1 removed (covid/0.png)", "1 changed (normal/1.png)")
        if LONG:
            for path, content in before.items():
                path.write_bytes(content)
            all_done(suite, suite.do("resume"), whole_suite)


@pytest.mark.fault(26)
def test_of_two_resumes_at_once_the_second_is_refused_and_told_by_whom(
    interrupted: Suite, whole_suite: Whole, fault: Fault
) -> None:
    suite = interrupted
    with fault.trial():
        plan = Plan(at={"epoch:3": f"wait={suite.folder}"}, only=FIRST)
        first = suite.start("resume", plan=plan)
        wait_for((suite.folder / "reached").exists)
        one_clear_line(suite.do("resume"), 3, f"lungbench resume (process {first.pid} ")
        suite.let_go()
        all_done(suite, end_of(first), whole_suite)


@pytest.mark.fault(26)
def test_of_two_launches_of_one_run_the_second_waits_and_takes_the_firsts_result(
    lab: Lab, whole: Any, tmp_path: Path, fault: Fault
) -> None:
    expected, run_dir = whole(), tmp_path / "run"
    with fault.trial():
        lab.launch(run_dir, Plan(at={"batch:5": "kill"}))
        first = lab.begin(run_dir, Plan(at={"batch:8": f"wait={tmp_path}"}))
        wait_for((tmp_path / "reached").exists)
        second = lab.begin(run_dir, Plan(at={"start": "kill"}))
        time.sleep(1.2)  # more than two looks at the host's lock
        (tmp_path / "go").touch()
        record = first.record()
        assert record.status == "completed"
        assert second.record() == record == read_record(run_dir)
        assert Outcome.of(run_dir) == expected


@pytest.mark.fault(27)
def test_two_runs_of_one_name_get_folders_of_their_own(
    suite: Suite, whole_suite: Whole, fault: Fault
) -> None:
    with fault.trial():
        both = [suite.start("run"), suite.start("run")]
        for ended in map(end_of, both):
            assert ended.code == 0, ended
        first, second = executions(suite.results)
        for folder in (first, second):
            assert {run.name: Outcome.of(run) for run in (folder / "runs").iterdir()} == whole_suite


CHANGES = [
    ("train", "seed", 7),
    ("train", "learning_rate", 0.5),
    ("train", "epochs", 4),
    ("train", "batch_size", 2),
    ("data", "image_size", 64),
]


@pytest.mark.fault(28)
def test_an_experiment_that_was_changed_is_refused_and_put_back_goes_on(
    interrupted: Suite, whole_suite: Whole, fault: Fault
) -> None:
    suite = interrupted
    file, kept = suite.execution / EXPERIMENT_FILE, suite.run_dir() / CHECKPOINT_FILE
    before, checkpoint = file.read_text(), sha256_of(kept)
    for section, key, value in sampled(CHANGES, 1):
        with fault.trial():
            changed = json.loads(before)
            old, changed[section][key] = changed[section][key], value
            file.write_text(json.dumps(changed))
            told = f"{section}.{key}: {old} in the runs already begun, {value} in experiment.json"
            one_clear_line(suite.do("resume"), 3, told)
            assert sha256_of(kept) == checkpoint
    file.write_text(before)
    if LONG:
        all_done(suite, suite.do("resume"), whole_suite)


OLDER = {"numpy": "0.1", "device": "2 gpu"}  # what the checkpoint's own process had


@pytest.mark.fault(29)
@pytest.mark.parametrize(
    "what", ["numpy", "processors", "device", pytest.param("flags", marks=pytest.mark.long)]
)
@pytest.mark.parametrize(
    "child", ["tiny", pytest.param("real", marks=pytest.mark.long)], indirect=True
)
def test_other_versions_flags_or_processors_are_named_and_not_called_exact(
    lab: Lab, whole: Any, tmp_path: Path, fault: Fault, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    if what == "processors" and len(os.sched_getaffinity(0)) == 1:
        pytest.skip("this machine has a single processor")
    lab.spec = lab.spec.model_copy(update={"device": lab.spec.device.parse("cpu")})
    run_dir, allowed = tmp_path / "run", os.sched_getaffinity(0)
    lab.launch(run_dir, Plan(at={"batch:5": "kill"}))
    with fault.trial():
        if what in OLDER:
            path = run_dir / CHECKPOINT_FILE
            held = read_checkpoint(path)
            older = held.header.environment | {what: OLDER[what]}
            header = held.header.model_copy(update={"environment": older})
            write_checkpoint(path, header, held.arrays)
        elif what == "processors":
            os.sched_setaffinity(0, {min(allowed)})
        else:
            monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
        try:
            record = lab.launch(run_dir)
        finally:
            os.sched_setaffinity(0, allowed)
        assert record.status == "completed"
        assert record.resumption
        assert not record.resumption.exact
        named = "TF_ENABLE_ONEDNN_OPTS" if what == "flags" else what
        assert [each.split(":")[0] for each in record.resumption.differences] == [named]


@pytest.mark.fault(41)
def test_a_gpu_that_is_absent_is_skipped_and_the_other_runs_go_on(
    suite: Suite, fault: Fault
) -> None:
    with fault.trial():
        devices = 'matrix.devices=["gpu:97", "cpu:threads=1"]'
        ended = suite.do("run", "--set", devices)
        assert ended.code == 0, ended
        ends = {record.run_id.split("-")[1]: record for record in suite.records}
        assert ends["cpu.t1"].status == "completed"
        assert ends["gpu.97"].status == "skipped"
        assert ends["gpu.97"].reason
        assert ends["gpu.97"].reason.kind == "device_unavailable"


@pytest.mark.fault(41)
@pytest.mark.long
def test_a_suite_with_absent_gpus_only_is_refused(suite: Suite, fault: Fault) -> None:
    with fault.trial():
        ended = suite.do("run", "--set", 'matrix.devices=["gpu:97"]')
        one_clear_line(ended, 3, "At least one device")
        assert not suite.results.exists()
