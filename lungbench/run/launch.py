"""The parent of one training: start it, watch it from outside, write its record, always."""

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from lungbench.experiment import RunSpec
from lungbench.files import write_atomically
from lungbench.host import pick_cpus, unavailable
from lungbench.job import JOB_FILE, LOG_FILE, SAMPLES_FILE, Job
from lungbench.reasons import reason_of
from lungbench.record import (
    DataFacts,
    Host,
    Reason,
    Resources,
    RunRecord,
    Status,
    write_record,
)
from lungbench.resources.cgroup import kernel_kills
from lungbench.resources.disturbance import Bystander, look_around
from lungbench.resources.sampler import Sampler
from lungbench.run import outcome
from lungbench.run.attempt import completed, forget_checkpoint, made_ready, recorded
from lungbench.run.child import COMMAND, Child, trainings_here
from lungbench.run.lock import Neighbours, Stopped, host_lock
from lungbench.run.turns import gpu_indices, owned_devices
from lungbench.run.verdict import Memory, verdict
from lungbench.run.watch import Ended, watched
from lungbench.settings import MeasureSettings


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
class _Attempt:
    """One attempt at a run; `earlier` is what those took whose checkpoint it goes on from."""

    spec: RunSpec
    run_dir: Path
    around: Surroundings
    started: datetime
    earlier: outcome.Earlier | None = None


@dataclass(frozen=True, slots=True)
class _Life:
    """A child's life: how it ended, how long it was, and what it took.

    Attributes:
        kernel_killed: Whether the kernel killed anything for want of memory meanwhile.
    """

    wall_s: float
    resources: Resources
    ended: Ended
    kernel_killed: bool


def launch(spec: RunSpec, run_dir: Path, around: Surroundings) -> RunRecord:
    """Train `spec` in a process of its own and return its record, written whatever happened.

    A folder that already holds the completed record of the same training is left as it is; where
    it holds a checkpoint of it, the training goes on from there.

    Raises:
        OSError: `run_dir` can't be written.
        Refused: The host's lock can't be used.
    """
    if done := completed(spec, run_dir, around.facts.fingerprint):
        return done
    attempt = _Attempt(spec, run_dir, around, datetime.now(UTC))
    if missing := _missing(spec, around.host):
        return _written(_record(_begun(attempt), "skipped", reason=missing), run_dir)
    try:
        # A child that outlived its parent still owns the host: the folder is its own until then.
        with host_lock(spec.label, around.stop, _own_devices(attempt)) as locks:
            return _trained(attempt, locks)
    except Stopped:
        return _not_begun(attempt)


def _missing(spec: RunSpec, host: Host) -> Reason | None:
    """Return why this run can't be had on this host, if so."""
    if why := spec.device.unsuited(spec.backend):
        return Reason(kind="device_unavailable", message=why)
    if spec.backend not in host.versions:
        return Reason(
            kind="backend_unavailable",
            message=f"{spec.backend} is not installed; install lungbench[{spec.backend}].",
        )
    if why := unavailable(spec.device, host):
        return Reason(kind="device_unavailable", message=why)
    return None


def _own_devices(attempt: _Attempt) -> tuple[str, ...]:
    around = attempt.around
    return owned_devices(attempt.spec.device, around.measure.exclusive, around.host)


def _trained(attempt: _Attempt, locks: Sequence[int]) -> RunRecord:
    """Train on the host that is owned now, unless somebody else did while it was waited for."""
    spec, run_dir, around = attempt.spec, attempt.run_dir, attempt.around
    if done := completed(spec, run_dir, around.facts.fingerprint):
        return done
    begun = _begun(attempt)
    return _written(_judged(begun, _life(begun, locks)), run_dir)


def _begun(attempt: _Attempt) -> _Attempt:
    """Make the run's folder ready and say there what is asked for."""
    spec, run_dir, around = attempt.spec, attempt.run_dir, attempt.around
    earlier = made_ready(spec, run_dir, around.facts.fingerprint)
    job = Job(spec=spec, data=around.data.absolute())
    write_atomically(run_dir / JOB_FILE, job.model_dump_json(indent=2) + "\n")
    return replace(attempt, earlier=earlier)


def _not_begun(attempt: _Attempt) -> RunRecord:
    """Record that a run was interrupted before its turn, unless an earlier attempt says more."""
    if earlier := recorded(attempt.spec, attempt.run_dir, attempt.around.facts.fingerprint):
        return earlier
    attempt.run_dir.mkdir(parents=True, exist_ok=True)
    return _written(_record(attempt, "interrupted"), attempt.run_dir)


def _written(record: RunRecord, run_dir: Path) -> RunRecord:
    write_record(record, run_dir)
    if record.status == "completed":
        forget_checkpoint(run_dir)
    return record


def _life(attempt: _Attempt, locks: Sequence[int]) -> _Life:
    """Run the child from start to end, sampled from outside."""
    spec, run_dir, around = attempt.spec, attempt.run_dir, attempt.around
    threads, neighbours = spec.device.threads, Neighbours(_own_devices(attempt))
    gpus = gpu_indices(spec.device, around.host)
    before = look_around(gpus, pause=around.stop.wait)
    bystander = Bystander(trainings=trainings_here)
    killed_before = kernel_kills()
    child = Child(
        run_dir,
        spec.environ(),
        cpus=pick_cpus(threads) if threads else (),
        locks=locks,
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
        ended = watched(child, run_dir, around.measure, around.stop)
        wall_s = time.monotonic() - child.started
    finally:
        if child.wait(0) is None:
            child.end()
        child.close()
        resources = sampler.stop()
        _note(run_dir, sampler)
    disturbed = asdict(before) | asdict(bystander.stop())
    disturbed["trainings_beside"] = neighbours.count()
    resources = resources.model_copy(update=disturbed)
    return _Life(wall_s, resources, ended, kernel_killed=kernel_kills() > killed_before)


def _note(run_dir: Path, sampler: Sampler) -> None:
    """Say at the end of the run's log what could not be measured, and why."""
    reasons = [f"{what}: {why}" for what, why in sampler.missing.items()]
    if sampler.failure:
        reasons.append(f"sampling ended early: {sampler.failure}")
    # A full disk, which may be what ended the run, must not hide that.
    with suppress(OSError), (run_dir / LOG_FILE).open("a", encoding="utf-8") as log:
        log.writelines(f"not measured: {reason}\n" for reason in reasons)


def _judged(attempt: _Attempt, life: _Life) -> RunRecord:
    """Put together the record of a child that has ended."""
    spec, run_dir = attempt.spec, attempt.run_dir
    training = outcome.read_training(run_dir)
    epochs = outcome.read_epochs(run_dir)
    memory = Memory(attempt.around.host, life.resources, life.kernel_killed)
    status, reason = verdict(run_dir, life.ended, memory)
    metrics = None
    if status == "completed" and spec.epochs_to_train == spec.epochs:
        try:
            metrics = outcome.metrics_from(run_dir, attempt.around.facts.classes)
        except (OSError, ValueError, KeyError) as error:
            status, reason = "failed", reason_of(error)
    return _record(
        attempt,
        status,
        reason=reason,
        device_seen=training.device_seen if training else None,
        model=training.model if training else None,
        timing=outcome.timing_of(epochs, training, spec, life.wall_s, attempt.earlier),
        resumption=training.resumption if training else None,
        controls=training.controls if training else None,
        latency=training.latency if training else None,
        epochs=epochs,
        resources=life.resources,
        metrics=metrics,
        artifacts=outcome.artifact_hashes(run_dir),
    )


def _record(attempt: _Attempt, status: Status, **parts: object) -> RunRecord:
    return RunRecord.model_validate(
        {
            "run_id": attempt.spec.run_id,
            "status": status,
            "started": attempt.started,
            "spec": attempt.spec,
            "host": attempt.around.host,
            "data": attempt.around.facts,
            **parts,
        }
    )
