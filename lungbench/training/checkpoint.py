r"""A training's state in one file, from which it goes on as if it had never stopped.

The file is written beside its target, synced and renamed, so whoever kills the process or the
machine finds the old one or the new one, whole. It ends in the hash of everything before, and
holds plain numbers under a JSON header: reading it can't run code.

    lungbench checkpoint 1\n | length of the header, 8 bytes | header, JSON | arrays | SHA-256
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lungbench.errors import LungbenchError
from lungbench.experiment import RunSpec
from lungbench.files import replacing, sync_folder
from lungbench.frozen import Frozen
from lungbench.job import Spent
from lungbench.record import Epoch

CHECKPOINT_FILE = "checkpoint/last.ckpt"

_MAGIC = b"lungbench checkpoint 1\n"
_LENGTH_BYTES, _HASH_BYTES = 8, 32
_LARGEST_HEADER = 64 * 2**20  # thousands of epochs take a few MiB
_NO_CHECKPOINT = f"it doesn't begin with {_MAGIC.decode().strip()!r}"
_KINDS = "biuf"  # numpy's booleans, integers and floats; an array of anything else is no state

Arrays = dict[str, NDArray[Any]]


class DamagedCheckpoint(LungbenchError):
    """The file isn't what was written."""


class Header(Frozen):
    """What a checkpoint is of.

    Attributes:
        data: Fingerprint of the prepared data.
        environment: What else decides the bits of the result: versions, processors, flags.
        batches: Steps done of the epoch that follows the last one in `epochs`.
        attempts: Processes that have worked on this training so far.
        exact: Whether all of them had the same environment.
    """

    spec: RunSpec
    data: str
    environment: dict[str, str]
    epochs: tuple[Epoch, ...]
    batches: int = Field(ge=0)
    spent: Spent
    attempts: int = Field(ge=1)
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint as read, its hash checked."""

    header: Header
    arrays: Arrays


def write_checkpoint(path: Path, header: Header, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Replace the checkpoint at `path`.

    Raises:
        OSError: It can't be written; the one before is untouched.
    """
    if not path.parent.is_dir():
        path.parent.mkdir()
        sync_folder(path.parent.parent)  # else a power cut may take the folder with all in it
    shapes = [[name, each.dtype.str, list(each.shape)] for name, each in arrays.items()]
    text = json.dumps({"header": header.model_dump(mode="json"), "arrays": shapes}).encode()
    with replacing(path) as file:
        out = _Hashed(file)
        out.write(_MAGIC + len(text).to_bytes(_LENGTH_BYTES, "little") + text)
        for each in arrays.values():
            out.write(np.ascontiguousarray(each).data.cast("B") if each.size else b"")
        file.write(out.digest())


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint and check its hash.

    Raises:
        DamagedCheckpoint: It is not what was written, or can't be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _damaged(path, error.strerror or str(error)) from None
    body, digest = memoryview(content)[:-_HASH_BYTES], content[-_HASH_BYTES:]
    if not content.startswith(_MAGIC):
        raise _damaged(path, _NO_CHECKPOINT)
    if hashlib.sha256(body).digest() != digest:
        raise _damaged(path, "its hash doesn't fit its content")
    try:
        return _parsed(body)
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path, str(error).splitlines()[0]) from None


def read_header(path: Path) -> Header:
    """Read what a checkpoint is of, without its arrays and their hash.

    Raises:
        DamagedCheckpoint: It can't be read.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise _damaged(path, _NO_CHECKPOINT)
            size = int.from_bytes(file.read(_LENGTH_BYTES), "little")
            return _header(json.loads(file.read(min(size, _LARGEST_HEADER))))
    except OSError as error:
        raise _damaged(path, error.strerror or str(error)) from None
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path, str(error).splitlines()[0]) from None


def _parsed(body: memoryview) -> Checkpoint:
    first = len(_MAGIC) + _LENGTH_BYTES
    at = first + int.from_bytes(body[len(_MAGIC) : first], "little")
    found = json.loads(bytes(body[first:at]))
    arrays = {}
    for name, kind, shape in found["arrays"]:
        dtype = np.dtype(kind)
        if dtype.kind not in _KINDS:
            raise ValueError(f"{name} is of type {kind}")
        count = int(np.prod(shape, dtype=np.int64))
        arrays[name] = np.frombuffer(body, dtype, count, at).reshape(shape)
        at += count * dtype.itemsize
    if at != len(body):
        raise ValueError("there is more than its arrays")
    return Checkpoint(_header(found), arrays)


def _header(found: Any) -> Header:
    return Header.model_validate_json(json.dumps(found["header"]))


class _Hashed:
    """Hash what is written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._hash = file, hashlib.sha256()

    def write(self, content: bytes | memoryview) -> None:
        self._hash.update(content)
        self._file.write(content)

    def digest(self) -> bytes:
        return self._hash.digest()


def _damaged(path: Path, why: str) -> DamagedCheckpoint:
    return DamagedCheckpoint(
        "A checkpoint must be what was written.",
        received=f"{path}: {why}",
        hint="remove it; the training then starts from its beginning.",
    )
