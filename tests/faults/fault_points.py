"""Where a child process does itself harm: named points of its training, and what happens there.

A test writes its plan into the variable FAULT_PLAN, which every process of a run inherits.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

PLAN_VARIABLE = "FAULT_PLAN"


@dataclass(frozen=True)
class Plan:
    """What goes wrong in a child, and how its training is paced.

    Attributes:
        at: What happens at a point, by its name: `start`, `built`, `batch:7` (counted from the
            beginning of the training), `epoch:2` (after its line and its checkpoint), `fitted`,
            `predicted`, `saved`, `said` (after the last word); see `_DEEDS`.
        only: The part of a run folder's name to which `at` is confined.
        calls: What happens to the process's file operations; see `file_calls`.
        state_bytes: Size of the tiny network.
        batch_s: How long a batch takes, at least.
        every: When checkpoints are written: each `batch`, each `epoch`, or when the keeper's own
            `policy` says so.
        clock_jumps_s: How far the date jumps to and fro, and the heartbeat's time of change.
        address_space_bytes: Limit of the process's memory, set before anything is imported.
        memory_cgroup: Group whose memory limit the process joins.
    """

    at: dict[str, str] = field(default_factory=dict)
    only: str = ""
    calls: dict[str, Any] | None = None
    state_bytes: int = 4096
    batch_s: float = 0.0
    every: str = "epoch"
    clock_jumps_s: float = 0.0
    address_space_bytes: int | None = None
    memory_cgroup: str | None = None

    @classmethod
    def here(cls) -> "Plan":
        """Read this process's plan."""
        return cls(**json.loads(os.environ.get(PLAN_VARIABLE, "{}")))

    def environ(self) -> dict[str, str]:
        """Return the variable that hands the plan on."""
        return {PLAN_VARIABLE: json.dumps(asdict(self))}


def confine(plan: Plan) -> None:
    """Put this process under the plan's limits."""
    if plan.address_space_bytes:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (plan.address_space_bytes,) * 2)
    if plan.memory_cgroup:
        Path(plan.memory_cgroup, "cgroup.procs").write_text(str(os.getpid()))


class Points:
    """Carries out a plan."""

    def __init__(self, plan: Plan, run_dir: Path) -> None:
        self._at = plan.at if plan.only in run_dir.name else {}

    def reach(self, name: str) -> None:
        """Do what is planned for this point."""
        deed, _, argument = self._at.get(name, "").partition("=")
        if deed:
            _DEEDS[deed](argument)


def _kill(_: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _stop(_: str) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _hang(_: str) -> None:
    while True:
        time.sleep(60)


def _wait(folder: str) -> None:
    """Say that the point is reached, and go on when somebody allows it."""
    reached, go = Path(folder, "reached"), Path(folder, "go")
    reached.touch()
    while not go.exists():
        time.sleep(0.01)
    reached.unlink()
    go.unlink()  # the next one waits for its own


def _spawn(_: str) -> None:
    subprocess.Popen(["sleep", "600"])


def _family(_: str) -> None:
    """Start a child that has a child of its own."""
    subprocess.Popen(["sh", "-c", "sleep 600 & sleep 600"])


def _zombie(_: str) -> None:
    """Start a child that ends and is never waited for."""
    _kept.append(subprocess.Popen(["true"]))


def _fill(size: str) -> None:
    """Take memory, page by page, as a network that is too large does."""
    _kept.append(bytearray(int(size)))
    _kept.append(b"x" * int(size))


def _raise(what: str) -> None:
    name, _, message = what.partition(":")
    raise {"MemoryError": MemoryError, "RuntimeError": RuntimeError}[name](message)


def _abort(words: str) -> None:
    """End as a C++ library does that finds no memory."""
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()
    os.abort()


_kept: list[Any] = []
_DEEDS: dict[str, Callable[[str], None]] = {
    "kill": _kill,
    "stop": _stop,
    "hang": _hang,
    "wait": _wait,
    "spawn": _spawn,
    "family": _family,
    "zombie": _zombie,
    "fill": _fill,
    "raise": _raise,
    "abort": _abort,
}
