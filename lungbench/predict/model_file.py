"""Find a model file and take a private copy, so that what is hashed is what is loaded."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lungbench.errors import Refused
from lungbench.job import MODEL_FILE
from lungbench.predict.regular import open_regular

MAX_MODEL_BYTES = 8 * 2**30
"""Above the largest that an experiment can save: 4.3 GB, the 10-layer network at 1024 pixels."""

_BLOCK_BYTES = 2**20
_MOST_NAMED = 3  # of an execution's runs


@dataclass(frozen=True, slots=True)
class ModelCopy:
    """A model file that nobody else can change any more.

    Attributes:
        path: The copy.
        sha256: Of its bytes, taken while they were copied.
        size_bytes: Likewise.
    """

    path: Path
    sha256: str
    size_bytes: int


def find_model(path: Path) -> Path:
    """Return the model file that a path names: itself, or the one of a run's folder.

    Raises:
        Refused: It is a folder without one.
    """
    if not path.is_dir():
        return path
    if (path / MODEL_FILE).exists():
        return path / MODEL_FILE
    saved_model = (path / "saved_model.pb").exists()
    raise Refused(
        f"A model is a {MODEL_FILE} as a run saves it, or the folder of that run.",
        received=f"{path} ({'a SavedModel, which can carry code' if saved_model else 'a folder'})",
        hint=_hint(path),
    )


def _hint(folder: Path) -> str | None:
    """Name the runs of an execution, which somebody who names its folder means one of."""
    runs = (sorted(folder.glob(f"{above}runs/*/{MODEL_FILE}")) for above in ("", "*/", "*/*/"))
    found = next(filter(None, runs), [])
    if not found:
        return None
    named, more = found[:_MOST_NAMED], len(found) - _MOST_NAMED
    rest = f", or one of {more} more" if more > 0 else ""
    return f"name a run: {', '.join(str(model.parent) for model in named)}{rest}."


def private_copy(path: Path, folder: Path) -> ModelCopy:
    """Copy a model file into `folder`, hashing what is copied.

    Raises:
        Refused: It can't be read or copied, isn't a regular file, is empty or too large.
    """
    copy, digest = folder / MODEL_FILE, hashlib.sha256()
    size = 0
    try:
        with open_regular(path) as source, copy.open("xb") as target:
            for block in _blocks(source):
                size += len(block)
                digest.update(block)
                target.write(block)
                if size > MAX_MODEL_BYTES:
                    raise _unusable(path, f"larger than {MAX_MODEL_BYTES / 2**30:g} GiB")
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from None
    if size == 0:
        raise _unusable(path, "empty")
    return ModelCopy(copy, digest.hexdigest(), size)


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: file.read(_BLOCK_BYTES), b"")


def _unusable(path: Path, why: str) -> Refused:
    return Refused("A model file must be readable.", received=f"{path} ({why})")
