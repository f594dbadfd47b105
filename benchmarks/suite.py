"""Measure what an execution takes beyond its trainings: `lungbench run` minus its children.

plain      `lungbench run --no-prefect`
embedded   Prefect with the server that it starts in the same process, its database there already
server     Prefect with a server that runs already

The experiment is tiny; its images are drawn and decoded by a first execution, which isn't counted,
and which makes the embedded server's database too.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from benchmarks.pairs import in_turn
from benchmarks.prefect_server import PrefectServer, own_environment, prefect_server
from benchmarks.results import Report, Table, options, positive, seconds
from lungbench.executions.execution import executions
from lungbench.record import read_record, run_folders

SIDES = ("plain", "embedded", "server")
_NO_SERVER = PrefectServer("", 0)
_EXPERIMENT = """
name = "suite"
[data]
image_size = 16
synthetic_per_class = 5
[train]
epochs = 1
batch_size = 8
weights = "none"
[matrix]
models = ["cnn10"]
devices = ["cpu"]
repeats = {runs}
"""


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution.

    Attributes:
        wall_s: Of the command.
        children_s: Wall times of its trainings together.
        runs: How many they were.
    """

    wall_s: float
    children_s: float
    runs: int

    @property
    def beyond_s(self) -> float:
        """What the command took beyond its children."""
        return self.wall_s - self.children_s


def parser() -> argparse.ArgumentParser:
    """Return the command's options."""
    parsed = options(__doc__, rounds=4)
    parsed.add_argument("--runs", type=positive, default=4, help="trainings of an execution")
    parsed.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES)
    return parsed


def main() -> None:
    """Measure the sides in turns."""
    chosen = parser().parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # no server is left behind
    report = Report("suite", chosen)
    with tempfile.TemporaryDirectory(prefix="lungbench-bench-") as name:
        measured = _measured(Path(name), chosen)
    rows = [_row(side, found) for side, found in measured.items()]
    headings = ("side", "command", "children", "beyond", "least", "beyond, a run")
    report.publish(Table(headings, rows), [measured])


def _measured(folder: Path, chosen: argparse.Namespace) -> dict[str, list[Execution]]:
    (folder / "suite.toml").write_text(_EXPERIMENT.format(runs=chosen.runs), encoding="utf-8")
    # A lock folder of its own: waiting for other people's trainings is none of the suite's cost.
    environ = {"PREFECT_HOME": str(folder / "prefect"), "LUNGBENCH_LOCKS": str(folder / "locks")}
    found: dict[str, list[Execution]] = {side: [] for side in chosen.sides}
    serving = prefect_server(environ, folder / "server")
    with serving if "server" in found else nullcontext(_NO_SERVER) as server:
        for side in chosen.sides:
            _execute(side, folder, environ, server.api)
        for side in in_turn(chosen.sides, chosen.rounds):
            found[side].append(_execute(side, folder, environ, server.api))
    return found


def _execute(side: str, folder: Path, environ: Mapping[str, str], address: str) -> Execution:
    lungbench = str(Path(sys.executable).with_name("lungbench"))
    command = [lungbench, "run", str(folder / "suite.toml"), "--results", str(folder / "results")]
    without = ["--no-prefect"] if side == "plain" else []
    chosen = {"PREFECT_API_URL": address} if side == "server" else {}
    began = time.perf_counter()
    ended = subprocess.run(
        [*command, *without],
        env={**own_environment(), **environ, **chosen},
        capture_output=True,
        text=True,
        check=False,
    )
    wall_s = time.perf_counter() - began
    if ended.returncode:
        raise SystemExit(f"{side}: lungbench run ended with {ended.returncode}\n{ended.stderr}")
    children_s = _children_s(executions(folder / "results")[-1])
    return Execution(wall_s, sum(children_s), len(children_s))


def _children_s(execution: Path) -> list[float]:
    records = [read_record(run_dir) for run_dir in run_folders(execution)]
    return [record.timing.wall_s or 0.0 for record in records if record.timing]


def _row(side: str, found: list[Execution]) -> tuple[str, ...]:
    beyond = fmean(each.beyond_s for each in found)
    return (
        side,
        seconds(fmean(each.wall_s for each in found)),
        seconds(fmean(each.children_s for each in found)),
        seconds(beyond),
        seconds(min(each.beyond_s for each in found)),
        seconds(beyond / found[0].runs),
    )


if __name__ == "__main__":
    main()
