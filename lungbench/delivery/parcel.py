"""A finished run's folder on its way from the host that trained to the one that reports.

Its files are copied first, and a list of their hashes last: where there is no list there is
nothing yet. So whoever was killed on the way leaves nothing that could be taken for a result.
"""

import json
import shutil
from pathlib import Path

from pydantic import ValidationError

from lungbench.delivery.location import Location, Unreachable
from lungbench.errors import LungbenchError
from lungbench.experiment import RunSpec
from lungbench.files import sha256_of, sync_folder
from lungbench.frozen import Frozen
from lungbench.record import RECORD_FILE, RunRecord, Status, read_record

_LIST = ".json"
# A whole result is what one wants; of the others, the one that says most.
_WORTH: dict[Status, int] = {"completed": 3, "failed": 2, "skipped": 1, "interrupted": 0}


class Damaged(LungbenchError):
    """What was delivered isn't what was sent."""


class Parcel(Frozen):
    """What a host has delivered; the list that is written last.

    Attributes:
        run_id: Whose folder it is.
        attempt: Names this delivery among those of the same run.
        status: How the run ended.
        hostname: Who trained.
        files: The SHA-256 of each file by its name in the run's folder.
    """

    run_id: str
    attempt: str
    status: Status
    hostname: str
    files: dict[str, str]


def send(run_dir: Path, to: Location, attempt: str) -> Parcel:
    """Deliver a run's folder whole: every file that its record lists, the record, then the list.

    Args:
        run_dir: The folder; its checkpoint stays.
        to: The run's folder at the results location.
        attempt: Names this delivery.

    Raises:
        LungbenchError: There is no record, or the location can't be reached.
    """
    record = read_record(run_dir)
    parcel = Parcel(
        run_id=record.run_id,
        attempt=attempt,
        status=record.status,
        hostname=record.host.hostname,
        files=record.artifacts | {RECORD_FILE: sha256_of(run_dir / RECORD_FILE)},
    )
    for name in parcel.files:
        to.put(run_dir / name, f"{attempt}/{name}")
    to.write(attempt + _LIST, parcel.model_dump_json(indent=2).encode())
    return parcel


def best_of(place: Location) -> Parcel | None:
    """Return what was delivered of a run, the most finished where there are several.

    Args:
        place: The run's folder at the results location.

    Raises:
        Unreachable: It can't be looked at.
    """
    lists = (place.read(name) for name in place.names() if name.endswith(_LIST))
    parcels = [parcel for parcel in map(_parcel, lists) if parcel]
    return max(parcels, key=lambda parcel: _WORTH[parcel.status], default=None)


def receive(
    parcel: Parcel, place: Location, run_dir: Path, *, spec: RunSpec, fingerprint: str
) -> RunRecord:
    """Put a delivered folder in the place of a run's, after every file has proved to be whole.

    Args:
        parcel: What was delivered.
        place: Where it lies.
        run_dir: The run's folder in the execution; what is there gives way.
        spec: The training that was asked for.
        fingerprint: Of the data that it was to train on.

    Raises:
        Damaged: A file is missing or another, or it is of another training; nothing is changed.
        Unreachable: The location doesn't answer.
        OSError: The execution can't be written.
    """
    waiting = run_dir.parents[1] / f".{run_dir.name}.tmp"  # which a later repair would sweep
    shutil.rmtree(waiting, ignore_errors=True)
    waiting.mkdir(parents=True)
    try:
        for name, digest in parcel.files.items():
            _fetch(place, parcel.attempt, name, waiting, digest)
        record = _checked(waiting, spec, fingerprint)
        sync_folder(waiting)
        run_dir.parent.mkdir(exist_ok=True)
        shutil.rmtree(run_dir, ignore_errors=True)
        waiting.rename(run_dir)
        sync_folder(run_dir.parent)
    finally:
        shutil.rmtree(waiting, ignore_errors=True)
    return record


def _parcel(text: bytes | None) -> Parcel | None:
    """Read a list; half a one, of a folder without whole writes, is none yet."""
    try:
        return Parcel.model_validate_json(text) if text else None
    except ValidationError:
        return None


def _fetch(place: Location, attempt: str, name: str, folder: Path, digest: str) -> None:
    if Path(name).name != name:
        raise _damaged(place, f"{json.dumps(name)} is no name of a run's file")
    try:
        place.get(f"{attempt}/{name}", folder / name)
    except Unreachable as error:
        if name in place.below(attempt).names():
            raise
        raise _damaged(place, f"{name} is missing") from error
    found = sha256_of(folder / name)
    if found != digest:
        raise _damaged(place, f"the SHA-256 of {name} is {found}; expected {digest}")


def _checked(folder: Path, spec: RunSpec, fingerprint: str) -> RunRecord:
    try:
        record = read_record(folder)
    except LungbenchError as error:
        raise _damaged(folder, str(error)) from None
    if record.spec != spec:
        raise _damaged(folder, f"it is another training than {spec.run_id}")
    if record.data.fingerprint != fingerprint:
        raise _damaged(folder, f"it trained on other data, {record.data.fingerprint}")
    return record


def _damaged(place: object, why: str) -> Damaged:
    return Damaged("A run's folder must arrive as it was sent.", received=f"{place}: {why}")
