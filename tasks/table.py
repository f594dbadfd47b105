"""Show all trainings of an execution in Prefect's UI, as a table that fills in.

A server can't change a part of an artifact. A table in one piece would be sent whole for each
training that goes on, which is quadratic in their number; so a long one is several artifacts, of
which only those are sent in which something has changed.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from prefect.client.orchestration import SyncPrefectClient

from lungbench.executions.execution import Execution
from tasks.artifacts import Artifact, key_of, looking
from tasks.standing import Standing, shown, throughput, watches_of

ROWS = 50
"""The most that one artifact holds."""

_EVERY_S = 10.0
_ROWS_A_SECOND = 25  # each look costs a few questions to the file system for every training


@contextmanager
def shown_as_a_table(execution: Execution) -> Iterator[None]:
    """Show where every training stands while the body runs."""
    watches = watches_of(execution)
    table = LongTable(execution.experiment.name, len(watches))

    def look(client: SyncPrefectClient) -> None:
        table.show(client, [watch.look() for watch in watches])

    with looking(look, max(_EVERY_S, len(watches) / _ROWS_A_SECOND), "cells"):
        yield


class LongTable:
    """The table of so many trainings, in artifacts of at most `ROWS` of them.

    Args:
        experiment: Its name; each artifact is one history over its executions.
        trainings: How many there are.
    """

    def __init__(self, experiment: str, trainings: int) -> None:
        firsts = range(0, trainings, ROWS)
        self._artifacts = [Artifact("table", _key(experiment, first)) for first in firsts]

    def show(self, client: SyncPrefectClient, standings: Sequence[Standing]) -> None:
        """Send what has changed; the first part says how far all of them are."""
        for number, artifact in enumerate(self._artifacts):
            part = standings[number * ROWS : (number + 1) * ROWS]
            about = summary(part if number else standings)
            artifact.show(client, json.dumps(rows(part)), about)


def _key(experiment: str, first: int) -> str:
    begins = (f"from-{first + 1}",) if first else ()
    return key_of(experiment, "trainings", *begins)


def rows(standings: Sequence[Standing]) -> list[dict[str, str]]:
    """Return a row a training, by the headings of the table."""
    return [
        {
            "training": now.spec.label,
            "state": now.state,
            "epoch": f"{now.epoch}/{now.spec.epochs_to_train}",
            "loss": shown(now.latest.loss if now.latest else None),
            "accuracy": shown(now.latest.accuracy if now.latest else None),
            "images/s": throughput(now.latest),
            "note": now.note,
        }
        for now in standings
    ]


def summary(standings: Sequence[Standing]) -> str:
    """Count the trainings by their state: `2 of 8 done: 2 completed, 1 training, 5 waiting`."""
    states = [now.state for now in standings]
    done = sum(now.record is not None for now in standings)
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    return f"{done} of {len(states)} done: {counts}"
