"""Who owns an execution's folder, with real processes that are really killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from lungbench.errors import Refused
from lungbench.executions.hold import LOCK_FILE, held_elsewhere, hold, signed_here
from lungbench.flock import Holder, signed_by

HOLDER = """
import pathlib, subprocess, sys, time
from lungbench.executions.hold import hold
with hold(pathlib.Path(sys.argv[1]), "lungbench run"):
    child = subprocess.Popen(["sleep", "60"])
    print(child.pid, flush=True)
    time.sleep(60)
"""


@contextmanager
def held_by_another(folder: Path) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """Give a process that holds the folder, and the id of its child."""
    command = [sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        try:
            yield process, child
        finally:
            process.kill()
            os.kill(child, signal.SIGKILL)


def test_a_second_process_is_refused_and_told_who_is_first(tmp_path: Path) -> None:
    with held_by_another(tmp_path) as (process, _):
        assert held_elsewhere(tmp_path)
        with pytest.raises(Refused) as refusal, hold(tmp_path, "lungbench resume"):
            pass
    assert refusal.value.exit_code == 3
    assert f"held by lungbench run (process {process.pid} on " in str(refusal.value)


def test_a_killed_holder_leaves_a_free_lock_and_its_name_even_while_its_child_lives(
    tmp_path: Path,
) -> None:
    with held_by_another(tmp_path) as (process, child):
        process.kill()
        process.wait()
        assert psutil.pid_exists(child)
        assert not held_elsewhere(tmp_path)
        assert signed_here(tmp_path)
        with hold(tmp_path, "lungbench resume") as dead:
            assert dead is not None
            assert (dead.pid, dead.what) == (process.pid, "lungbench run")
        assert not signed_here(tmp_path)


def test_a_folder_that_was_left_in_order_tells_of_nobody(tmp_path: Path) -> None:
    with hold(tmp_path, "lungbench run") as dead:
        assert dead is None
        assert signed_here(tmp_path)
    with hold(tmp_path, "lungbench run") as dead:
        assert dead is None
    assert not signed_here(tmp_path)


def test_the_name_stays_where_a_run_was_begun_and_has_no_record(tmp_path: Path) -> None:
    run_dir = tmp_path / "runs" / "a"
    run_dir.mkdir(parents=True)
    (run_dir / "spec.json").touch()
    with hold(tmp_path, "lungbench run"):
        pass
    assert signed_here(tmp_path)
    (run_dir / "record.json").touch()
    with hold(tmp_path, "lungbench resume") as dead:
        assert dead is not None
    assert not signed_here(tmp_path)


def test_the_dead_holders_name_stays_while_nobody_could_repair_its_runs(tmp_path: Path) -> None:
    (tmp_path / "runs" / "a").mkdir(parents=True)
    (tmp_path / "runs" / "a" / "spec.json").touch()
    first = Holder.here("lungbench run").model_copy(update={"pid": 1})
    (tmp_path / LOCK_FILE).write_text(first.model_dump_json())
    with hold(tmp_path, "lungbench resume") as dead:
        assert dead == first
    assert signed_by(tmp_path / LOCK_FILE) == first


def test_the_owning_process_may_ask_again(tmp_path: Path) -> None:
    with hold(tmp_path, "lungbench run"):
        with hold(tmp_path, "flow run") as dead:
            assert dead is None
        assert not held_elsewhere(tmp_path)
        holder = signed_by(tmp_path / LOCK_FILE)
        assert holder is not None
        assert holder.what == "lungbench run"


def test_another_hosts_name_is_not_of_this_host(tmp_path: Path) -> None:
    there = Holder.here("lungbench run").model_copy(update={"host": "elsewhere.example"})
    (tmp_path / LOCK_FILE).write_text(there.model_dump_json())
    assert not signed_here(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({"pid": "x"}), "\0" * 9])
def test_an_unreadable_name_is_no_name(tmp_path: Path, text: str) -> None:
    (tmp_path / LOCK_FILE).write_text(text)
    assert not signed_here(tmp_path)
    with hold(tmp_path, "lungbench resume") as dead:
        assert dead is None


def test_a_folder_that_cannot_be_locked_is_refused(tmp_path: Path) -> None:
    (tmp_path / LOCK_FILE).mkdir()  # stands for a read-only folder, which root may write to
    with pytest.raises(Refused, match="must be writable"), hold(tmp_path, "lungbench resume"):
        pass
    with pytest.raises(Refused, match="nowhere"), hold(tmp_path / "nowhere", "lungbench resume"):
        pass


def test_what_fails_inside_is_not_taken_for_a_lock_that_failed(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="inside"), hold(tmp_path, "lungbench run"):
        raise OSError("inside")
    assert not held_elsewhere(tmp_path)
