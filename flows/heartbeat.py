"""The automation that ends flow runs whose process died without a word.

A flow run sends a heartbeat every `FREQUENCY_S` while its process lives. One that sent some, and
then neither another nor word of its end, is set to Crashed by the server itself. It mends what a
command of lungbench can't see: a machine that never came back.

`python -m flows.heartbeat` gives it to the server that `PREFECT_API_URL` names.
"""

from datetime import timedelta

from prefect.automations import Automation
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

NAME = "lungbench: end flow runs without a heartbeat"
FREQUENCY_S = 30
"""Prefect's least; `PREFECT_FLOWS_HEARTBEAT_FREQUENCY` of the processes that run flows."""

HEARTBEAT = "prefect.flow-run.heartbeat"
ENDS = tuple(f"prefect.flow-run.{end}" for end in ("Completed", "Failed", "Cancelled", "Crashed"))

_MISSED = 3


def install() -> bool:
    """Give the server the automation, if it hasn't got it; return whether it was missing."""
    try:
        Automation.read(name=NAME)  # type: ignore[unused-coroutine]  # outside a loop it reads
    except ValueError:
        _automation().create()
        return True
    return False


def _automation() -> Automation:
    return Automation(
        name=NAME,
        description="A flow run whose process died without a word is set to Crashed.",
        trigger=EventTrigger(
            match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
            for_each={"prefect.resource.id"},
            after={HEARTBEAT},
            expect={HEARTBEAT, *ENDS},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=_MISSED * FREQUENCY_S),
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                message=f"No heartbeat for {_MISSED * FREQUENCY_S} s: its process has died.",
            )
        ],
    )


if __name__ == "__main__":
    install()
