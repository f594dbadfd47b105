"""Show all trainings of an execution in Prefect's UI, as one table that fills in."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from prefect.client.orchestration import SyncPrefectClient

from lungbench.executions.execution import Execution
from tasks.artifacts import Artifact, key_of, looking
from tasks.standing import Standing, shown, throughput, watches_of

_EVERY_S = 10.0
_ROWS_A_SECOND = 25  # a large table is sent less often, so that it costs no more


@contextmanager
def shown_as_a_table(execution: Execution) -> Iterator[None]:
    """Show where every training stands while the body runs."""
    table = _Table(execution)
    every_s = max(_EVERY_S, len(execution.experiment.runs()) / _ROWS_A_SECOND)
    with looking(table.show, every_s, "cells"):
        yield


class _Table:
    def __init__(self, execution: Execution) -> None:
        self._watches = watches_of(execution)
        self._artifact = Artifact("table", key_of(execution.experiment.name, "trainings"))

    def show(self, client: SyncPrefectClient) -> None:
        """Send the table, if anything has changed."""
        standings = [watch.look() for watch in self._watches]
        self._artifact.show(client, json.dumps(rows(standings)), summary(standings))


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
