"""Decode and split the images of an execution."""

import threading
from pathlib import Path

from prefect import task
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed

from lungbench.executions.execution import Execution
from lungbench.run.lock import Stopped
from tasks.artifacts import Artifact, key_of, looking

_EVERY_S = 5.0


@task(name="prepare", task_run_name="prepare", persist_result=False)
def prepare(folder: Path, stop: threading.Event) -> State:
    """Prepare the data of an execution; the state says how many images each split has."""
    execution = Execution.open(folder)
    progress = _Progress(execution.experiment.name, stop)
    try:
        with looking(progress.show, _EVERY_S, "preparation"):
            data = execution.prepare(progress)
    except Stopped:
        return Cancelled(message="Interrupted before all images were prepared.")
    sizes = (f"{len(rows)} {split}" for split, rows in data.rows.items())
    return Completed(message=f"images: {', '.join(sizes)}")


class _Progress:
    """Told how many images are done; a stop ends the preparation."""

    def __init__(self, experiment: str, stop: threading.Event) -> None:
        self._artifact = Artifact("progress", key_of(experiment, "prepare"))
        self._stop, self._done, self._total = stop, 0, 0

    def __call__(self, done: int, total: int) -> None:
        if self._stop.is_set():
            raise Stopped
        self._done, self._total = done, total

    def show(self, client: SyncPrefectClient) -> None:
        """Show how many images are done; nothing where the cache holds them all."""
        if self._total:
            text = f"{self._done} of {self._total} images prepared"
            self._artifact.show(client, 100 * self._done / self._total, text)
