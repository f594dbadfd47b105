"""Whether the page's times can be trusted: what the guards found, the worst first."""

from collections.abc import Sequence
from dataclasses import dataclass

from lungbench.counted import counted
from lungbench.guards.judging import Guard
from reports.comparing.comparison import Study
from reports.comparing.guarding import guards_of, name_in_a_sentence, with_outcome
from reports.forms import format as fmt
from reports.results.load import Results

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
    found = guards_of(executions, study)
    total = sum(len(execution.completed) for execution in executions)
    raised = (*with_outcome(found, "fail"), *with_outcome(found, "warn"))
    return Trust(
        summary=_summary(found),
        raised=tuple(_raised(guard, total) for guard in raised),
        passed=with_outcome(found, "pass"),
        unknown=with_outcome(found, "unknown"),
        pointer=_pointer(found),
    )


def _raised(guard: Guard, total: int) -> Raised:
    runs = tuple(dict.fromkeys(guard.runs))
    if len(runs) == total > 1:
        return Raised(guard, "every run")
    if len(runs) <= _FEW_RUNS:
        return Raised(guard, fmt.listed(runs))
    return Raised(guard, counted(len(runs), "run"), runs)


def _summary(found: Sequence[Guard]) -> str:
    known = [guard for guard in found if guard.outcome != "unknown"]
    if not known:
        return "No run left anything that could be judged."
    if counts := _counts(found):
        return (
            f"Not without reserve: of {counted(len(known), 'guard')}, {counts}. Each says what "
            "was found and what to do."
        )
    return f"Yes, as far as can be told: all {counted(len(known), 'guard')} pass."


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
    raised = (*with_outcome(found, "fail"), *with_outcome(found, "warn"))
    names = [name_in_a_sentence(guard.name) for guard in raised]
    return f"Of the guards on these figures, {counts} ({'; '.join(names)}): see “{TITLE}”."
