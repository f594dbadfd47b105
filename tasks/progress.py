"""Show a training's progress in the Prefect UI, from a thread that the training can't feel.

The training and its launcher never wait for Prefect: this thread reads the run's folder.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient
from prefect.logging import get_run_logger

from lungbench.experiment import RunSpec
from tasks.artifacts import Artifact, key_of, looking
from tasks.standing import Standing, Watch, shown, throughput

_EVERY_S = 5.0  # each report costs Prefect's server CPU beside the training


@contextmanager
def reported(experiment: str, spec: RunSpec, run_dir: Path) -> Iterator[None]:
    """Report log lines and epochs of a run to Prefect while the body runs.

    Args:
        experiment: Its name; the artifacts of a run are one history over its executions.
        spec: The run.
        run_dir: Its folder.
    """
    with _overheard(spec.label) as launcher:
        reporter = _Reporter(experiment, spec, run_dir, launcher)
        with looking(reporter.report, _EVERY_S, "progress"):
            yield


class _Launcher(logging.Handler):
    """Keep the last thing that the launcher says of a run: that it waits, and for whom."""

    def __init__(self, label: str) -> None:
        super().__init__()
        self._label, self.said = label, ""

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if message.startswith(f"{self._label}: "):
            self.said = message


@contextmanager
def _overheard(label: str) -> Iterator[_Launcher]:
    launcher, log = _Launcher(label), logging.getLogger("lungbench.run")
    log.setLevel(logging.INFO)  # Prefect's workers give a logger of ours a handler, but no level
    log.addHandler(launcher)
    try:
        yield launcher
    finally:
        log.removeHandler(launcher)


class _Reporter:
    def __init__(self, experiment: str, spec: RunSpec, run_dir: Path, launcher: _Launcher) -> None:
        self._name, self._launcher = f"{spec.model}@{spec.device}", launcher
        self._watch = Watch(spec, run_dir)
        self._artifact = Artifact("progress", artifact_key(experiment, spec))
        self._log = get_run_logger()

    def report(self, client: SyncPrefectClient) -> None:
        """Say what is new."""
        for line in filter(worth_showing, self._watch.lines()):
            self._log.info("%s: %s", self._name, line)
        now = self._watch.look()
        waits = now.state == "waiting" and self._launcher.said
        self._artifact.show(client, now.percent, waits or description(now))


# TensorFlow says these at every start; on a CPU run they only frighten. `log.txt` keeps them.
_CHATTER = re.compile(
    r"[IW]\d{4} |WARNING: All log messages before absl|E\d{4} .*cuda_platform\.cc"
)


def worth_showing(line: str) -> bool:
    """Return whether a line of a run's log is more than a framework's usual chatter."""
    return bool(line.strip()) and not _CHATTER.match(line)


def artifact_key(experiment: str, spec: RunSpec) -> str:
    """Return the key under which a run's progress is shown."""
    return key_of(experiment, "train", spec.run_id)


def description(now: Standing) -> str:
    """Say where a training stands: epoch, loss, accuracy, throughput and time to go."""
    latest = now.latest
    parts = [f"epoch {now.epoch} of {now.spec.epochs_to_train}"]
    if latest:
        parts += [
            _named("loss", shown(latest.loss)),
            _named("accuracy", shown(latest.accuracy)),
            _named("validation accuracy", shown(latest.val_accuracy)),
            f"{throughput(latest)} images/s",
        ]
    said = ", ".join(part for part in (*parts, now.note) if part)
    return f"{now.spec.label}: {now.state}, {said}"


def _named(name: str, value: str) -> str:
    return value and f"{name} {value}"
