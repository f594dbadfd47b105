"""Automations of a Prefect server that send lungbench's alarms to somebody.

`python -m flows.notifying` makes them on the server that `PREFECT_API_URL` names; the environment
says in `LUNGBENCH_ALARMS` where messages go, since whoever lists processes sees their arguments. An
http or https address gets a POST with JSON; any other one is Apprise's, such as
`mailtos://user:password@smtp.example.org?to=lab@example.org`. The server keeps it in a block,
encrypted; whoever has its database and its key can read it.
"""

import os
import sys
from typing import Any
from uuid import UUID

from prefect.automations import Automation
from prefect.blocks.core import Block
from prefect.blocks.notifications import SlackWebhook
from prefect.blocks.webhook import Webhook
from prefect.events.actions import CallWebhook, SendNotification
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from pydantic import SecretStr

ADDRESS_VARIABLE = "LUNGBENCH_ALARMS"
BLOCK = "lungbench-alarms"
ALARMS = "lungbench: alarms"
LATE, DEAD = "lungbench: missed schedules", "lungbench: dead flow runs"

_ALARM = "{{ event.payload['message'] }}"
_LATE = "A run of {{ deployment.name }} was due and has not begun."
_DEAD = "A run of {{ deployment.name }} has died; retry it to go on."
_TAGGED = {"prefect.resource.id": "prefect.tag.lungbench", "prefect.resource.role": "tag"}


def install(address: str) -> None:
    """Make the block and the automations anew."""
    block = _block(address)
    made = block.save(BLOCK, overwrite=True)
    document = UUID(str(made))
    plain = isinstance(block, Webhook)
    for name, trigger, text in (
        (ALARMS, _trigger("lungbench.execution.*"), _ALARM),
        (LATE, _trigger("prefect.flow-run.Late", _TAGGED), _LATE),
        (DEAD, _trigger("prefect.flow-run.Crashed", _TAGGED), _DEAD),
    ):
        action = _call(document, text) if plain else _message(document, name, text)
        _replace(Automation(name=name, trigger=trigger, actions=[action]))


def _block(address: str) -> Block:
    if address.startswith(("http://", "https://")):
        return Webhook(method="POST", url=SecretStr(address))
    # Of Prefect's own blocks that take one of Apprise's addresses, the one that takes any.
    return SlackWebhook(url=SecretStr(address))


def _trigger(event: str, related: dict[str, str] | None = None) -> EventTrigger:
    return EventTrigger(
        match=ResourceSpecification({"prefect.resource.id": "*"}),
        match_related=ResourceSpecification(related or {}),
        expect={event},
        posture=Posture.Reactive,
        threshold=1,
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


if __name__ == "__main__":
    if ADDRESS_VARIABLE not in os.environ:
        sys.exit(f"{ADDRESS_VARIABLE} must name where alarms go, e.g. mailtos://... or https://...")
    install(os.environ[ADDRESS_VARIABLE])
