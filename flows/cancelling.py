"""A flow run that somebody cancels ends by itself, with a worker and without one.

A worker ends the process of a flow run that is cancelled in the UI, until its server was away for
half a minute: then it watches no more. Nobody does that for a flow run that a command line started.
So every flow run asks for its own state, in a thread that no training waits for.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.runtime import flow_run

from tasks.artifacts import looking

EVERY_S = 2.0
"""With the half second of its watcher, a training is told to end within three."""

_CANCELLED = (StateType.CANCELLING, StateType.CANCELLED)

log = logging.getLogger(__name__)


@contextmanager
def cancellable(every_s: float = EVERY_S) -> Iterator[threading.Event]:
    """Yield what is set when somebody cancels this flow run while the body runs.

    Args:
        every_s: Pause between two questions.
    """
    stop = threading.Event()
    ask = _Question(UUID(flow_run.id), stop)
    with looking(ask, every_s, "cancelling"):
        yield stop


class _Question:
    def __init__(self, flow_run: UUID, stop: threading.Event) -> None:
        self._flow_run, self._stop = flow_run, stop

    def __call__(self, client: SyncPrefectClient) -> None:
        """Ask whether the flow run is cancelled; a server that doesn't answer says nothing."""
        if self._stop.is_set():
            return
        try:
            state = client.read_flow_run(self._flow_run).state
        except Exception as error:  # whatever the server does, the runs go on
            log.debug("not asked for the flow run's state: %s", error)
            return
        if state and state.type in _CANCELLED:
            log.info("cancelled in Prefect: trainings end with a checkpoint")
            self._stop.set()
