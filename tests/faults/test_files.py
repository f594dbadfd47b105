"""Rows 24 and 25: files that are torn or have a wrong bit somewhere."""

import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from fault_lab import LONG, Forks, Lab, Outcome, asked, sampled
from fault_points import Plan
from fault_suite import Suite, all_done
from fault_tally import Fault

from lungbench.executions.verify import verify
from lungbench.job import EPOCHS_FILE, JOB_FILE, SAMPLES_FILE
from lungbench.resources.samples import read_samples
from lungbench.run.follow import Follower
from lungbench.run.outcome import read_epochs
from lungbench.training.checkpoint import CHECKPOINT_FILE

tiny_and_long_real = pytest.mark.parametrize(
    "child", ["tiny", pytest.param("real", marks=pytest.mark.long)], indirect=True
)


@pytest.mark.fault(24)
def test_of_torn_event_lines_the_last_one_is_dropped_and_nothing_else(
    lab: Lab, forks: Forks, whole: Any, tmp_path: Path, fault: Fault
) -> None:
    expected, run_dir = whole(), asked(lab, tmp_path / "run")
    assert forks.train(run_dir, Plan(at={"epoch:3": "kill"})) < 0
    lines, epochs = (run_dir / EPOCHS_FILE).read_bytes(), read_epochs(run_dir)
    assert len(epochs) == 3
    gone_on_from = set(sampled(range(0, len(lines) + 1, 20), 4))
    for length in range(len(lines) + 1):
        with fault.trial():
            (run_dir / EPOCHS_FILE).write_bytes(lines[:length])
            assert read_epochs(run_dir) == epochs[: lines[:length].count(b"\n")]
            if length in gone_on_from:
                again = Path(shutil.copytree(run_dir, tmp_path / str(length)))
                assert forks.train(again, Plan()) == 0
                assert Outcome.of(again) == expected


@pytest.mark.fault(24)
def test_who_follows_a_run_reads_a_line_once_it_is_whole(
    lab: Lab, forks: Forks, tmp_path: Path, fault: Fault
) -> None:
    run_dir = asked(lab, tmp_path / "run")
    assert forks.train(run_dir, Plan(at={"epoch:1": "kill"})) < 0
    lines, epochs = (run_dir / EPOCHS_FILE).read_bytes(), read_epochs(run_dir)
    shutil.rmtree(run_dir / "checkpoint")
    (run_dir / JOB_FILE).rename(tmp_path / JOB_FILE)
    for length in range(len(lines) + 1):
        with fault.trial():
            follower = Follower(run_dir)
            (run_dir / JOB_FILE).touch()
            (run_dir / SAMPLES_FILE).touch()
            (run_dir / EPOCHS_FILE).write_bytes(lines[:length])
            first = follower.epochs()
            assert first == (list(epochs) if length == len(lines) else [])
            (run_dir / EPOCHS_FILE).write_bytes(lines)
            assert first + follower.epochs() == list(epochs)
            (run_dir / JOB_FILE).unlink()


@pytest.mark.fault(24)
@tiny_and_long_real
def test_a_kill_in_the_middle_of_an_epochs_line_is_recorded_without_it(
    lab: Lab, whole: Any, tmp_path: Path, fault: Fault
) -> None:
    expected = whole()
    with fault.trial():
        run_dir = tmp_path / "run"
        # a write and a rename begin the file, a line for each epoch follows
        calls = {"match": EPOCHS_FILE, "kill": 5, "half": True}
        killed = lab.launch(run_dir, Plan(calls=calls))
        assert not (run_dir / EPOCHS_FILE).read_bytes().endswith(b"\n")
        assert (killed.status, killed.reason and killed.reason.kind) == ("failed", "signal")
        assert [epoch.epoch for epoch in killed.epochs] == [1]
        assert lab.committed(run_dir) == (1, 0)
        lab.finish(run_dir, expected)


@pytest.mark.fault(24)
def test_of_torn_samples_the_whole_rows_are_read(lab: Lab, tmp_path: Path, fault: Fault) -> None:
    lab.launch(tmp_path / "run", Plan(batch_s=0.1), sample_interval_s=0.1)
    path = tmp_path / "run" / SAMPLES_FILE
    content, times = path.read_bytes(), read_samples(path)["t_s"]
    assert times
    for length in sampled(range(len(content)), 100):
        with fault.trial():
            path.write_bytes(content[:length])
            found = read_samples(path).get("t_s", [])
            assert found == times[: len(found)]


@pytest.mark.fault(25)
def test_every_flipped_bit_of_a_suites_files_is_found_and_named(
    finished: Suite, fault: Fault
) -> None:
    suite = finished
    execution, drawn = suite.execution, random.Random(3)
    assert not [finding for finding in verify(execution).findings if finding.is_damage]
    files = [path for path in execution.rglob("*") if path.is_file() and path.stat().st_size]
    assert len(files) >= 15  # four and the seal of the execution's own, and of each run eight
    for path in files:
        whole, name = path.read_bytes(), path.relative_to(execution).as_posix()
        for place in (
            0,
            len(whole) - 1,
            *(drawn.randrange(len(whole)) for _ in range(1 + 20 * LONG)),
        ):
            with fault.trial():
                broken = bytearray(whole)
                broken[place] ^= 1 << drawn.randrange(8)
                path.write_bytes(broken)
                damaged = {each.path for each in verify(execution).findings if each.is_damage}
                assert damaged == {name}, place
        path.write_bytes(whole)
    with fault.trial():
        broken = suite.run_dir() / "model.keras"
        broken.write_bytes(broken.read_bytes()[:-1] + b"?")
        ended = suite.do("verify", execution)
        assert ended.code == 1
        assert "model.keras" in ended.out
        assert "Traceback" not in ended.err


@pytest.mark.fault(25)
@tiny_and_long_real
def test_a_flipped_bit_of_a_checkpoint_is_refused_and_not_gone_on_from(
    lab: Lab, whole: Any, tmp_path: Path, fault: Fault
) -> None:
    expected, run_dir = whole(), tmp_path / "run"
    lab.launch(run_dir, Plan(at={"batch:5": "kill"}))
    path = run_dir / CHECKPOINT_FILE
    content, drawn = path.read_bytes(), random.Random(4)
    for _ in range(1 if lab.real else 10 if LONG else 2):
        with fault.trial():
            broken, place = bytearray(content), drawn.randrange(len(content))
            broken[place] ^= 1 << drawn.randrange(8)
            path.write_bytes(broken)
            record = lab.launch(run_dir)
            assert record.status == "failed", place
            assert record.reason
            assert "A checkpoint must be what was written" in record.reason.message
            assert path.read_bytes() == broken  # for somebody to look at
    path.write_bytes(content)
    lab.finish(run_dir, expected)


@pytest.mark.fault(25)
@pytest.mark.long
def test_a_suite_with_a_flipped_checkpoint_trains_the_others_and_says_what_to_remove(
    interrupted: Suite, whole_suite: dict[str, Outcome], fault: Fault
) -> None:
    suite = interrupted
    with fault.trial():
        path = suite.run_dir() / CHECKPOINT_FILE
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        ended = suite.do("resume")
        assert ended.code == 1
        assert "Traceback" not in ended.err
        assert sorted(record.status for record in suite.records) == ["completed", "failed"]
        path.unlink()
        all_done(suite, suite.do("resume"), whole_suite)
