"""How a training child is waited for: until it ends, is told to, or is silent for too long."""

import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from lungbench.job import HEARTBEAT_FILE, TRAINING_FILE
from lungbench.record import Reason
from lungbench.run.child import Child
from lungbench.settings import MeasureSettings

_LOOK_S = 0.5  # how soon a stop or a deadline is noticed; two wake-ups a second cost nothing


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child's life ended: its exit code, or what its parent ended it for."""

    code: int
    ended_for: Reason | None = None
    interrupted: bool = False


def watched(child: Child, run_dir: Path, measure: MeasureSettings, stop: threading.Event) -> Ended:
    """Wait for the child; end it on a stop or at one of its deadlines.

    A child that has left its last word has done its work: if it then doesn't end by itself, it is
    ended, and counts as one that did.

    Args:
        child: The process.
        run_dir: Its run folder.
        measure: The deadlines.
        stop: Set by whoever wants everything to end.
    """
    began, heart = time.monotonic(), Heart(run_dir)
    while (code := child.wait(_LOOK_S)) is None:
        if stop.is_set():
            return Ended(child.end(measure.grace_s), interrupted=True)
        if heart.finished_s() > measure.exit_s:
            child.end()
            return Ended(0)
        for limit, seconds, rule in _deadlines(heart, time.monotonic() - began):
            longest_s = getattr(measure, limit)
            if longest_s is not None and seconds > longest_s:
                message = f"{rule} measure.{limit} = {longest_s:g} s{_state(child)}."
                kind = "timeout" if limit == "timeout_s" else "stalled"
                return Ended(child.end(), Reason(kind=kind, message=message))
    return Ended(code, interrupted=_asked_to_end(code, stop))


class Heart:
    """When the child gave signs of life.

    Only their changes are looked at, by this process's own clock, since a host's date may jump.
    """

    def __init__(self, run_dir: Path) -> None:
        self._heartbeat, self._last_word = run_dir / HEARTBEAT_FILE, run_dir / TRAINING_FILE
        self._seen: int | None = None
        self._changed = time.monotonic()
        self._finished: float | None = None

    def silent_s(self) -> tuple[float, bool]:
        """Return how long there was no sign, and whether there ever was one."""
        seen = _modified(self._heartbeat)
        if seen != self._seen:
            self._seen, self._changed = seen, time.monotonic()
        return time.monotonic() - self._changed, seen is not None

    def finished_s(self) -> float:
        """Return for how long the child's last word has been there; 0 where it isn't."""
        if self._finished is None and self._last_word.exists():
            self._finished = time.monotonic()
        return 0.0 if self._finished is None else time.monotonic() - self._finished


def _deadlines(heart: Heart, elapsed_s: float) -> Iterator[tuple[str, float, str]]:
    silent_s, begun = heart.silent_s()
    yield "timeout_s", elapsed_s, "The run took longer than"
    if begun:
        yield "stall_s", silent_s, "No batch ended for longer than"
    else:
        yield "start_s", elapsed_s, "No batch ended since the start for longer than"


def _state(child: Child) -> str:
    """Say that somebody has stopped the process, where that is why."""
    try:
        stopped = psutil.Process(child.pid).status() == psutil.STATUS_STOPPED
    except psutil.Error:
        return ""
    return "; a signal had stopped its process" if stopped else ""


def _modified(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _asked_to_end(code: int, stop: threading.Event) -> bool:
    """Return whether a child ended by the same signal that asked its parent to stop.

    Whoever ends a process group reaches the child too, perhaps before the parent has noticed.
    """
    ended = (-signal.SIGTERM, -signal.SIGINT, 128 + signal.SIGTERM)
    return code in ended and stop.wait(_LOOK_S)
