"""Events for Prefect's automations: what somebody wants to be told of.

An automation turns an event into a message, e.g. by a webhook or an e-mail (docs/lab-server.md).
Where there is no server, the exit code of the command line says the same.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect.events import emit_event

from lungbench.counted import counted
from lungbench.executions.execution import REPORT_FILE, Execution
from lungbench.foreign_text import visible
from lungbench.stats.steps import FEWEST_EARLIER

if TYPE_CHECKING:  # they take a second to import, which an experiment's first nights don't need
    from reports.over_time.history import History, Stray, Track
    from reports.over_time.past import PastExperiment

FAILED = "lungbench.execution.failed"
UNFINISHED = "lungbench.execution.unfinished"
REGRESSED = "lungbench.execution.regressed"

_MOST_NAMED = 20
_LONGEST = 200
_LONGEST_MESSAGE = 400

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that somebody wants to be told of.

    Attributes:
        event: Its name.
        message: One sentence.
        runs: What was found of each run, by its name.
    """

    event: str
    message: str
    runs: dict[str, str] = field(default_factory=dict)


def raise_alarms(execution: Execution) -> None:
    """Send an event for everything about an execution that somebody wants to be told of."""
    try:
        for alarm in chain(alarms(execution), regressions(execution)):
            _send(alarm, execution)
            log.info("%s", alarm.message)
    except Exception as error:  # results are what counts, and they are written
        log.warning("no alarm: %s: %s", type(error).__name__, error)


def _send(alarm: Alarm, execution: Execution) -> None:
    name = execution.experiment.name
    emit_event(
        alarm.event,
        resource={
            "prefect.resource.id": f"lungbench.experiment.{name}",
            "prefect.resource.name": name,
        },
        payload=_payload(alarm, execution.folder),
    )


def alarms(execution: Execution) -> Iterator[Alarm]:
    """Yield what somebody wants to be told of this execution by itself."""
    runs = execution.experiment.runs()
    found = [(spec.label, execution.record(spec)) for spec in runs]
    failed = {
        label: record.reason.message[:_LONGEST] if record.reason else record.status
        for label, record in found
        if record and record.status == "failed"
    }
    left = {
        label: "left" for label, record in found if not record or record.status == "interrupted"
    }
    name = execution.experiment.name
    if failed:
        yield Alarm(FAILED, f"{name}: {len(failed)} of {len(runs)} trainings failed.", failed)
    if left:
        yield Alarm(UNFINISHED, f"{name}: {len(left)} of {len(runs)} trainings are left.", left)


def regressions(execution: Execution) -> Iterator[Alarm]:
    """Yield what has become worse, by the rule of `lungbench history` and of the index page.

    What came after this execution isn't looked at: one that is resumed later is judged by what
    was there when it began.
    """
    if sum(1 for _ in execution.folder.parent.iterdir()) <= FEWEST_EARLIER:
        return
    from reports.over_time.history import history_of
    from reports.over_time.history_words import stray_finding

    past = _past_until(execution)
    if past is None:
        return
    history = history_of(past)
    found = sorted(history.regressions, key=lambda each: each[1].p)
    cells: dict[str, list[str]] = {}
    for track, stray in found:
        words = stray_finding(stray, history.when(track, stray))
        cells.setdefault(visible(track.label), []).append(words)
    if found:
        runs = {label: " ".join(words) for label, words in cells.items()}
        yield Alarm(REGRESSED, _worse(history, *found[0], others=len(cells) - 1), runs)


def _past_until(execution: Execution) -> "PastExperiment | None":
    """Return an experiment's executions up to this one; None where this one has no result."""
    from reports.over_time.past import read_past

    [experiment] = read_past(execution.folder.parent).experiments
    names = [each.folder.name for each in experiment.executions]
    if execution.folder.name not in names:
        return None
    until = experiment.executions[: names.index(execution.folder.name) + 1]
    return replace(experiment, executions=until) if until[-1].cells else None


def _worse(history: "History", track: "Track", stray: "Stray", others: int) -> str:
    """Say the surest of what is worse, what changed by then, and how many cells are worse too."""
    from reports.over_time.history_words import changes_at, stray_sentence

    execution = history.when(track, stray)
    changes = changes_at(history, history.experiment.executions.index(execution))
    parts = [
        f"{history.experiment.name}: {stray_sentence(track, stray, execution)}",
        f"Worse too: {counted(others, 'other cell')}." if others else "",
        f"Changed by then: {', '.join(changes)}." if changes else "",
    ]
    return " ".join(filter(None, parts))[:_LONGEST_MESSAGE]


def _payload(alarm: Alarm, folder: Path) -> dict[str, Any]:
    return {
        "message": alarm.message,
        "runs": dict(list(alarm.runs.items())[:_MOST_NAMED]),
        "execution": folder.name,
        "report": str(folder / REPORT_FILE),
    }
