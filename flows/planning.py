"""What an experiment would do: its matrix, the time and disk it will need, what is done already.

Times and sizes are those of earlier runs below the same results folder, scaled to the planned
epochs and images; what never ran on this host isn't guessed.
"""

import json
import socket
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from flows.columns import columns
from flows.suite import records
from lungbench.data.sources import text_of
from lungbench.executions.execution import executions
from lungbench.experiment import Experiment, RunSpec
from lungbench.host import describe_host, unavailable
from lungbench.record import RunRecord
from lungbench.weights import missing_weights
from reports.format import duration, size


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One line of the plan.

    Attributes:
        expected_s: Wall time, from the newest comparable run; None without one.
        expected_bytes: Size of its folder, likewise.
        earlier: Completed runs of exactly this training in earlier executions.
        obstacle: Why it would be skipped or refused, None where nothing is in its way.
    """

    run: str
    epochs: int
    batch_size: int
    image_size: int
    weights: str
    expected_s: float | None
    expected_bytes: int | None
    earlier: int
    obstacle: str | None


def planned(experiment: Experiment, results: Path) -> list[PlannedRun]:
    """Return the runs of an experiment in their order."""
    earlier = list(_earlier(results))
    host = describe_host()
    without_weights = missing_weights(experiment)

    def line(spec: RunSpec) -> PlannedRun:
        like = [(folder, record) for folder, record in earlier if _alike(record.spec, spec)]
        folder, newest = like[-1] if like else (None, None)
        return PlannedRun(
            run=spec.label,
            epochs=spec.epochs,
            batch_size=spec.batch_size,
            image_size=spec.image_size,
            weights=spec.weights,
            expected_s=_expected_s(newest, spec.epochs) if newest else None,
            expected_bytes=_size(folder) if folder else None,
            earlier=sum(_same(record, spec, experiment) for _, record in like),
            obstacle=unavailable(spec.device, host) or _missing(spec, without_weights),
        )

    return [line(spec) for spec in experiment.runs()]


def _missing(spec: RunSpec, without_weights: Iterable[str]) -> str | None:
    missing = spec.model in without_weights
    return "its ImageNet weights will be downloaded first" if missing else None


def _earlier(results: Path) -> Iterable[tuple[Path, RunRecord]]:
    """Yield the completed runs of this host, oldest first."""
    hostname = socket.gethostname()
    for execution in sorted(executions(results), key=lambda path: path.name):
        for record in records(execution):
            if record.status == "completed" and record.host.hostname == hostname:
                yield execution / "runs" / record.run_id, record


def _same(record: RunRecord, spec: RunSpec, experiment: Experiment) -> bool:
    return record.spec == spec and record.data.source == text_of(experiment.data)


def _alike(one: RunSpec, other: RunSpec) -> bool:
    """Return whether the two cost the same per epoch and image."""

    def work(spec: RunSpec) -> tuple[object, ...]:
        return (*spec.cell_parts, spec.batch_size, spec.image_size)

    return work(one) == work(other)


def _expected_s(record: RunRecord, epochs: int) -> float | None:
    timing, seen = record.timing, len(record.epochs)
    if timing is None or not seen:
        return None
    later = record.epochs[-1]
    later_s = later.train_s + (later.validation_s or 0)
    return timing.wall_s + (epochs - seen) * later_s


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())


def as_json(runs: list[PlannedRun]) -> str:
    """Return the plan for scripts."""
    return json.dumps([asdict(run) for run in runs], indent=2)


def as_table(runs: list[PlannedRun]) -> str:
    """Return the plan for people."""
    return f"{columns(_HEADER, [_cells(run) for run in runs])}\n{_total(runs)}"


_HEADER = ("run", "epochs", "batch", "pixels", "weights", "time", "disk", "done before", "")


def _cells(run: PlannedRun) -> tuple[object, ...]:
    return (
        run.run,
        run.epochs,
        run.batch_size,
        run.image_size,
        run.weights,
        f"about {duration(run.expected_s)}" if run.expected_s else "unknown until it ran once",
        f"about {size(run.expected_bytes)}" if run.expected_bytes else "-",
        run.earlier,
        run.obstacle or "",
    )


def _total(runs: list[PlannedRun]) -> str:
    known = [run.expected_s for run in runs if run.expected_s]
    unknown = len(runs) - len(known)
    rest = f" and {unknown} of unknown time" if unknown else ""
    return f"{len(runs)} runs: about {duration(sum(known))}{rest}" if known else f"{len(runs)} runs"
