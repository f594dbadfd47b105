"""Runs of one execution are compared, so those still to come must be what was begun."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lungbench.errors import LungbenchError, Refused
from lungbench.executions.execution import EXPERIMENT_FILE, Execution
from lungbench.experiment import RunSpec
from lungbench.job import JOB_FILE, Job
from lungbench.record import read_record


def check_experiment(execution: Execution) -> None:
    """Refuse an experiment whose runs would differ from those that were begun.

    Runs that were added are only new.

    Raises:
        Refused: It would; every key is named with both values.
    """
    changes: dict[str, None] = {}  # an ordered set: repeats change alike
    for spec in execution.experiment.runs():
        begun = _begun(execution.run_dir(spec))
        if begun and begun.run_id == spec.run_id:
            changes |= dict.fromkeys(_differences(begun, spec))
    if changes:
        raise Refused(
            "An experiment must stay as it was when its runs were begun.",
            received="; ".join(changes),
            hint="put it back, or begin anew with `lungbench run`.",
        )


def _begun(run_dir: Path) -> RunSpec | None:
    """Return what a run was begun with; None where it wasn't, or nothing tells."""
    with suppress(LungbenchError):
        return read_record(run_dir).spec
    with suppress(OSError, ValidationError):
        return Job.model_validate_json((run_dir / JOB_FILE).read_bytes()).spec
    return None


def _differences(begun: RunSpec, now: RunSpec) -> Iterator[str]:
    before, after = _settings(begun), _settings(now)
    for key, value in before.items():
        if value != after[key]:
            yield f"{key}: {value} in the runs already begun, {after[key]} in {EXPERIMENT_FILE}"


def _settings(spec: RunSpec) -> dict[str, Any]:
    """Return what a run got, by the experiment's keys; all else is part of its name."""
    augmentation = spec.augmentation.model_dump()
    return {
        "train.seed": spec.seed - spec.repeat,
        "train.epochs": spec.epochs,
        "train.batch_size": spec.batch_size,
        "data.image_size": spec.image_size,
        "train.optimizer": spec.optimizer,
        "train.learning_rate": spec.learning_rate,
        **{f"train.augmentation.{name}": value for name, value in augmentation.items()},
        "train.weights": spec.weights,
        "train.preprocess": spec.preprocess,
        "train.fine_tune": spec.fine_tune,
        "measure.timing_epochs": spec.timing_epochs,
    }
