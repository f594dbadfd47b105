"""Row 42: the power goes, and of what wasn't synced any part may be on the disk."""

import hashlib
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fault_lab import LONG, Lab, Outcome
from fault_points import Plan
from fault_tally import Fault
from file_record import recorded
from power_loss import Disk, lay_out, lines_of

from lungbench.files import write_atomically
from lungbench.job import LOG_FILE
from lungbench.record import RECORD_FILE, RunRecord
from lungbench.training.checkpoint import CHECKPOINT_FILE, read_checkpoint

MODEL = "a model of the disk, after the recorded operations"
STATES = 400 if LONG else 30

Write = Callable[[Path, bytes], None]


def in_place(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def without_sync(path: Path, content: bytes) -> None:
    beside = path.with_suffix(".tmp")
    beside.write_bytes(content)
    beside.replace(path)


def without_the_folders_sync(path: Path, content: bytes) -> None:
    beside = path.with_suffix(".tmp")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def losses(write: Write, folder: Path) -> set[str]:
    """Replace a file twice; return what a power cut at any moment can do to it."""
    folder.mkdir()
    path, record = folder / "file", folder.with_suffix(".record")
    with recorded(record, folder) as remark:
        for content in (b"old " * 100, b"new " * 100):
            write(path, content)
            remark("returned")
    disk, sure, found = Disk(folder), 0, set()
    for line in lines_of(record):
        disk.do(line)
        sure += line["deed"] == "remark"
        for state in disk.states(1000):
            content = state.get("file")
            if content is None:
                found |= {"gone"} if sure else set()
            elif content not in (b"old " * 100, b"new " * 100):
                found.add("torn")
            elif sure == 2 and content.startswith(b"old"):
                found.add("the old one")
    return found


@pytest.mark.fault(42)
@pytest.mark.parametrize(
    ("write", "loss"),
    [
        (write_atomically, set()),
        # the model sees what is missing from other ways to write
        (in_place, {"gone", "torn"}),
        (without_sync, {"gone", "torn", "the old one"}),
        (without_the_folders_sync, {"gone", "the old one"}),
    ],
    ids=["write_atomically", "in place", "without sync", "without the folder's sync"],
)
def test_a_power_cut_leaves_the_old_file_or_the_new_one(
    write: Write, loss: set[str], tmp_path: Path, fault: Fault
) -> None:
    fault.by(MODEL)
    with fault.trial():
        assert losses(write, tmp_path / "folder") == loss


class Reader:
    """Says what a run's files are worth, as those who go on with it find them.

    Args:
        folder: For the files that are read.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "last.ckpt"
        self._known: dict[bytes, tuple[int, int]] = {}

    def place(self, content: bytes) -> tuple[int, int]:
        """Return how far a checkpoint is; it must be whole."""
        if content not in self._known:
            self._file.write_bytes(content)
            header = read_checkpoint(self._file).header
            self._known[content] = len(header.epochs), header.batches
        return self._known[content]

    def is_result(self, state: dict[str, bytes]) -> bool:
        """Return whether a run is recorded as completed; then every file must be the recorded."""
        if RECORD_FILE not in state:
            return False
        record = RunRecord.model_validate_json(state[RECORD_FILE])
        for name, digest in record.artifacts.items():
            if name != LOG_FILE:  # the kernel writes it for the child, and nobody recorded that
                assert hashlib.sha256(state.get(name, b"")).hexdigest() == digest, name
        return record.status == "completed"


class Sure:
    """What a run was promised by the calls that have returned.

    Attributes:
        place: How far the last checkpoint is whose folder was synced.
        done: Whether the record of its completion is on the disk.
    """

    def __init__(self, reader: Reader, run_dir: Path) -> None:
        self._reader, self._run_dir = reader, str(run_dir)
        self.place = self._renamed = (0, 0)
        self.done = False

    def learn(self, line: dict[str, str], disk: Disk) -> None:
        match line:
            case {"deed": "rename", "to": to} if to.endswith(CHECKPOINT_FILE):
                self._renamed = self._reader.place(disk.content(CHECKPOINT_FILE))
            case {"deed": "sync", "path": path} if path.endswith("/checkpoint"):
                self.place = self._renamed
            case {"deed": "sync", "path": self._run_dir}:
                recorded = disk.content(RECORD_FILE) if disk.has(RECORD_FILE) else b""
                self.done = b'"completed"' in recorded

    def must_be_in(self, state: dict[str, bytes]) -> None:
        """Assert that a state of the disk keeps the promise."""
        if not self._reader.is_result(state):
            assert not self.done
            kept = state.get(CHECKPOINT_FILE)
            assert (self._reader.place(kept) if kept is not None else (0, 0)) >= self.place


@pytest.mark.fault(42)
@pytest.mark.parametrize("deaths", [pytest.param(0, marks=pytest.mark.long), 1])
def test_a_power_cut_during_a_training_leaves_its_last_checkpoint_or_its_result(
    lab: Lab, whole: Any, tmp_path: Path, fault: Fault, deaths: int
) -> None:
    fault.by(MODEL)
    expected, run_dir, record = whole(), tmp_path / "run", tmp_path / "record"
    recording = {"record": str(record)}
    with recorded(record, run_dir):
        for _ in range(deaths):
            lab.launch(run_dir, Plan(at={"batch:5": "kill"}, calls=recording, every="batch"))
        lab.launch(run_dir, Plan(calls=recording, every="batch"))
    assert Outcome.of(run_dir) == expected
    disk, sure, found = Disk(run_dir), Sure(Reader(tmp_path), run_dir), []
    for line in lines_of(record):
        disk.do(line)
        sure.learn(line, disk)
        for state in disk.states(STATES):
            with fault.trial():
                sure.must_be_in(state)
            found.append(state)
    assert (sure.done, sure.place) == (True, (3, 0))
    for number, state in enumerate(random.Random(0).sample(found, 60 if LONG else 2)):
        with fault.trial():
            lab.finish(lay_out(state, tmp_path / str(number)), expected)
