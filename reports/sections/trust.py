"""Whether the page's times can be trusted: what the guards found, the worst first."""

from collections.abc import Sequence
from dataclasses import dataclass

from lungbench.guards import Guard, Outcome, guards
from reports import format as fmt
from reports.comparison import Study
from reports.load import Results

TITLE = "Can these numbers be trusted?"

_FEW_RUNS = 3  # as many as are named in a line; more are folded away
_VERBS = {"fail": ("fails", "fail"), "warn": ("warns", "warn")}


@dataclass(frozen=True, slots=True)
class Raised:
    """One guard that found something.

    Attributes:
        runs: Which runs, in words.
        named: The same one by one where they are many.
    """

    guard: Guard
    runs: str
    named: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trust:
    """The section on trust.

    Attributes:
        summary: The answer in a sentence.
        raised: What failed, then what warns.
        passed: What was looked at and is well.
        unknown: What no record tells.
        pointer: What the verdict says of it; None where nothing was raised.
    """

    summary: str
    raised: tuple[Raised, ...]
    passed: tuple[Guard, ...]
    unknown: tuple[Guard, ...]
    pointer: str | None


def trust(executions: Sequence[Results], study: Study) -> Trust:
    """Build the section."""
    judged = guards([run.record for run in execution.completed] for execution in executions)
    found = (*judged, *_same_work(study))
    total = sum(len(execution.completed) for execution in executions)
    raised = (*_with(found, "fail"), *_with(found, "warn"))
    return Trust(
        summary=_summary(found),
        raised=tuple(_raised(guard, total) for guard in raised),
        passed=_with(found, "pass"),
        unknown=_with(found, "unknown"),
        pointer=_pointer(found),
    )


def _with(found: Sequence[Guard], outcome: Outcome) -> tuple[Guard, ...]:
    return tuple(guard for guard in found if guard.outcome == outcome)


def _same_work(study: Study) -> tuple[Guard, ...]:
    """Guard what must be equal on both sides; nothing to say where there is one side only."""
    compared = [each for each in study.comparisons if each.baseline]
    differing = [each for each in compared if each.differences]
    if not compared:
        return ()
    name = "Same work on both sides"
    if not differing:
        said = "Data, versions and settings are equal on both sides of every comparison."
        return (Guard(name, "pass", said),)
    keys = dict.fromkeys(one.key for each in differing for one in each.differences)
    return (
        Guard(
            name,
            "fail",
            f"{len(differing)} of {fmt.plural(len(compared), 'comparison')} differ in more than "
            f"the device, so no speed-up is shown of them: {fmt.listed(list(keys))}.",
            "Repeat one side so that these are equal.",
            tuple(run.spec.label for each in differing for run in each.cell.runs),
        ),
    )


def _raised(guard: Guard, total: int) -> Raised:
    runs = tuple(dict.fromkeys(guard.runs))
    if len(runs) == total > 1:
        return Raised(guard, "every run")
    if len(runs) <= _FEW_RUNS:
        return Raised(guard, fmt.listed(runs))
    return Raised(guard, fmt.plural(len(runs), "run"), runs)


def _summary(found: Sequence[Guard]) -> str:
    known = [guard for guard in found if guard.outcome != "unknown"]
    if not known:
        return "No run left anything that could be judged."
    if counts := _counts(found):
        return (
            f"Not without reserve: of {fmt.plural(len(known), 'guard')}, {counts}. Each says what "
            "was found and what to do."
        )
    return f"Yes, as far as can be told: all {fmt.plural(len(known), 'guard')} pass."


def _counts(found: Sequence[Guard]) -> str:
    """Say how many fail and how many warn: `1 fails and 2 warn`; nothing where none does."""
    numbers = {outcome: sum(g.outcome == outcome for g in found) for outcome in _VERBS}
    return fmt.listed(
        [
            f"{number} {_VERBS[outcome][number != 1]}"
            for outcome, number in numbers.items()
            if number
        ]
    )


def _pointer(found: Sequence[Guard]) -> str | None:
    counts = _counts(found)
    if not counts:
        return None
    names = [guard.name.lower() for guard in (*_with(found, "fail"), *_with(found, "warn"))]
    names = [name.replace("gpu", "GPU").replace("cpu", "CPU") for name in names]
    return f"Of the guards on these times, {counts} ({'; '.join(names)}): see “{TITLE}”."
