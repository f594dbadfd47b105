"""Show a training's progress in the Prefect UI, from a thread that the training can't feel.

The training and its launcher never wait for Prefect: this thread reads the run's folder, and if
the server is slow or gone only this thread hangs.
"""

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from pathlib import Path
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.logging import get_run_logger

from lungbench.experiment import RunSpec
from lungbench.record import Epoch
from lungbench.run.follow import Follower, remaining_s
from reports.format import duration

_EVERY_S = 5.0  # each report costs Prefect's server CPU beside the training
_FAREWELL_S = 5.0


@contextmanager
def reported(spec: RunSpec, run_dir: Path) -> Iterator[None]:
    """Report log lines and epochs of a run to Prefect while the body runs."""
    ended = threading.Event()
    reporter = _Reporter(spec, run_dir)
    thread = threading.Thread(
        target=copy_context().run, args=(reporter.run, ended), name="progress", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(_FAREWELL_S)


class _Reporter:
    def __init__(self, spec: RunSpec, run_dir: Path) -> None:
        self._spec = spec
        self._follower = Follower(run_dir)
        self._epochs: list[Epoch] = []
        self._artifact: UUID | None = None
        self._log = get_run_logger()

    def run(self, ended: threading.Event) -> None:
        """Report until the training has ended, and once more after that."""
        while not ended.wait(_EVERY_S):
            self._report()
        self._report()

    def _report(self) -> None:
        for line in filter(worth_showing, self._follower.lines()):
            self._log.info("%s@%s: %s", self._spec.model, self._spec.device, line)
        if news := self._follower.epochs():
            self._epochs += news
            try:
                self._show()
            except Exception as error:  # whatever the server does, the training goes on
                logging.getLogger(__name__).debug("no progress artifact: %s", error)

    def _show(self) -> None:
        done = 100 * self._epochs[-1].epoch / self._spec.epochs
        text = description(self._spec, self._epochs)
        if self._artifact is None:
            key = artifact_key(self._spec)
            created = create_progress_artifact(progress=done, key=key, description=text)
            self._artifact = created if isinstance(created, UUID) else None
        else:
            update_progress_artifact(self._artifact, progress=done, description=text)


# TensorFlow says these at every start; on a CPU run they only frighten. `log.txt` keeps them.
_CHATTER = re.compile(
    r"[IW]\d{4} |WARNING: All log messages before absl|E\d{4} .*cuda_platform\.cc"
)


def worth_showing(line: str) -> bool:
    """Return whether a line of a run's log is more than a framework's usual chatter."""
    return bool(line.strip()) and not _CHATTER.match(line)


def artifact_key(spec: RunSpec) -> str:
    """Return a key that Prefect accepts: lower case, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", f"train-{spec.run_id}".lower())


def description(spec: RunSpec, epochs: list[Epoch]) -> str:
    """Say where a training stands: epoch, loss, accuracy, throughput and time to go."""
    latest = epochs[-1]
    parts = [
        f"{spec.label}: epoch {latest.epoch} of {spec.epochs}",
        _shown("loss", latest.loss),
        _shown("accuracy", latest.accuracy),
        _shown("validation accuracy", latest.val_accuracy),
        f"{latest.images_per_s:.1f} images/s",
    ]
    left_s = remaining_s(epochs, spec.epochs)
    if left_s:
        parts.append(f"about {duration(left_s)} to go")
    return ", ".join(part for part in parts if part)


def _shown(name: str, value: float | None) -> str:
    return "" if value is None else f"{name} {value:.4f}"
