"""News of a run, also of one that goes on in a folder with an earlier attempt's files."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from lungbench.experiment import RunSpec
from lungbench.files import write_atomically
from lungbench.job import EPOCHS_FILE, JOB_FILE, LOG_FILE, SAMPLES_FILE, Spent
from lungbench.record import RECORD_FILE, Epoch
from lungbench.run.follow import Follower
from lungbench.training.checkpoint import CHECKPOINT_FILE, Header, write_checkpoint

_clock = [10**9]


def write(path: Path, text: str) -> None:
    """Write a file a second after the one before, whatever the file system's clock can tell."""
    write_atomically(path, text)
    _clock[0] += 1
    os.utime(path, (_clock[0], _clock[0]))


def epoch(number: int, attempt: int = 1) -> Epoch:
    return Epoch(epoch=number, attempt=attempt, started_s=1, train_s=2, images_per_s=3)


def lines(*epochs: Epoch) -> str:
    return "".join(each.model_dump_json() + "\n" for each in epochs)


def begin(run_dir: Path) -> None:
    """Do what a launch does."""
    run_dir.mkdir(exist_ok=True)
    write(run_dir / JOB_FILE, "{}")
    write(run_dir / SAMPLES_FILE, "")


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return tmp_path / "run"


def test_a_new_run_begins_tells_its_epochs_and_ends(run_dir: Path) -> None:
    follower = Follower(run_dir)
    assert (follower.begun, follower.ended, follower.epochs(), follower.kept) == (
        False,
        False,
        [],
        0,
    )
    begin(run_dir)
    assert follower.begun
    write(run_dir / EPOCHS_FILE, lines(epoch(1)) + '{"epoch": 2, "sta')
    assert follower.epochs() == [epoch(1)]
    write(run_dir / EPOCHS_FILE, lines(epoch(1), epoch(2)))
    assert follower.epochs() == [epoch(2)]
    assert follower.epochs() == []
    write(run_dir / RECORD_FILE, "{}")
    assert follower.ended


def test_a_run_that_only_got_its_record_never_began(run_dir: Path) -> None:
    follower = Follower(run_dir)
    run_dir.mkdir()
    write(run_dir / JOB_FILE, "{}")
    write(run_dir / RECORD_FILE, "{}")
    assert (follower.begun, follower.ended) == (False, True)


def test_what_an_earlier_attempt_left_is_no_news(run_dir: Path, spec: RunSpec) -> None:
    begin(run_dir)
    write(run_dir / EPOCHS_FILE, lines(epoch(1), epoch(2), epoch(3)))
    write(run_dir / LOG_FILE, "old\n")
    write(run_dir / RECORD_FILE, json.dumps("interrupted"))
    header = Header(
        spec=spec, data="f", environment={}, epochs=(epoch(1), epoch(2)), batches=0,
        spent=Spent(), attempts=1,
    )  # fmt: skip
    write_checkpoint(run_dir / CHECKPOINT_FILE, header, {"network/0": np.zeros(1)})

    follower = Follower(run_dir)
    assert follower.kept == 2
    assert (follower.begun, follower.ended, follower.epochs()) == (False, False, [])
    (run_dir / RECORD_FILE).unlink()
    begin(run_dir)
    assert (follower.begun, follower.epochs()) == (True, [])
    # The process begins with the epochs of its checkpoint.
    write(run_dir / EPOCHS_FILE, lines(epoch(1), epoch(2)))
    assert follower.epochs() == []
    write(run_dir / EPOCHS_FILE, lines(epoch(1), epoch(2), epoch(3, attempt=2)))
    write(run_dir / LOG_FILE, "old\nnew\n")
    assert follower.epochs() == [epoch(3, attempt=2)]
    assert follower.lines() == ["new"]
    write(run_dir / RECORD_FILE, json.dumps("completed"))
    assert follower.ended


def test_a_run_that_begins_anew_tells_all_its_epochs(run_dir: Path) -> None:
    begin(run_dir)
    write(run_dir / EPOCHS_FILE, lines(epoch(1), epoch(2)))
    write(run_dir / LOG_FILE, "a long line that was there before\n")
    follower = Follower(run_dir)
    for path in run_dir.iterdir():  # there was no checkpoint
        path.unlink()
    begin(run_dir)
    write(run_dir / EPOCHS_FILE, lines(epoch(1)))
    write(run_dir / LOG_FILE, "")
    assert follower.epochs() == [epoch(1)]
    assert follower.lines() == []
    write(run_dir / LOG_FILE, "new\n")
    assert follower.lines() == ["new"]
