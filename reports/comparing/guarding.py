"""The guards of a report: on its times, on the work of both sides, and on its images."""

from collections.abc import Sequence

from lungbench.counted import counted
from lungbench.guards.judging import Guard, Outcome, guards
from reports.comparing.audit_guards import audit_guards
from reports.comparing.comparison import Study
from reports.forms import format as fmt
from reports.results.load import Results


def guards_of(executions: Sequence[Results], study: Study) -> tuple[Guard, ...]:
    """Return every guard: as the core's table has them, then the same work, then the images."""
    judged = guards([run.record for run in execution.completed] for execution in executions)
    return (*judged, *_same_work(study), *audit_guards(executions, study))


def with_outcome(found: Sequence[Guard], outcome: Outcome) -> tuple[Guard, ...]:
    """Return the guards that came out like this, in their order."""
    return tuple(guard for guard in found if guard.outcome == outcome)


def name_in_a_sentence(guard: str) -> str:
    """Return a guard's name as it stands inside a sentence: `CPU quota`, `repeats`."""
    return guard if guard[:2].isupper() else f"{guard[0].lower()}{guard[1:]}"


def _same_work(study: Study) -> tuple[Guard, ...]:
    """Guard what must be equal on both sides; nothing to say where there is one side only."""
    compared = [each for each in study.every if each.baseline]
    differing = [each for each in compared if each.differences]
    if not compared:
        return ()
    name = "Same work on both sides"
    if not differing:
        said = (
            "Data, versions and settings are equal on both sides of every comparison, but "
            "for what it compares."
        )
        return (Guard(name, "pass", said),)
    keys = dict.fromkeys(one.key for each in differing for one in each.differences)
    return (
        Guard(
            name,
            "fail",
            f"{len(differing)} of {counted(len(compared), 'comparison')} differ in more than "
            f"what they compare, so no speed-up is shown of them: {fmt.listed(list(keys))}.",
            "Repeat one side so that these are equal.",
            tuple(run.spec.label for each in differing for run in each.cell.runs),
        ),
    )
