"""Events for Prefect's automations: what somebody wants to be told of.

An automation turns an event into a message, e.g. by a webhook or an e-mail (docs/lab-server.md).
Where there is no server, the exit code of the command line says the same.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefect.events import emit_event

from lungbench.errors import LungbenchError
from lungbench.executions.execution import REPORT_FILE, SUMMARY_FILE, Execution, executions

FAILED = "lungbench.execution.failed"
UNFINISHED = "lungbench.execution.unfinished"
REGRESSED = "lungbench.execution.regressed"
RULES = ("time:+5%", "accuracy:-1pp")
"""What is a regression against the execution before: an interval that is worse as a whole."""

_MOST_NAMED = 20
_LONGEST = 200

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
        for alarm in (*alarms(execution), *regressions(execution)):
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
    """Yield what has become worse since the execution before, as far as both can be compared."""
    before = _before(execution)
    if before is None:
        return
    from reports.over_time.changes import changes_of
    from reports.over_time.rules import broken, judged, parse_rule

    try:
        changes = changes_of(before, execution.folder)
    except (LungbenchError, OSError) as error:
        log.info("not compared with %s: %s", before.name, error)
        return
    found = broken(judged(changes, [parse_rule(rule) for rule in RULES]))
    if found:
        cells = {each.label: f"{each.change} ({each.rule})"[:_LONGEST] for each in found}
        name = execution.experiment.name
        message = f"{name}: worse than on {before.name}: {', '.join(cells)}."[:_LONGEST]
        yield Alarm(REGRESSED, message, cells)


def _before(execution: Execution) -> Path | None:
    """Return the newest earlier execution of the same name that was reported."""
    earlier = (
        folder
        for folder in reversed(executions(execution.folder.parent.parent))
        if folder.parent == execution.folder.parent and folder.name < execution.folder.name
    )
    return next((folder for folder in earlier if (folder / SUMMARY_FILE).exists()), None)


def _payload(alarm: Alarm, folder: Path) -> dict[str, Any]:
    return {
        "message": alarm.message,
        "runs": dict(list(alarm.runs.items())[:_MOST_NAMED]),
        "execution": folder.name,
        "report": str(folder / REPORT_FILE),
    }
