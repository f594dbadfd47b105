"""Long-lived processes that take turns: one works while the others are blocked on a pipe.

A side is its own process because memory and thread pools are a process's, and stays alive because
tracing, compilation and a cold file cache belong to none of its measured turns.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from benchmarks.memory import rss_peak_bytes
from benchmarks.pairs import PairedRatio, in_turn, paired_median, paired_ratio
from benchmarks.results import Steal
from lungbench.stats.intervals import geometric_mean


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn of one side took.

    Attributes:
        wall_s: By the side's own clock.
        cpu_s: All threads of the side's process.
        rss_peak_bytes: Of the side's process, since its start.
        steal_percent: Of all processors' time; None where the system doesn't tell.
    """

    wall_s: float
    cpu_s: float
    rss_peak_bytes: int
    steal_percent: float | None = None


class Side:
    """A child process that works whenever it is told to.

    Args:
        module: Run with `-m`; it answers by `Turns`.
        arguments: Passed to the module as JSON.
        environ: Added to this process's environment.
    """

    def __init__(
        self, module: str, arguments: Mapping[str, Any], environ: Mapping[str, str]
    ) -> None:
        self._log = tempfile.TemporaryFile(  # noqa: SIM115 - open as long as the process lives
            "w+", encoding="utf-8", errors="replace"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, json.dumps(arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={"TF_CPP_MIN_LOG_LEVEL": "2", **os.environ, **environ},
            text=True,
        )

    def turn(self) -> Turn:
        """Let the side work once; block until it is done.

        Raises:
            RuntimeError: Its process ended instead.
        """
        steal = Steal()
        try:
            self._pipe(self._process.stdin).write("\n")
            self._pipe(self._process.stdin).flush()
            answer = self._pipe(self._process.stdout).readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise RuntimeError(f"a side ended with {self._process.wait()}:\n{self._last_words()}")
        return Turn(**json.loads(answer), steal_percent=steal.percent())

    def _last_words(self) -> str:
        self._log.seek(0)
        return "".join(self._log.readlines()[-20:])

    @staticmethod
    def _pipe(end: Any) -> Any:
        if end is None:
            raise RuntimeError("the side was started without pipes")
        return end

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the process: its turns are over when its standard input is closed."""
        self._process.kill()
        self._process.communicate()
        self._log.close()


def take_turns(
    sides: Mapping[str, Side], rounds: int, *, warm_up: int = 1
) -> dict[str, list[Turn]]:
    """Let the sides work in interleaved rounds; return the turns after the warm-up."""
    for name in in_turn(list(sides), warm_up):
        sides[name].turn()
    turns: dict[str, list[Turn]] = {name: [] for name in sides}
    for name in in_turn(list(sides), rounds):
        turns[name].append(sides[name].turn())
    return turns


def open_sides(
    stack: ExitStack,
    module: str,
    arguments: Mapping[str, Mapping[str, Any]],
    environ: Mapping[str, str],
) -> dict[str, Side]:
    """Start one side an entry of `arguments`; the stack ends them."""
    return {
        name: stack.enter_context(Side(module, given, environ)) for name, given in arguments.items()
    }


class Turns:
    """A side's end of the pipe: waits to be told to work, and answers what that took.

    What the side prints goes to its log: standard output belongs to the answers.
    """

    def __init__(self) -> None:
        self._answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        self._wall_s = self._cpu_s = 0.0

    def begin(self) -> None:
        """Block until a turn is asked for.

        Raises:
            SystemExit: No more turns will be.
        """
        if not sys.stdin.readline():
            raise SystemExit
        self._wall_s, self._cpu_s = time.perf_counter(), time.process_time()

    def end(self) -> None:
        """Answer what has been taken since `begin`."""
        turn = {
            "wall_s": time.perf_counter() - self._wall_s,
            "cpu_s": time.process_time() - self._cpu_s,
            "rss_peak_bytes": rss_peak_bytes(),
        }
        self._answers.write(json.dumps(turn) + "\n")
        self._answers.flush()


def wall_s(turns: Sequence[Turn]) -> float:
    """Return the geometric mean of the turns' wall times in seconds."""
    return geometric_mean(turn.wall_s for turn in turns)


def cpu_s(turns: Sequence[Turn]) -> float:
    """Return the geometric mean of the turns' CPU times in seconds."""
    return geometric_mean(turn.cpu_s for turn in turns)


def wall_ratio(over: Sequence[Turn], under: Sequence[Turn]) -> PairedRatio:
    """Return how many times as long the first side took."""
    return paired_ratio([turn.wall_s for turn in over], [turn.wall_s for turn in under])


def wall_median(over: Sequence[Turn], under: Sequence[Turn]) -> PairedRatio:
    """Return how many times as long the first side took, in the middle one of the rounds."""
    return paired_median([turn.wall_s for turn in over], [turn.wall_s for turn in under])


def cpu_ratio(over: Sequence[Turn], under: Sequence[Turn]) -> PairedRatio:
    """Return how many times as much CPU time the first side took."""
    return paired_ratio([turn.cpu_s for turn in over], [turn.cpu_s for turn in under])
