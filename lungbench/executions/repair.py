"""Put in order what a dead process left of an execution, so that its records are true.

A process that is killed leaves runs without a record, temporary files and half-made folders. The
next command finds them by the lock that it had signed, gives each run its record, and sweeps.
"""

import logging
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
from pydantic import ValidationError

from lungbench.data.dataset import DATA_FILE, PreparedData
from lungbench.errors import DataError, LungbenchError, Refused
from lungbench.executions.execution import Execution, executions, record_name
from lungbench.executions.hold import LOCK_FILE, begun_without_record, hold, signed_here
from lungbench.executions.seal import BrokenSeal, read_seal, seal
from lungbench.flock import Holder
from lungbench.host import describe_host
from lungbench.job import JOB_FILE, SAMPLES_FILE, Job, earlier_samples, last_attempt
from lungbench.record import DataFacts, Epoch, Metrics, Reason, RunRecord, write_record
from lungbench.resources.samples import Samples, read_samples, summarise
from lungbench.run import outcome
from lungbench.run.attempt import forget_checkpoint
from lungbench.settings import MeasureSettings

_LEFTOVERS = (".*.tmp", "runs/*/.*.tmp", "runs/*/checkpoint/.*.tmp", "runs/*/images")
_LAST_BREATH_S = 15.0  # a training ends itself within 10 s of losing its parent

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was put in order.

    Attributes:
        folder: The execution's.
        runs: Ids of the runs that got their record.
        swept: Temporary files and folders that were removed.
    """

    folder: Path
    runs: tuple[str, ...]
    swept: int


def repair_all(results: Path) -> list[Repaired]:
    """Repair every execution below `results` that a process of this host died over."""
    return repair_abandoned(executions(results))


def repair_abandoned(folders: Iterable[Path]) -> list[Repaired]:
    """Repair those of these executions that a process of this host died over.

    One that is held, or in which a training is still ending, is left alone; so is one that can't
    be repaired, since whoever asks wants something else.
    """
    repaired = []
    for folder in filter(signed_here, folders):
        with (
            suppress(LungbenchError, OSError),
            hold(folder, "lungbench, repairing", patience_s=0) as dead,
        ):
            if dead and not trainings_in(folder):
                repaired.append(repair(Execution.open(folder), dead))
    return repaired


def repair(execution: Execution, dead: Holder) -> Repaired:
    """Record the runs that were under way as interrupted or done, and sweep what was left.

    Args:
        execution: The caller holds it.
        dead: Who held it before and ended without a word.

    Raises:
        OSError: The folder can't be written.
    """
    swept = _sweep(execution.folder)
    runs = tuple(_recorded(execution, dead)) if dead.is_of_this_host else ()
    _seal_records(execution.folder)
    if runs or swept:
        log.info(
            "repaired: %s: %s ended without a word; runs recorded: %s",
            execution.folder,
            dead,
            ", ".join(runs) or "none",
        )
    return Repaired(execution.folder, runs, swept)


def trainings_in(folder: Path) -> list[psutil.Process]:
    """Return the processes of this host that train a run of this execution."""
    names = {run_dir.name: run_dir for run_dir in begun_without_record(folder)}
    found = []
    for process in psutil.process_iter(["cmdline"]) if names else ():
        last = Path((process.info["cmdline"] or [""])[-1])
        with suppress(OSError, ValueError):
            if last.name in names and last.samefile(names[last.name]):
                found.append(process)
    return found


def await_trainings(folder: Path) -> None:
    """Wait until every training has ended whose parent died.

    Raises:
        Refused: One goes on; two processes may not write one run.
    """
    _, alive = psutil.wait_procs(trainings_in(folder), timeout=_LAST_BREATH_S)
    if alive:
        raise Refused(
            "A training must have ended before its run goes on.",
            received=f"process {alive[0].pid} still trains in {folder}",
            hint="end that process.",
        )


def _sweep(folder: Path) -> int:
    """Remove what only a living process needs; what is younger than the caller's lock has one."""
    locked_ns = (folder / LOCK_FILE).stat().st_mtime_ns
    found = (path for pattern in _LEFTOVERS for path in folder.glob(pattern))
    leftovers = [path for path in found if path.lstat().st_mtime_ns <= locked_ns]
    for path in leftovers:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return len(leftovers)


def _recorded(execution: Execution, dead: Holder) -> Iterator[str]:
    """Write the missing records that can be written, and yield their runs' ids."""
    begun = begun_without_record(execution.folder)
    if not begun:
        return
    host = describe_host()
    for run_dir in begun:
        job = _job(run_dir)
        facts = _facts(execution.folder, job.spec.fold) if job else None
        if facts is None or job is None:
            continue
        record = RunRecord(
            run_id=run_dir.name,
            status="interrupted",
            reason=_reason(dead),
            spec=job.spec,
            host=host,
            data=facts,
            **_measured(run_dir, job, execution.experiment.measure),
        )
        if metrics := _diagnosed(run_dir, facts):
            record = record.model_copy(
                update={"status": "completed", "reason": None, "metrics": metrics}
            )
        write_record(record, run_dir)
        if record.status == "completed":
            forget_checkpoint(run_dir)
        yield run_dir.name


def _diagnosed(run_dir: Path, facts: DataFacts) -> Metrics | None:
    """Return the metrics of a training that was done when only its parent was missing.

    One that was resumed isn't: what its earlier attempts took is known to its checkpoint alone,
    from which it ends again in a moment.
    """
    training = outcome.read_training(run_dir)
    if training is None or training.failure or training.stopped or training.resumption:
        return None
    try:
        return outcome.metrics_from(run_dir, facts.classes)
    except (OSError, ValueError, KeyError):
        return None


def _measured(run_dir: Path, job: Job, measure: MeasureSettings) -> dict[str, object]:
    """Return what the run's files tell of it."""
    epochs, training = outcome.read_epochs(run_dir), outcome.read_training(run_dir)
    earlier = earlier_samples(run_dir)
    samples = _readings(run_dir / SAMPLES_FILE)
    said_s = (training.marks.controlled_s if training else None) or 0.0
    lasted_s = max(said_s, _last_s(samples), _last_epoch_s(epochs, attempt=last_attempt(run_dir)))
    timing = resources = None
    if lasted_s:
        wall_s = lasted_s + sum(_last_s(_readings(path)) for path in earlier.values())
        timing = outcome.timing_of(epochs, training, job.spec, wall_s)
        timing = timing.model_copy(update={"resumed": bool(earlier)})
        resources = summarise(samples, interval_s=measure.sample_interval_s, elapsed_s=lasted_s)
    return {
        "started": datetime.fromtimestamp((run_dir / JOB_FILE).stat().st_mtime, UTC),
        "device_seen": training.device_seen if training else None,
        "model": training.model if training else None,
        "timing": timing,
        "resumption": training.resumption if training else None,
        "controls": training.controls if training else None,
        "latency": training.latency if training else None,
        "epochs": epochs,
        "resources": resources,
        "artifacts": outcome.artifact_hashes(run_dir),
    }


def _readings(path: Path) -> Samples:
    try:
        return read_samples(path)
    except OSError:
        return {}


def _last_s(samples: Samples) -> float:
    """Return when the last reading was taken, in seconds since the start; 0 without one."""
    times = samples.get("t_s", [])
    return (times[-1] or 0.0) if times else 0.0


def _last_epoch_s(epochs: Sequence[Epoch], attempt: int) -> float:
    """Return when the last epoch of the last attempt ended; 0 where none did."""
    if not epochs or epochs[-1].attempt != attempt:
        return 0.0
    last = epochs[-1]
    return last.started_s + last.train_s + (last.validation_s or 0.0)


def _reason(dead: Holder) -> Reason:
    message = (
        f"Process {dead.pid} ({dead.what}) ended without a word while it watched this run: "
        "it was killed, or its host went down."
    )
    return Reason(kind="lost", message=message)


def _facts(folder: Path, fold: int | None) -> DataFacts | None:
    """Return what a run trained on, which needs no pixels; None where nothing tells."""
    try:
        data = PreparedData.read(folder / DATA_FILE).of_fold(fold)
    except DataError:
        return None
    if data.class_sizes is None:  # written when every source was a folder of class folders
        names = [path.split("/")[0] for path in data.paths]
        data = data.model_copy(update={"class_sizes": tuple(map(names.count, data.classes))})
    return data.facts()


def _job(run_dir: Path) -> Job | None:
    try:
        return Job.model_validate_json((run_dir / JOB_FILE).read_bytes())
    except (OSError, ValidationError):
        return None


def _seal_records(folder: Path) -> None:
    """List the hashes of the records that the dead process had no time to list."""
    try:
        listed = read_seal(folder)
    except BrokenSeal:
        return
    records = (record_name(path.parent.name) for path in folder.glob("runs/*/record.json"))
    seal(folder, [name for name in records if name not in listed])
