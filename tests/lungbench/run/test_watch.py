"""Children that begin late, fall silent, are stopped, or don't end: real processes, all of them."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from lungbench.job import HEARTBEAT_FILE, TRAINING_FILE
from lungbench.run.child import Child
from lungbench.run.watch import Ended, watched
from lungbench.settings import MeasureSettings

BEATING = f"""
import pathlib, sys, time
heart = pathlib.Path(sys.argv[1], {HEARTBEAT_FILE!r})
while True:
    heart.touch()
    time.sleep(0.02)
"""
SILENT = "import time; time.sleep(600)"
ONE_BEAT = (
    f"import pathlib, sys, time; pathlib.Path(sys.argv[1], {HEARTBEAT_FILE!r}).touch();"
    "time.sleep(600)"
)
LAST_WORD = (
    f"import pathlib, sys, time; pathlib.Path(sys.argv[1], {TRAINING_FILE!r}).touch();"
    "time.sleep(600)"
)

Start = Callable[[str], Child]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a program as a child whose folder is the test's."""
    started: list[Child] = []

    def start_one(program: str) -> Child:
        started.append(Child(tmp_path, {}, command=(sys.executable, "-c", program)))
        return started[-1]

    yield start_one
    for child in started:
        child.end(0)
        child.close()


def ended(child: Child, folder: Path, **limits: float) -> Ended:
    measure = MeasureSettings.model_validate({"exit_s": 600, **limits})
    return watched(child, folder, measure, threading.Event())


@pytest.mark.parametrize(
    ("program", "limit", "kind", "words"),
    [
        (SILENT, "start_s", "stalled", "No batch ended since the start for longer than"),
        (ONE_BEAT, "stall_s", "stalled", "No batch ended for longer than"),
        (BEATING, "timeout_s", "timeout", "The run took longer than"),
    ],
)
def test_a_child_past_a_deadline_is_ended_for_it(
    start: Start, tmp_path: Path, program: str, limit: str, kind: str, words: str
) -> None:
    child = start(program)
    found = ended(child, tmp_path, **{limit: 0.6})
    assert found.ended_for is not None
    assert found.ended_for.kind == kind
    assert found.ended_for.message == f"{words} measure.{limit} = 0.6 s."
    assert not psutil.pid_exists(child.pid)


def test_a_child_that_has_said_its_last_word_need_not_end_by_itself(
    start: Start, tmp_path: Path
) -> None:
    assert ended(start(LAST_WORD), tmp_path, exit_s=0.3) == Ended(0)


def test_a_stopped_process_is_left_until_it_has_been_silent_for_too_long(
    start: Start, tmp_path: Path
) -> None:
    child = start(BEATING)
    while not (tmp_path / HEARTBEAT_FILE).exists():
        time.sleep(0.01)
    psutil.Process(child.pid).send_signal(signal.SIGSTOP)
    found = ended(child, tmp_path, stall_s=1.0, start_s=0.1)
    assert found.ended_for is not None
    assert found.ended_for.kind == "stalled"
    assert found.ended_for.message.endswith("a signal had stopped its process.")


def test_a_stopped_process_that_goes_on_in_time_is_left_alone(start: Start, tmp_path: Path) -> None:
    child = start(BEATING)
    process = psutil.Process(child.pid)
    process.send_signal(signal.SIGSTOP)
    # it goes on, and is ended by somebody else a while later
    threading.Timer(1.0, process.send_signal, [signal.SIGCONT]).start()
    threading.Timer(3.0, process.kill).start()
    assert ended(child, tmp_path, stall_s=60, start_s=60) == Ended(-signal.SIGKILL)
