"""A training for another host, from its order to its delivery, on the host that trains.

The host keeps a folder of its own for it, with the cache of its images and the checkpoints of what
was interrupted: asked again, it goes on from there.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from lungbench.data.dataset import DATA_FILE, PIXELS_FILE, PreparedData
from lungbench.data.prepare import prepare
from lungbench.delivery.location import Location, Unreachable
from lungbench.delivery.order import (
    Order,
    Proof,
    check_versions,
    decisive,
    place_of,
    proof_name,
    sign_name,
)
from lungbench.delivery.parcel import send
from lungbench.errors import DataError, Refused
from lungbench.executions.execution import EXPERIMENT_FILE, Execution, check_host
from lungbench.experiment import Experiment, RunSpec
from lungbench.files import write_atomically
from lungbench.host import describe_host
from lungbench.record import Host, RunRecord
from lungbench.run.follow import Follower
from lungbench.run.launch import Surroundings, launch
from lungbench.run.lock import Stopped

FOLDER_VARIABLE = "LUNGBENCH_HOME"
SOURCE_VARIABLE = "LUNGBENCH_SOURCE"
SIGN_EVERY_S = 15.0

# An hour in all: a training of twelve hours is worth waiting for a file server that restarts.
_SEND_AGAIN_AFTER_S = (2.0, 10.0, 60.0, 300.0, 1200.0, 2100.0)

Watch = Callable[[RunSpec, Path], AbstractContextManager[None]]

log = logging.getLogger("lungbench.delivery")


@dataclass(frozen=True, slots=True)
class _Ready:
    """A host that has proved itself: its copy of the execution, the data and the machine."""

    execution: Execution
    data: PreparedData
    host: Host


def host_folder() -> Path:
    """Return this host's folder for the trainings of others."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    return Path(chosen) if chosen else Path.home() / ".local" / "share" / "lungbench"


def prove(order: Order, attempt: str, stop: threading.Event) -> Proof:
    """Prepare the data, and say what this host is, where the one that asks can read it.

    Args:
        order: What is asked.
        attempt: Names this answer among those of other hosts.
        stop: Ends the preparation when set.

    Raises:
        LungbenchError: This host can't do it, in a line.
        Stopped: `stop` was set.
    """
    place, ready = place_of(order.experiment, order.execution), _ready(order, stop)
    check_host(_share(order), ready.host)
    proof = Proof(pool=order.pool, host=ready.host, fingerprint=ready.data.fingerprint)
    place.write(proof_name(attempt), proof.model_dump_json(indent=2).encode())
    return proof


def carry_out(
    order: Order,
    attempt: str,
    stop: threading.Event,
    watch: Watch = lambda _spec, _run_dir: nullcontext(),
) -> RunRecord:
    """Train one run here and deliver its folder, whatever became of it.

    Args:
        order: Which training; it has a run.
        attempt: Names this delivery among those of the same run.
        stop: Ends the training when set; its checkpoint stays here.
        watch: Is around the training, to show it.

    Raises:
        LungbenchError: This host can't do it, or the result can't be delivered; it is kept then.
        Stopped: `stop` was set before the data were ready.
        KeyError: The experiment has no such run.
    """
    spec = order.spec
    if spec is None:
        raise KeyError(order.run_id)
    place = place_of(order.experiment, order.execution).below(spec.run_id)
    run_dir = _copy_of(order).run_dir(spec)
    with _showing_life(place, attempt, run_dir):
        ready = _ready(order, stop)
        around = Surroundings(
            data=ready.execution.folder / DATA_FILE,
            facts=ready.data.of_fold(spec.fold).facts(),
            host=ready.host,
            measure=order.experiment.measure,
            stop=stop,
        )
        with watch(spec, run_dir):
            record = launch(spec, run_dir, around)
        _send(run_dir, place, attempt, stop)
    return record


def _copy_of(order: Order) -> Execution:
    """Return this host's copy of the execution, whether it is there or not."""
    return Execution(host_folder().absolute() / order.execution, _here(order.experiment))


def _here(experiment: Experiment) -> Experiment:
    """Return an experiment whose images lie where this host has them."""
    source = os.environ.get(SOURCE_VARIABLE)
    if not source:
        return experiment
    data = experiment.data.model_copy(update={"source": source, "classes": {}})
    return experiment.model_copy(update={"data": data})


def _share(order: Order) -> Experiment:
    """Return the part of an experiment that its pool trains."""
    here, matrix = _here(order.experiment), order.experiment.matrix
    devices = tuple(each for each in matrix.devices if here.pool_of(each) == order.pool)
    share = {"matrix": matrix.model_copy(update={"devices": devices}), "hosts": {}}
    return here.model_copy(update=share)


def _ready(order: Order, stop: threading.Event) -> _Ready:
    """Make the host ready, unless it differs from what the order asks for.

    Raises:
        Refused: Its versions differ, or its folder can't be written.
        DataError: Its images differ, or can't be used.
        Stopped: `stop` was set.
    """
    host, execution = describe_host(), _copy_of(order)
    check_versions(order.versions, decisive(host.versions, order.experiment.matrix.backends))
    try:
        execution.folder.mkdir(parents=True, exist_ok=True)
        text = execution.experiment.model_dump_json(indent=2) + "\n"
        write_atomically(execution.folder / EXPERIMENT_FILE, text)
    except OSError as error:
        raise Refused(
            "A host's own folder must be writable.",
            received=f"{error.filename or execution.folder} ({error.strerror})",
            hint=f"name another one in {FOLDER_VARIABLE}.",
        ) from None
    data = _data(execution, stop)
    if data.fingerprint != order.fingerprint:
        raise DataError(
            "Every host must train on the same images, split and decoded alike.",
            received=f"fingerprint {data.fingerprint[:12]} of {data.source} on {host.hostname}",
            expected=f"{order.fingerprint[:12]}, as on the host that reports",
            hint=f"bring the same files there; {SOURCE_VARIABLE} names another folder on a host.",
        )
    return _Ready(execution, data, host)


def _data(execution: Execution, stop: threading.Event) -> PreparedData:
    """Return the prepared data of a host, prepared now where they aren't there any more."""

    def unless_stopped(_done: int, _total: int) -> None:
        if stop.is_set():
            raise Stopped

    try:
        data = PreparedData.read(execution.folder / DATA_FILE)
        if (data.pixels / PIXELS_FILE).is_file():
            return data
    except DataError:
        pass
    settings, folder = execution.experiment.data, execution.folder
    return prepare(settings, cache=execution.cache, out=folder, progress=unless_stopped)


@contextmanager
def _showing_life(place: Location, attempt: str, run_dir: Path) -> Iterator[None]:
    """Write a sign of life again and again, from a thread that no training waits for."""
    ended = threading.Event()

    def write() -> None:
        follower, beats, epochs = Follower(run_dir), 0, 0
        while True:
            beats += 1
            if news := follower.epochs():
                epochs = news[-1].epoch
            try:
                place.write(sign_name(attempt), f"{beats} {epochs}\n".encode())
            except Unreachable as error:
                log.info("no sign of life: %s", error)
            if ended.wait(SIGN_EVERY_S):
                return

    threading.Thread(target=write, name="sign of life", daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def _send(run_dir: Path, place: Location, attempt: str, stop: threading.Event) -> None:
    """Deliver, and try again while the location doesn't answer.

    Raises:
        Unreachable: It still doesn't; the folder stays here, and is delivered when asked again.
    """
    for pause_s in _SEND_AGAIN_AFTER_S:
        try:
            send(run_dir, place, attempt)
        except Unreachable as error:
            log.warning("%s Trying again in %.0f s.", error, pause_s)
            if stop.wait(pause_s):
                break
        else:
            return
    send(run_dir, place, attempt)
