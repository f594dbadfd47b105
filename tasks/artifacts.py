"""Artifacts of Prefect's UI, written by threads that no training waits for.

A server may be slow, or gone: then the thread that talks to it hangs, and nothing else does.
"""

import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any, Literal
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.runtime import flow_run, task_run
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

Kind = Literal["progress", "table", "markdown"]

FAREWELL_S = 5.0
"""The longest that anything waits for an artifact's last change."""

# Long enough for a server that is slow: one that did what it was asked to, and said so too late,
# would be asked to make the same artifact again.
_ANSWER_S = 60.0

log = logging.getLogger(__name__)


def key_of(*parts: str) -> str:
    """Return a key that Prefect accepts; artifacts of one key are one history in its UI."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(parts).lower()).strip("-")


class Artifact:
    """One artifact of the flow or task run that makes this object.

    Args:
        kind: How the UI shows it.
        key: Of the history that it belongs to.
    """

    def __init__(self, kind: Kind, key: str) -> None:
        self._kind, self._key = kind, key
        self._flow_run, self._task_run = _uuid(flow_run.id), _uuid(task_run.id)
        self._id: UUID | None = None
        self._shown: dict[str, Any] = {}

    def show(self, client: SyncPrefectClient, data: Any, description: str | None = None) -> None:
        """Make or change the artifact where this is news; what the server can't do is left."""
        whole = {"data": data, "description": description}
        known = self._shown
        news = {key: whole[key] for key in whole if key not in known or known[key] != whole[key]}
        if not news:
            return
        try:
            self._send(client, news)
            self._shown = whole
        except Exception as error:  # whatever the server does, the runs go on
            self._shown = {}  # it may have done this without saying so: next time it is told all
            log.debug("no artifact %s: %s", self._key, error)

    def _send(self, client: SyncPrefectClient, news: dict[str, Any]) -> None:
        if self._id is None:
            made = client.create_artifact(
                ArtifactCreate(
                    key=self._key,
                    type=self._kind,
                    flow_run_id=self._flow_run,
                    task_run_id=self._task_run,
                    **news,
                )
            )
            self._id = made.id
        else:
            # The client's own `update_artifact` sends all of it once more, as an event.
            client.request("PATCH", "/artifacts/{id}", path_params={"id": self._id}, json=news)


Look = Callable[[SyncPrefectClient], None]


@contextmanager
def looking(look: Look, every_s: float, name: str) -> Iterator[None]:
    """Call `look` now and then in a thread of its own while the body runs, and once after it.

    Args:
        look: Looks at what there is and tells Prefect; raises nothing.
        every_s: Pause between two looks.
        name: The thread's.
    """
    ended = threading.Event()
    thread = threading.Thread(
        target=copy_context().run, args=(_look_on, look, every_s, ended), name=name, daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(FAREWELL_S)


def _look_on(look: Look, every_s: float, ended: threading.Event) -> None:
    try:
        with (
            temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
            get_client(sync_client=True, httpx_settings={"timeout": _ANSWER_S}) as client,
        ):
            while not ended.is_set():
                look(client)
                ended.wait(every_s)
            look(client)
    except Exception as error:  # a thread of comfort only
        log.debug("nothing more is shown: %s", error)


def show_once(kind: Kind, key: str, data: Any) -> None:
    """Make an artifact of the flow or task run that calls this; wait a few seconds for it at most.

    Args:
        kind: How the UI shows it.
        key: Of the history that it belongs to.
        data: What it shows.
    """
    artifact = Artifact(kind, key)
    with looking(lambda client: artifact.show(client, data), FAREWELL_S, key):
        pass


def _uuid(text: str | None) -> UUID | None:
    return UUID(text) if text else None
