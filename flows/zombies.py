"""Flow runs whose process died: noted while they live, set to Crashed by a later command.

A server that gets no word of a run's end shows it as Running for ever. Every execution notes its
flow runs in `flow.json`; a command that uses the same server asks which of them are not final, and
ends those whose execution nobody holds any more.

`python -m flows.zombies RESULTS` is what a service manager runs before it starts a worker.
"""

import logging
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import TERMINAL_STATES, FlowRun, State, StateType
from prefect.runtime import flow_run as present
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Crashed
from pydantic import ValidationError

from lungbench.executions.execution import FLOW_FILE, executions
from lungbench.executions.hold import held_elsewhere
from lungbench.executions.repair import repair_all
from lungbench.files import write_atomically
from lungbench.frozen import Frozen
from lungbench.secrets import without_password

_ANSWER_S = 5.0
_OPEN = [state for state in StateType if state not in TERMINAL_STATES]

log = logging.getLogger("lungbench.zombies")


class NotedFlowRun(Frozen):
    """One flow run of an execution.

    Attributes:
        api: Its server's address; None is the embedded one.
        host: The machine that its process ran on.
    """

    id: UUID
    api: str | None
    host: str


class FlowNote(Frozen):
    """`flow.json`: the flow runs that have worked on an execution, oldest first."""

    flow_runs: tuple[NotedFlowRun, ...] = ()


def note_flow_run(folder: Path) -> None:
    """Add the flow run that this code runs in to its execution's note, if that can be written."""
    now = NotedFlowRun(id=UUID(present.id), api=_server(), host=socket.gethostname())
    others = (each for each in _read(folder).flow_runs if each != now)  # one that is retried
    note = FlowNote(flow_runs=(*others, now))
    with suppress(OSError):
        write_atomically(folder / FLOW_FILE, note.model_dump_json(indent=2) + "\n")


def end_zombies(results: Path) -> None:
    """Set the flow and task runs of this host's dead executions to Crashed.

    A server that is down, slow or unwilling stops nobody: a line of the log says so.
    """
    noted = dict(_noted(results))
    if not noted:
        return
    try:
        with (
            temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
            get_client(sync_client=True, httpx_settings={"timeout": _ANSWER_S}) as client,
        ):
            for flow_run in _open_runs(client, list(noted)):
                if not held_elsewhere(noted[flow_run.id]):
                    _end(client, flow_run)
                    log.info("Prefect: flow run %s has died and is set to Crashed", flow_run.name)
    except Exception as error:  # whatever the server does, the runs go on
        why = str(error) or type(error).__name__
        log.info("Prefect may show flow runs as Running that have died: %s", why.splitlines()[0])


def _noted(results: Path) -> Iterator[tuple[UUID, Path]]:
    """Yield this host's flow runs on the server in use, with their executions."""
    host, api = socket.gethostname(), _server()
    for folder in executions(results):
        for each in _read(folder).flow_runs:
            if (each.host, each.api) == (host, api):
                yield each.id, folder


def flow_runs_of(folder: Path) -> set[str]:
    """Return the ids of the flow runs that have worked on an execution, of the server in use."""
    api = _server()
    return {str(each.id) for each in _read(folder).flow_runs if each.api == api}


def mend(results: Path) -> None:
    """Record what dead processes of this host left below `results`, here and on the server."""
    repair_all(results)
    end_zombies(results)


def _read(folder: Path) -> FlowNote:
    try:
        return FlowNote.model_validate_json((folder / FLOW_FILE).read_bytes())
    except (OSError, ValidationError):
        return FlowNote()


def _server() -> str | None:
    """Return the address of the server in use, without a password that may stand in it."""
    address: str | None = PREFECT_API_URL.value()
    return without_password(address) if address else None


def _open_runs(client: SyncPrefectClient, ids: list[UUID]) -> list[FlowRun]:
    state = FlowRunFilterState(type=FlowRunFilterStateType(any_=_OPEN))
    wanted = FlowRunFilter(id=FlowRunFilterId(any_=ids), state=state)
    return list(client.read_flow_runs(flow_run_filter=wanted))


def _end(client: SyncPrefectClient, flow_run: FlowRun) -> None:
    state = TaskRunFilterState(type=TaskRunFilterStateType(any_=_OPEN))
    for task_run in client.read_task_runs(
        flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run.id])),
        task_run_filter=TaskRunFilter(state=state),
    ):
        client.set_task_run_state(task_run.id, _crashed(), force=True)
    client.set_flow_run_state(flow_run.id, _crashed(), force=True)


def _crashed() -> State[Any]:
    return Crashed(message="Its process ended without a word; lungbench noticed later.")


if __name__ == "__main__":
    mend(Path(sys.argv[1]))
