"""What makes runs one cell, how a cell is called, and in which order cells stand."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from lungbench.record import RunRecord
from reports.load import Results


@dataclass(frozen=True, slots=True)
class CellKey:
    """What all runs of a cell share."""

    execution: str
    hostname: str
    model: str
    precision: str
    backend: str
    pipeline: str
    device: str


def key_of(execution: Results, record: RunRecord) -> CellKey:
    """Return the cell that a record belongs to."""
    spec = record.spec
    return CellKey(
        execution=str(execution.folder),
        hostname=record.host.hostname,
        model=spec.model,
        precision=spec.precision,
        backend=spec.backend,
        pipeline=spec.pipeline,
        device=str(spec.device),
    )


def labels(keys: Iterable[CellKey]) -> Callable[[CellKey], str]:
    """Return how to name a cell: by its device, and by what else the report has several of."""
    found = list(keys)
    several = [
        name
        for name in ("precision", "backend", "pipeline", "hostname")
        if len({getattr(key, name) for key in found}) > 1
    ]
    folders = list(dict.fromkeys(key.execution for key in found))
    same_host = len({(key.execution, key.hostname) for key in found}) > len(
        {key.hostname for key in found}
    )

    def label(key: CellKey) -> str:
        parts = [getattr(key, name) for name in several]
        if len(folders) > 1 and same_host:
            parts.append(f"folder {folders.index(key.execution) + 1}")
        return f"{key.device} ({', '.join(parts)})" if parts else key.device

    return label


def order(executions: Sequence[Results]) -> Callable[[CellKey], tuple[int, ...]]:
    """Return the sorting key that follows the experiments: model, variant, device, folder."""
    models = _first_seen(executions, lambda record: record.spec.model)
    variants = _first_seen(
        executions,
        lambda record: f"{record.spec.precision} {record.spec.backend} {record.spec.pipeline}",
    )
    devices = _first_seen(executions, lambda record: str(record.spec.device))
    folders = [str(execution.folder) for execution in executions]

    def position(key: CellKey) -> tuple[int, ...]:
        variant = f"{key.precision} {key.backend} {key.pipeline}"
        return (
            models.index(key.model),
            variants.index(variant),
            devices.index(key.device),
            folders.index(key.execution),
        )

    return position


def _first_seen(executions: Sequence[Results], value: Callable[[RunRecord], str]) -> list[str]:
    """Return a field's values in the order of the experiments' matrices, then as found."""
    asked = [
        str(each)
        for execution in executions
        if execution.experiment
        for each in (*execution.experiment.matrix.models, *execution.experiment.matrix.devices)
    ]
    found = [value(run.record) for execution in executions for run in execution.runs]
    return list(dict.fromkeys((*(each for each in asked if each in found), *found)))
