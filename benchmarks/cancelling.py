"""Measure what it costs that a flow run asks its server whether somebody cancels it.

A flow run of an experiment waits, as it does while a training trains, in turns that ask and turns
that don't (A B, B A, and so on). The CPU time of its process and of its Prefect server is read
before and after each turn; what asking costs is the difference of the two turns of a round. A
server does much beside, so the difference is small and uncertain at the usual rate: `--every 0.1`
asks twenty times as often, and shows what one question costs.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev

import psutil

from benchmarks.prefect_server import prefect_server
from benchmarks.results import Report, Table, options, positive
from lungbench.experiment import Experiment
from lungbench.experiment_file import load_experiment
from lungbench.stats.intervals import t_quantile

_SETTLE_S = 5.0  # for what begins or ends a flow run, and for the thread that asks
_EXPERIMENT = Path("experiments/paper.toml")


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn took, in percent of one core.

    Attributes:
        asking: Whether the flow run asked.
        flow_percent: Its process.
        server_percent: The server, with its children.
    """

    asking: bool
    flow_percent: float
    server_percent: float

    @property
    def both_percent(self) -> float:
        """Process and server together."""
        return self.flow_percent + self.server_percent


def parser() -> argparse.ArgumentParser:
    """Return the command's options."""
    found = options(__doc__, rounds=4)
    found.add_argument("--seconds", type=positive, default=60, help="length of a turn")
    found.add_argument("--every", type=float, default=2.0, help="seconds between questions")
    return found


def main() -> None:
    """Take the turns and print what asking costs."""
    chosen = parser().parse_args()
    report = Report("cancelling", chosen)
    experiment = load_experiment(_EXPERIMENT, ())
    with tempfile.TemporaryDirectory() as home, prefect_server({}, Path(home)) as server:
        os.environ |= {
            "PREFECT_API_URL": server.api,
            "PREFECT_HOME": f"{home}/flow",
            "PREFECT_LOGGING_TO_API_ENABLED": "false",  # the server is gone when this would end
        }
        turns = _measured(experiment, psutil.Process(server.pid), chosen)
    report.publish(_table(turns), turns)


def _measured(
    experiment: Experiment, server: psutil.Process, chosen: argparse.Namespace
) -> list[Turn]:
    """Take all turns within one flow run, whose parameter is the experiment."""
    from flows.suite import configure_prefect

    configure_prefect()
    from prefect import flow

    turns: list[Turn] = []

    def waiting(experiment: Experiment) -> None:  # noqa: ARG001 - what the server stores of a run
        order = _order(chosen.rounds)
        turns.extend(_turn(server, chosen, asking=asking) for asking in order)

    flow(persist_result=False)(waiting)(experiment)
    return turns


def _order(rounds: int) -> Iterator[bool]:
    for number in range(rounds):
        yield from (True, False) if number % 2 == 0 else (False, True)


def _turn(server: psutil.Process, chosen: argparse.Namespace, *, asking: bool) -> Turn:
    from flows.cancelling import cancellable

    with cancellable(chosen.every) if asking else nullcontext():
        time.sleep(_SETTLE_S)
        began, flow_s, server_s = time.monotonic(), time.process_time(), _cpu_s(server)
        time.sleep(chosen.seconds)
        elapsed_s = time.monotonic() - began
        return Turn(
            asking,
            100 * (time.process_time() - flow_s) / elapsed_s,
            100 * (_cpu_s(server) - server_s) / elapsed_s,
        )


def _cpu_s(process: psutil.Process) -> float:
    return sum(sum(each.cpu_times()[:2]) for each in (process, *process.children(recursive=True)))


def _table(turns: list[Turn]) -> Table:
    asked, silent = ([turn for turn in turns if turn.asking is asking] for asking in (True, False))
    rows: list[tuple[str, ...]] = [
        (
            name,
            f"{fmean(turn.flow_percent for turn in some):.2f} %",
            f"{fmean(turn.server_percent for turn in some):.2f} %",
            f"{fmean(turn.both_percent for turn in some):.2f} %",
        )
        for name, some in (("asking", asked), ("not asking", silent))
    ]
    gains = [
        [
            getattr(one, kind) - getattr(other, kind)
            for one, other in zip(asked, silent, strict=True)
        ]
        for kind in ("flow_percent", "server_percent", "both_percent")
    ]
    rows.append(("difference", *map(_difference, gains)))
    return Table(("side", "flow, of a core", "server, of a core", "both"), rows)


def _difference(gains: list[float]) -> str:
    if len(gains) == 1:
        return f"{gains[0]:.2f} %"
    mean, half = fmean(gains), t_quantile(len(gains) - 1, 0.95) * stdev(gains) / sqrt(len(gains))
    return f"{mean:.2f} [{mean - half:.2f}, {mean + half:.2f}] %"


if __name__ == "__main__":
    main()
