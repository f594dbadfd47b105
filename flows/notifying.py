"""Automations of a Prefect server that send lungbench's alarms to somebody.

`python -m flows.notifying` makes them on the server that `PREFECT_API_URL` names; the environment
says in `LUNGBENCH_ALARMS` where messages go, since whoever lists processes sees their arguments. An
http or https address gets a POST with JSON; any other one is Apprise's, such as
`mailtos://user:password@smtp.example.org?to=lab@example.org`. The server keeps it in a block,
encrypted; whoever has its database and its key can read it.

A run that is due and waits behind another of its deployment is no missed schedule: the other one's
heartbeats say so. Missed is a run that has been due for `LUNGBENCH_OVERDUE_S` while nothing of its
deployment gave a sign of life.
"""

import logging
import os
import sys
from datetime import timedelta
from typing import Any
from uuid import UUID

from apprise import Apprise
from prefect.automations import Automation
from prefect.blocks.core import Block
from prefect.blocks.notifications import SlackWebhook
from prefect.blocks.webhook import Webhook
from prefect.events.actions import CallWebhook, SendNotification
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from pydantic import SecretStr

from flows.heartbeat import ENDS, FREQUENCY_S, HEARTBEAT
from lungbench.counted import counted

ADDRESS_VARIABLE = "LUNGBENCH_ALARMS"
OVERDUE_VARIABLE = "LUNGBENCH_OVERDUE_S"
OVERDUE_S = 3600
BLOCK = "lungbench-alarms"
ALARMS = "lungbench: alarms"
LATE, DEAD = "lungbench: missed schedules", "lungbench: dead flow runs"

_ALARM = "{{ event.payload['message'] }}"
_LATE = "A run of {{{{ deployment.name }}}} has been due for {time}, and none has run since."
_DEAD = "A run of {{ deployment.name }} has died; retry it to go on."
_LEAST_OVERDUE_S = 2 * FREQUENCY_S  # in less, a run that lives may have said nothing
_TAGGED = {"prefect.resource.id": "prefect.tag.lungbench", "prefect.resource.role": "tag"}


def main() -> None:
    """Install what the environment asks for, or end with a line about it."""
    install(_address(), _overdue_s())


def install(address: str, overdue_s: int = OVERDUE_S) -> None:
    """Make the block and the automations anew.

    Args:
        address: Where messages go.
        overdue_s: How long a run may be due while nothing of its deployment runs.
    """
    block = _block(address)
    made = block.save(BLOCK, overwrite=True)
    document = UUID(str(made))
    plain = isinstance(block, Webhook)
    for name, trigger, text in (
        (ALARMS, _trigger("lungbench.execution.*"), _ALARM),
        (LATE, _missed(overdue_s), _LATE.format(time=counted(overdue_s // 60, "minute"))),
        (DEAD, _trigger("prefect.flow-run.Crashed", _TAGGED), _DEAD),
    ):
        action = _call(document, text) if plain else _message(document, name, text)
        _replace(Automation(name=name, trigger=trigger, actions=[action]))


def _block(address: str) -> Block:
    if _is_webhook(address):
        return Webhook(method="POST", url=SecretStr(address))
    # Of Prefect's own blocks that take one of Apprise's addresses, the one that takes any.
    return SlackWebhook(url=SecretStr(address))


def _is_webhook(address: str) -> bool:
    return address.startswith(("http://", "https://"))


def _trigger(event: str, related: dict[str, str] | None = None) -> EventTrigger:
    return EventTrigger(
        match=ResourceSpecification({"prefect.resource.id": "*"}),
        match_related=ResourceSpecification(related or {}),
        expect={event},
        posture=Posture.Reactive,
        threshold=1,
    )


def _missed(overdue_s: int) -> EventTrigger:
    """Fire if no run of a late one's deployment lives: neither itself nor one that it waits for."""
    return EventTrigger(
        match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
        match_related=ResourceSpecification(_TAGGED),
        for_each={"related:deployment:prefect.resource.id"},
        after={"prefect.flow-run.Late"},
        expect={"prefect.flow-run.Running", HEARTBEAT, *ENDS},
        posture=Posture.Proactive,
        threshold=1,
        within=timedelta(seconds=overdue_s),
    )


def _call(block: UUID, text: str) -> CallWebhook:
    return CallWebhook(block_document_id=block, payload=f'{{"text": "{text}"}}')


def _message(block: UUID, subject: str, text: str) -> SendNotification:
    return SendNotification(block_document_id=block, subject=subject, body=text)


def _replace(automation: Automation) -> None:
    try:
        before: Any = Automation.read(name=automation.name)  # outside a loop it reads
    except ValueError:
        automation.create()
        return
    automation.id = before.id
    automation.update()


def _address() -> str:
    if not (address := os.environ.get(ADDRESS_VARIABLE)):
        sys.exit(f"{ADDRESS_VARIABLE} must name where alarms go, e.g. mailtos://... or https://...")
    logging.getLogger("apprise").disabled = True  # it repeats parts of what it can't read
    if not _is_webhook(address) and not Apprise().add(address):
        sys.exit(f"{ADDRESS_VARIABLE} must be an address that Apprise can read")
    return address


def _overdue_s() -> int:
    given = os.environ.get(OVERDUE_VARIABLE, str(OVERDUE_S))
    if not given.isdecimal() or int(given) < _LEAST_OVERDUE_S:
        sys.exit(f"{OVERDUE_VARIABLE} must be seconds, {_LEAST_OVERDUE_S} or more, not {given!r}")
    return int(given)


if __name__ == "__main__":
    main()
