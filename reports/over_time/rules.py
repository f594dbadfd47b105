"""The rules by which a script takes a change for a regression, judged by intervals.

A rule names how much worse a cell may become. It is broken where the whole interval of the change
is worse than that, kept where none of it is, and undecided where it holds both. Without an
interval it is neither, and that is said.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from lungbench.errors import ExperimentError
from lungbench.stats.intervals import Combined, Interval
from reports.forms import format as fmt
from reports.over_time.changes import CellChange, Changes

Outcome = Literal["regression", "undecided", "untested", "kept"]

_RULE = re.compile(r"([a-z]+):([+-]?)(\d+(?:\.\d+)?)(%|pp)")
_ONE_RUN = "a side has one run, so there is no interval"
_NO_SPREAD = "the runs show no spread, so there is no interval"


@dataclass(frozen=True, slots=True)
class Found:
    """How much worse one cell became.

    Attributes:
        text: The change with its interval, for readers.
        worsening: The interval of the change, upwards for worse; None where there is none.
        why_none: Why there is none; empty where there is one.
    """

    text: str
    worsening: Interval | None
    why_none: str = ""


@dataclass(frozen=True, slots=True)
class Measure:
    """What a rule can be about.

    Attributes:
        worse: The sign of a change for the worse.
        unit: Of its margin.
        worst: From a margin, as a share, to the greatest worsening that is still kept.
        of: What became of a cell; None where the cell has no such figure by intent.
    """

    name: str
    worse: Literal["+", "-"]
    unit: Literal["%", "pp"]
    worst: Callable[[float], float]
    of: Callable[[CellChange], Found | None]

    @property
    def example(self) -> str:
        """A rule about it."""
        return f"{self.name}:{self.worse}{5 if self.unit == '%' else 1}{self.unit}"


@dataclass(frozen=True, slots=True)
class Rule:
    """How much worse a measure may become.

    Attributes:
        margin: A share of the old value, or a difference of accuracies; 0 or more.
        text: As it was written.
    """

    measure: Measure
    margin: float
    text: str


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a rule says of one cell.

    Attributes:
        rule: As it was written.
        label: The cell's.
        outcome: `untested` where there is no interval.
        change: The change and its interval, in words; a dash where there is none.
        why: What decided.
    """

    rule: str
    label: str
    outcome: Outcome
    change: str
    why: str

    def __str__(self) -> str:
        return f"{self.outcome}: {self.rule}, {self.label}: {self.change}; {self.why}."


def parse_rule(text: str) -> Rule:
    """Read a rule such as `speedup:-5%`.

    Raises:
        ExperimentError: It is none, or its margin is an improvement.
    """
    match = _RULE.fullmatch(text.strip())
    measure = _MEASURES.get(match[1]) if match else None
    if match is None or measure is None or match[4] != measure.unit:
        raise ExperimentError(
            "A rule names a measure and how much worse it may become.",
            received=text,
            expected=fmt.listed([each.example for each in _MEASURES.values()], "or"),
        )
    margin = float(match[3]) / 100
    if (margin and match[2] != measure.worse) or (measure.worse == "-" and margin >= 1):
        raise ExperimentError(
            f"The margin of {measure.name} is how much worse it may become, below 100%.",
            received=text,
            expected=f"such as {measure.example}",
        )
    return Rule(measure, margin, text.strip())


def judged(changes: Changes, rules: Sequence[Rule]) -> tuple[Ruling, ...]:
    """Judge every cell by every rule; what can't be judged gets a ruling that says why."""
    return tuple(ruling for rule in rules for ruling in _by(rule, changes))


def broken(rulings: Sequence[Ruling]) -> tuple[Ruling, ...]:
    """Return the regressions."""
    return tuple(each for each in rulings if each.outcome == "regression")


def _by(rule: Rule, changes: Changes) -> list[Ruling]:
    pairs = [(cell, rule.measure.of(cell)) for cell in changes.compared]
    rulings = [_ruling(rule, cell.label, found) for cell, found in pairs if found]
    for cell in changes.cells:
        if cell.refused:
            why = f"other work: {fmt.listed([str(each) for each in cell.refused])}"
            rulings.append(_untested(rule, cell.label, why))
    rulings += [
        _untested(rule, lost.label, f"no result in NEW: {lost.why}")
        for lost in changes.lost
        if lost.only_in == "OLD"
    ]
    return rulings or [_untested(rule, "every cell", "no cell has such a figure")]


def _ruling(rule: Rule, label: str, found: Found) -> Ruling:
    if found.worsening is None:
        return Ruling(rule.text, label, "untested", found.text, found.why_none)
    worst = rule.measure.worst(rule.margin)
    if found.worsening.low > worst:
        why = "the whole interval is worse than the rule allows"
        return Ruling(rule.text, label, "regression", found.text, why)
    if found.worsening.high <= worst:
        return Ruling(rule.text, label, "kept", found.text, "none of the interval is worse")
    why = "the interval holds both sides of the margin; more repeats narrow it"
    return Ruling(rule.text, label, "undecided", found.text, why)


def _untested(rule: Rule, label: str, why: str) -> Ruling:
    return Ruling(rule.text, label, "untested", fmt.MISSING, why)


def _time(cell: CellChange) -> Found | None:
    if cell.time is None:
        return Found(fmt.MISSING, None, "a side has no steady epoch")
    one_run = min(cell.time.baseline_runs, cell.time.other_runs) == 1
    return _of_ratio(cell.time_ratio, one_run=one_run, upwards=True)


def _speedup(cell: CellChange) -> Found | None:
    """Return nothing of the baseline device, which has no speed-up."""
    if cell.new.is_baseline:
        return None
    sides = [side.speedup for side in (cell.old, cell.new) if side.speedup]
    if cell.gain is None:
        return Found(fmt.MISSING, None, "a side has no speed-up over its baseline")
    one_run = min(min(side.baseline_runs, side.other_runs) for side in sides) == 1
    return _of_ratio(cell.gain, one_run=one_run, upwards=False)


def _of_ratio(ratio: Combined | None, *, one_run: bool, upwards: bool) -> Found | None:
    if ratio is None:
        return None
    text = fmt.change(ratio.estimate, ratio.interval)
    if ratio.interval is None:
        return Found(text, None, _ONE_RUN if one_run else _NO_SPREAD)
    low, high = math.log(ratio.interval.low), math.log(ratio.interval.high)
    return Found(text, Interval(low, high) if upwards else Interval(-high, -low))


def _accuracy(cell: CellChange) -> Found | None:
    """Return nothing of what was only timed; one run a side says nothing of other seeds."""
    if cell.verdict is None:
        timed = cell.old.cell.timing_only or cell.new.cell.timing_only
        return None if timed else Found(fmt.MISSING, None, "a side was not evaluated")
    interval = cell.verdict.interval
    text = fmt.points(cell.verdict.difference, interval)
    if cell.repeats == 1:
        return Found(text, None, "a side has one run, and this interval knows nothing of seeds")
    return Found(text, Interval(-interval.high, -interval.low))


_MEASURES = {
    each.name: each
    for each in (
        Measure("time", "+", "%", math.log1p, _time),
        Measure("speedup", "-", "%", lambda margin: -math.log1p(-margin), _speedup),
        Measure("accuracy", "-", "pp", float, _accuracy),
    )
}
