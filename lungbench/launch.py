"""The parent of one training: start it, watch it from outside, write its record, always."""

import shutil
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from lungbench import outcome
from lungbench.child import COMMAND, Child
from lungbench.disturbance import Bystander, look_around
from lungbench.errors import LungbenchError
from lungbench.experiment import MeasureSettings, RunSpec
from lungbench.files import write_atomically
from lungbench.host import pick_cpus, unavailable
from lungbench.job import JOB_FILE, LOG_FILE, SAMPLES_FILE, Job
from lungbench.lock import Stopped, host_lock
from lungbench.reasons import reason_of, reason_of_exit
from lungbench.record import (
    RECORD_FILE,
    DataFacts,
    Host,
    Reason,
    Resources,
    RunRecord,
    Status,
    read_record,
    write_record,
)
from lungbench.sampler import Sampler

_LOOK_S = 0.5  # how soon a stop or a deadline is noticed; two wake-ups a second cost nothing


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all runs of one execution share.

    Attributes:
        data: The `data.json` that they train on.
        facts: What records keep of it.
        host: The machine.
        measure: How runs are watched.
        stop: Set by whoever wants everything to end.
        command: What is started as the training child.
    """

    data: Path
    facts: DataFacts
    host: Host
    measure: MeasureSettings = field(default_factory=MeasureSettings)
    stop: threading.Event = field(default_factory=threading.Event)
    command: Sequence[str] = COMMAND


@dataclass(frozen=True, slots=True)
class _Ending:
    """How the child's life ended: its exit code, or what the parent ended it for."""

    wall_s: float
    resources: Resources
    code: int
    ended_for: Reason | None = None
    interrupted: bool = False


def launch(spec: RunSpec, run_dir: Path, around: Surroundings) -> RunRecord:
    """Train `spec` in a process of its own and return its record, written whatever happened.

    A folder that already holds the completed record of the same training is left as it is.

    Raises:
        OSError: `run_dir` can't be written.
    """
    if done := _done(spec, run_dir, around.facts):
        return done
    started = datetime.now(UTC)
    missing = _missing(spec, around.host)
    _empty(run_dir)
    job = Job(spec=spec, data=around.data.absolute())
    write_atomically(run_dir / JOB_FILE, job.model_dump_json(indent=2) + "\n")
    if missing:
        record = _record(spec, around, started, "skipped", reason=missing)
    else:
        record = _trained(spec, run_dir, around, started)
    write_record(record, run_dir)
    return record


def _done(spec: RunSpec, run_dir: Path, data: DataFacts) -> RunRecord | None:
    if not (run_dir / RECORD_FILE).exists():
        return None
    with suppress(LungbenchError):
        record = read_record(run_dir)
        same = record.spec == spec and record.data.fingerprint == data.fingerprint
        if same and record.status == "completed":
            return record
    return None


def _missing(spec: RunSpec, host: Host) -> Reason | None:
    """Return why this run can't be had on this host, if so."""
    if spec.backend not in host.versions:
        return Reason(
            kind="backend_unavailable",
            message=f"{spec.backend} is not installed; install lungbench[{spec.backend}].",
        )
    if why := unavailable(spec.device, host):
        return Reason(kind="device_unavailable", message=why)
    if spec.device == spec.device.parse("gpu:all"):
        return Reason(kind="device_unavailable", message="gpu:all is not supported yet.")
    return None


def _empty(run_dir: Path) -> None:
    """Make the folder, without what an earlier, unfinished attempt left in it."""
    if run_dir.exists():
        shutil.rmtree(run_dir)
    run_dir.mkdir(parents=True)


def _trained(spec: RunSpec, run_dir: Path, around: Surroundings, started: datetime) -> RunRecord:
    try:
        with host_lock(spec.label, around.stop) as lock:
            ending = _life(spec, run_dir, around, lock)
    except Stopped:
        return _record(spec, around, started, "interrupted")
    return _judged(spec, run_dir, around, started, ending)


def _life(spec: RunSpec, run_dir: Path, around: Surroundings, lock: int) -> _Ending:
    """Run the child from start to end, sampled from outside."""
    threads = spec.device.threads
    gpus = () if spec.device.index is None else (spec.device.index,)
    before, bystander = look_around(gpus, pause=around.stop.wait), Bystander()
    child = Child(
        run_dir,
        spec.environ(),
        cpus=pick_cpus(threads) if threads else (),
        lock=lock,
        command=around.command,
    )
    sampler = Sampler(
        child.pid,
        out=run_dir / SAMPLES_FILE,
        started=child.started,
        interval_s=around.measure.sample_interval_s,
        gpus=gpus,
    )
    try:
        sampler.start()
        code, ended_for, interrupted = _watch(child, around)
        wall_s = time.monotonic() - child.started
    finally:
        if child.wait(0) is None:
            child.end()
        child.close()
        resources = sampler.stop()
        _note(run_dir, sampler)
    disturbed = asdict(before) | asdict(bystander.stop())
    resources = resources.model_copy(update=disturbed)
    return _Ending(wall_s, resources, code, ended_for, interrupted)


def _note(run_dir: Path, sampler: Sampler) -> None:
    """Say at the end of the run's log what could not be measured, and why."""
    reasons = [f"{what}: {why}" for what, why in sampler.missing.items()]
    if sampler.failure:
        reasons.append(f"sampling ended early: {sampler.failure}")
    with (run_dir / LOG_FILE).open("a", encoding="utf-8") as log:
        log.writelines(f"not measured: {reason}\n" for reason in reasons)


def _watch(child: Child, around: Surroundings) -> tuple[int, Reason | None, bool]:
    """Wait for the child; end it at its deadline or on a stop."""
    limit_s = around.measure.timeout_s
    while (code := child.wait(_LOOK_S)) is None:
        if around.stop.is_set():
            return child.end(), None, True
        if limit_s is not None and time.monotonic() - child.started > limit_s:
            message = f"The run took longer than measure.timeout_s = {limit_s:g} s."
            return child.end(), Reason(kind="timeout", message=message), False
    return code, None, _asked_to_end(code, around.stop)


def _asked_to_end(code: int, stop: threading.Event) -> bool:
    """Return whether a child ended by the same signal that asked its parent to stop.

    Whoever ends a process group reaches the child too, perhaps before the parent has noticed.
    """
    return code in (-signal.SIGTERM, -signal.SIGINT) and stop.wait(_LOOK_S)


def _judged(
    spec: RunSpec, run_dir: Path, around: Surroundings, started: datetime, ending: _Ending
) -> RunRecord:
    """Put together the record of a child that has ended."""
    training = outcome.read_training(run_dir)
    epochs = outcome.read_epochs(run_dir)
    status, reason = _verdict(run_dir, ending)
    metrics = None
    if status == "completed" and spec.epochs_to_train == spec.epochs:
        try:
            metrics = outcome.metrics_from(run_dir, around.facts.classes)
        except (OSError, ValueError, KeyError) as error:
            status, reason = "failed", reason_of(error)
    return _record(
        spec,
        around,
        started,
        status,
        reason=reason,
        model=training.model if training else None,
        timing=outcome.timing_of(epochs, training, spec, ending.wall_s),
        controls=training.controls if training else None,
        epochs=epochs,
        resources=ending.resources,
        metrics=metrics,
        artifacts=outcome.artifact_hashes(run_dir),
    )


def _verdict(run_dir: Path, ending: _Ending) -> tuple[Status, Reason | None]:
    training = outcome.read_training(run_dir)
    if ending.interrupted:
        return "interrupted", None
    if ending.ended_for:
        return "failed", ending.ended_for
    if training and training.failure:
        absent = training.failure.kind == "device_unavailable"
        return "skipped" if absent else "failed", training.failure
    if ending.code == 0 and training:
        return "completed", None
    return "failed", reason_of_exit(ending.code, outcome.last_words(run_dir))


def _record(
    spec: RunSpec, around: Surroundings, started: datetime, status: Status, **parts: object
) -> RunRecord:
    return RunRecord.model_validate(
        {
            "run_id": spec.run_id,
            "status": status,
            "started": started,
            "spec": spec,
            "host": around.host,
            "data": around.facts,
            **parts,
        }
    )
