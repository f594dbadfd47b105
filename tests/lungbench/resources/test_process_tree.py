"""Real processes throughout; CPU times are compared with the kernel's own, never with a clock."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import psutil
import pytest

from lungbench.resources.process_tree import ProcessTree, TreeReading, _Clock

MIB = 2**20
NEVER_A_PID = 2**31 - 1  # Linux numbers processes up to 2**22

# One tick of the kernel's CPU clocks, the most that two of its sums differ by per process.
TICK_S = 1 / os.sysconf("SC_CLK_TCK")

PAUSE = "print('ready', flush=True); input()\n"
SPAWN = (
    "import os, signal, subprocess, sys\nkid = subprocess.Popen([sys.executable, '-c', {0!r}])\n"
)
# The kernel rounds four times down to ticks: user and system, own and of those waited for.
BURN = f"import time\nwhile time.process_time() < {0.3 + 4 * TICK_S}: pass\n"
FOREVER = "while True: pass\n"

Program = subprocess.Popen[str]
Start = Callable[[str], Program]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start programs that pause; end them and everything they started afterwards."""
    started: list[Program] = []

    def start_one(program: str) -> Program:
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        until_paused(process)
        return process

    yield start_one
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(BrokenPipeError):
            process.__exit__(None, None, None)


def until_paused(process: Program) -> None:
    assert process.stdout
    assert process.stdout.readline() == "ready\n"


def go_on(process: Program) -> None:
    """Let a paused program run up to its next pause."""
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()
    until_paused(process)


def read(tree: ProcessTree) -> TreeReading:
    reading = tree.read()
    assert reading is not None
    return reading


def kernels_cpu_s(*processes: psutil.Process) -> float:
    """Return the CPU time that the kernel shows for processes and for whom they waited."""
    return sum(sum(process.cpu_times()[:4]) for process in processes)


def burn_and_stop(process: psutil.Process, cpu_s: float) -> None:
    """Let a busy process use so much CPU time, then hold it there."""
    while sum(process.cpu_times()[:2]) < cpu_s:
        os.sched_yield()
    process.suspend()
    while process.status() != psutil.STATUS_STOPPED:
        os.sched_yield()


def test_two_busy_grandchildren_are_counted_as_the_kernel_counts_them(start: Start) -> None:
    process = start(SPAWN.format(FOREVER) + SPAWN.format(FOREVER) + PAUSE)
    tree = ProcessTree(process.pid)
    read(tree)
    root = psutil.Process(process.pid)
    busy = root.children()
    for child in busy:
        burn_and_stop(child, cpu_s=0.2)
    reading = read(tree)
    assert reading.processes == 3
    assert reading.cpu_s >= 0.4
    assert reading.cpu_s == pytest.approx(kernels_cpu_s(root, *busy), abs=3 * TICK_S)


def test_a_grandchild_that_lived_and_died_between_readings_is_counted(start: Start) -> None:
    process = start(PAUSE + SPAWN.format(BURN) + "kid.wait()\n" + PAUSE)
    tree = ProcessTree(process.pid)
    before = read(tree)
    go_on(process)
    after = read(tree)
    assert after.cpu_s - before.cpu_s >= 0.3
    assert after.cpu_s == pytest.approx(kernels_cpu_s(psutil.Process(process.pid)), abs=TICK_S)


def test_a_grandchild_seen_before_it_died_is_counted_once(start: Start) -> None:
    process = start(SPAWN.format(FOREVER) + PAUSE + "kid.kill(); kid.wait()\n" + PAUSE)
    tree = ProcessTree(process.pid)
    root = psutil.Process(process.pid)
    burn_and_stop(root.children()[0], cpu_s=0.2)
    assert read(tree).cpu_s >= 0.2
    go_on(process)
    # parent and grandchild are each rounded to ticks before the sum, in user and system apart
    assert read(tree).cpu_s == pytest.approx(kernels_cpu_s(root), abs=4 * TICK_S)


def test_a_zombie_keeps_its_time_but_no_memory(start: Start) -> None:
    dead = "kid.kill(); os.waitid(os.P_PID, kid.pid, os.WEXITED | os.WNOWAIT)\n"
    process = start(SPAWN.format(FOREVER) + PAUSE + dead + PAUSE + "kid.wait()\n" + PAUSE)
    tree = ProcessTree(process.pid)
    root = psutil.Process(process.pid)
    burn_and_stop(root.children()[0], cpu_s=0.2)
    alive = read(tree)
    go_on(process)
    zombie = read(tree)
    go_on(process)
    waited_for = read(tree)
    assert (alive.processes, zombie.processes, waited_for.processes) == (2, 1, 1)
    assert alive.rss_bytes is not None
    assert zombie.rss_bytes is not None
    assert zombie.rss_bytes < alive.rss_bytes
    assert alive.cpu_s <= zombie.cpu_s <= waited_for.cpu_s
    assert waited_for.cpu_s == pytest.approx(kernels_cpu_s(root), abs=4 * TICK_S)


def test_time_of_a_process_nobody_waited_for_stays_counted(start: Start) -> None:
    ignored = "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
    process = start(SPAWN.format(FOREVER) + ignored + PAUSE + "kid.kill(); kid.wait()\n" + PAUSE)
    tree = ProcessTree(process.pid)
    burn_and_stop(psutil.Process(process.pid).children()[0], cpu_s=0.2)
    before = read(tree)
    go_on(process)
    assert read(tree).cpu_s >= before.cpu_s >= 0.2


def test_memory_of_a_grandchild_shows(start: Start) -> None:
    # written, so that the pages are resident
    hungry = "import sys\nkept = b'x' * (100 * 2**20)\nprint('ready', flush=True)\n"
    hungry += "sys.stdin.read()\n"
    process = start(PAUSE + SPAWN.format(hungry) + "kid.wait()\n")
    tree = ProcessTree(process.pid)
    before = read(tree)
    go_on(process)
    after = read(tree)
    assert before.rss_bytes is not None
    assert after.rss_bytes is not None
    assert after.rss_bytes - before.rss_bytes >= 100 * MIB


def test_a_tree_whose_last_process_ended_reads_nothing(start: Start) -> None:
    process = start(PAUSE)
    tree = ProcessTree(process.pid)
    read(tree)
    process.kill()
    process.wait()
    assert tree.read() is None
    assert tree.read() is None


def test_a_pid_that_never_existed_reads_nothing() -> None:
    assert ProcessTree(NEVER_A_PID).read() is None


def test_a_process_that_lost_its_parent_is_followed(start: Start) -> None:
    process = start(SPAWN.format(PAUSE) + "kid.poll()\n" + "sys.stdin.read()\n")
    tree = ProcessTree(process.pid)
    assert read(tree).processes == 2
    assert process.pid in tree.pids
    process.kill()
    process.wait()
    assert read(tree).processes == 1
    assert len(tree.pids) == 1
    assert process.pid not in tree.pids


def counted(tree: ProcessTree, now: dict[Any, _Clock]) -> float:
    """Hand a tree its next clocks as if they were read, and return the CPU time it counts."""
    tree._cpu_s += tree._used_s(now)
    tree._clocks = now
    return tree._cpu_s


def test_a_parents_clock_that_jumps_one_reading_late_counts_the_child_once() -> None:
    tree = ProcessTree(NEVER_A_PID)
    assert counted(tree, {"parent": _Clock(1.0), "child": _Clock(5.0)}) == 6.0
    assert counted(tree, {"parent": _Clock(1.0)}) == 6.0
    # the child's whole life was 5.5 s, of which 5 s had been seen
    assert counted(tree, {"parent": _Clock(1.0, 5.5)}) == 6.5


def test_what_nobody_waited_for_is_owed_for_one_reading_only() -> None:
    tree = ProcessTree(NEVER_A_PID)
    counted(tree, {"parent": _Clock(1.0), "child": _Clock(5.0)})
    counted(tree, {"parent": _Clock(1.0)})
    counted(tree, {"parent": _Clock(1.0)})
    assert counted(tree, {"parent": _Clock(1.0, 2.0)}) == 8.0
