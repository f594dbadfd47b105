"""Whether a report's times can be trusted, judged from records alone.

The table is in `lungbench.guards.table`: each of its lines measures every completed run, or every
cell of repeats, and is as bad as the worst of them. What no record tells is `unknown`, never a
pass. What must be equal on both sides of a speed-up is guarded by `reports.comparing.work`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lungbench.counted import counted
from lungbench.guards.measures import Runs, usable_for_timing
from lungbench.guards.table import TABLE, Line, Outcome

__all__ = ["Guard", "Outcome", "guards", "usable_for_timing"]


@dataclass(frozen=True, slots=True)
class Guard:
    """One answer to whether a report's times can be trusted.

    Attributes:
        name: What was looked at.
        outcome: `warn` widens what a time may be off by; `fail` takes its worth; `unknown` is
            what no record tells.
        found: What was found, in a sentence.
        advice: What to do next; None where all is well.
        runs: The labels of the runs it is about, worst first; none where all is well.
    """

    name: str
    outcome: Outcome
    found: str
    advice: str | None = None
    runs: tuple[str, ...] = ()


def guards(executions: Iterable[Runs]) -> tuple[Guard, ...]:
    """Judge the completed runs of a report.

    Args:
        executions: The records of each execution; repeats of a cell belong to one of them.

    Returns:
        One guard a line of the table, in its order, without those that concern none of the runs.
    """
    completed = [[run for run in runs if run.status == "completed"] for runs in executions]
    groups: dict[str, list[Runs]] = {
        "run": [[run] for runs in completed for run in runs],
        "cell": [cell for runs in completed for cell in _cells(runs)],
    }
    names = _names([run for runs in completed for run in runs])
    judged = (_judged(line, groups[line.each], names) for line in TABLE)
    return tuple(guard for guard in judged if guard)


def _judged(line: Line, groups: Sequence[Runs], names: dict[int, str]) -> Guard | None:
    concerned = [runs for runs in groups if line.concerns(runs)]
    if not concerned:
        return None
    pairs = ((line.measure(runs), runs) for runs in concerned)
    known = [(value, runs) for value, runs in pairs if value is not None]
    if not known:
        return Guard(line.name, "unknown", "The records do not say.")
    known.sort(key=lambda pair: pair[0], reverse=not line.low)
    worst, worst_runs = known[0]
    outcome = line.outcome(worst)
    bad = [runs for value, runs in known if line.outcome(value) != "pass"]
    words = {
        "worst": line.tell(worst_runs) if line.tell else line.figure(worst),
        "limit": line.figure(line.warn),
        "count": f"{len(bad)} of {counted(len(known), line.each)}",
    }
    if outcome == "pass":
        return Guard(line.name, outcome, line.calm.format(**words) + _rest(line, known, concerned))
    return Guard(
        line.name,
        outcome,
        line.alarm.format(**words) + _rest(line, known, concerned),
        line.advice,
        tuple(names[id(run)] for runs in bad for run in runs),
    )


def _rest(line: Line, known: Sequence[object], concerned: Sequence[object]) -> str:
    """Say how many could not be judged."""
    silent = len(concerned) - len(known)
    return f" {counted(silent, line.each)} did not record it." if silent else ""


def _cells(runs: Runs) -> list[Runs]:
    """Put the repeats of each cell together."""
    cells = defaultdict(list)
    for run in runs:
        cells[run.host.hostname, run.spec.cell_parts].append(run)
    return list(cells.values())


def _names(runs: Runs) -> dict[int, str]:
    """Name each run as its log does, with host and start where several runs share a name."""
    often = Counter(run.spec.label for run in runs)
    return {
        id(run): run.spec.label
        if often[run.spec.label] == 1
        else f"{run.spec.label} ({run.host.hostname}, {run.started:%Y-%m-%d %H:%M})"
        for run in runs
    }
