"""What an experiment would do: its matrix, the time and disk it will need, what is done already.

Times and sizes are those of earlier runs below the same results folder, scaled to the planned
epochs; what never ran on this host isn't guessed. A probe takes a few steps of each such training
on random images, and says how long the whole would take.
"""

import json
import logging
import math
import socket
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from flows.columns import columns
from flows.suite import records
from lungbench.data.counting import Expected, expected_images
from lungbench.data.sources import look, text_of
from lungbench.executions.execution import executions
from lungbench.experiment import Experiment, RunSpec
from lungbench.host import describe_host, unavailable
from lungbench.record import Host, RunRecord
from lungbench.run.probing import Probed, kind_of, probed
from lungbench.run.turns import whole_s
from lungbench.training.step_times import STEPS, Estimate, estimated
from lungbench.weights import missing_weights
from reports.forms.format import duration, size

log = logging.getLogger("lungbench.planning")


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One line of the plan.

    Attributes:
        expected_s: Wall time, from the newest comparable run or from a probe; None without one.
        expected_bytes: Size of its folder, from that run.
        earlier: Completed runs of exactly this training in earlier executions.
        obstacle: Why it would be skipped or refused, None where nothing is in its way.
        time_from: What the time was estimated from.
        low_s: If every step went like the probe's fastest one; None without a probe.
        high_s: If every step went like its slowest one.
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
    time_from: Literal["earlier run", "probe"] | None = None
    low_s: float | None = None
    high_s: float | None = None


Probe = Callable[[RunSpec, int], Probed]
_Work = tuple[str | int, ...]


def planned(experiment: Experiment, results: Path) -> list[PlannedRun]:
    """Return the runs of an experiment in their order.

    Raises:
        DataError: The source of the images can't be used.
    """
    look(experiment.data)
    earlier: dict[_Work, list[tuple[Path, RunRecord]]] = {}
    for folder, record in _earlier(results):
        earlier.setdefault(_work(record.spec), []).append((folder, record))
    host = describe_host()
    without_weights = missing_weights(experiment)

    def line(spec: RunSpec) -> PlannedRun:
        like = earlier.get(_work(spec), [])
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
            obstacle=_absent(spec, experiment, host) or _missing(spec, without_weights),
            time_from="earlier run" if newest else None,
        )

    return [line(spec) for spec in experiment.runs()]


def with_probes(
    runs: list[PlannedRun], experiment: Experiment, probe: Probe = probed
) -> list[PlannedRun]:
    """Return the plan with the times of runs that nothing comparable is known of.

    A device that is absent, or that another host has, is not probed.

    Args:
        runs: The plan, in the experiment's order.
        experiment: Whose plan it is.
        probe: Takes a few steps of a training; told how many classes there are.

    Raises:
        DataError: The images can't be counted.
    """
    host, images = describe_host(), expected_images(experiment.data)
    wanted = [
        (run, spec)
        for run, spec in zip(runs, experiment.runs(), strict=True)
        if run.expected_s is None and not _absent(spec, experiment, host)
    ]
    found: dict[tuple[str, ...], Probed] = {}
    kinds = len({kind_of(spec) for _, spec in wanted})
    for _, spec in wanted:
        if kind_of(spec) not in found:
            log.info("probe %d of %d: %s", len(found) + 1, kinds, " on ".join(kind_of(spec)[:2]))
            found[kind_of(spec)] = probe(spec, images.classes)
    seen = {spec.run_id: found[kind_of(spec)] for _, spec in wanted}
    return [
        _with_probe(run, spec, seen[spec.run_id], images) if spec.run_id in seen else run
        for run, spec in zip(runs, experiment.runs(), strict=True)
    ]


def _with_probe(run: PlannedRun, spec: RunSpec, found: Probed, images: Expected) -> PlannedRun:
    if found.times is None:
        return replace(run, obstacle=f"the probe failed: {found.reason}")
    whole: Estimate = estimated(found.times, spec, images.images)
    reads = "the files are read in every epoch, which comes on top"
    return replace(
        run,
        expected_s=whole.wall_s,
        low_s=whole.low_s,
        high_s=whole.high_s,
        time_from="probe",
        obstacle=run.obstacle or (reads if spec.pipeline == "paper" else None),
    )


def _absent(spec: RunSpec, experiment: Experiment, host: Host) -> str | None:
    """Say why a run can't be trained on this host; None where it can."""
    if pool := experiment.pool_of(spec.device):
        return f"trains where the work pool {pool} is"
    if spec.backend not in host.versions:
        return f"{spec.backend} is not installed"
    return spec.device.unsuited(spec.backend) or unavailable(spec.device, host)


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


def _work(spec: RunSpec) -> _Work:
    """Return what two runs share that cost the same per epoch and image."""
    return (*spec.cell_parts, spec.batch_size, spec.image_size)


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


def as_table(runs: list[PlannedRun], experiment: Experiment) -> str:
    """Return the plan for people."""
    return f"{columns(_HEADER, [_cells(run) for run in runs])}\n{_total(runs, experiment)}"


_HEADER = ("run", "epochs", "batch", "pixels", "weights", "time", "disk", "done before", "")


def _cells(run: PlannedRun) -> tuple[object, ...]:
    return (
        run.run,
        run.epochs,
        run.batch_size,
        run.image_size,
        run.weights,
        _time(run),
        f"about {size(run.expected_bytes)}" if run.expected_bytes else "-",
        run.earlier,
        run.obstacle or "",
    )


def _time(run: PlannedRun) -> str:
    if run.expected_s is None:
        return "unknown until it ran once"
    about = f"about {duration(run.expected_s)}"
    if run.low_s is None or run.high_s is None:
        return about
    return f"{about} ({duration(run.low_s)} to {duration(run.high_s)}, by a probe)"


def _total(runs: list[PlannedRun], experiment: Experiment) -> str:
    each_s = [run.expected_s or 0.0 for run in runs]
    unknown = each_s.count(0.0)
    rest = f" and {unknown} of unknown time" if unknown else ""
    if not any(each_s):
        return f"{len(runs)} runs"
    taken_s = whole_s(experiment.runs(), each_s, experiment.measure.exclusive, describe_host())
    at_once = "" if math.isclose(taken_s, sum(each_s)) else ", some at once"
    probes = any(run.time_from == "probe" for run in runs)
    return f"{len(runs)} runs: about {duration(taken_s)}{at_once}{rest}{_READING if probes else ''}"


_READING = (
    f"\nBy a probe: from {STEPS} steps on random images, the range that of the steps; what a "
    "machine does when it is hot or a disk when it is slow is not in it."
)
