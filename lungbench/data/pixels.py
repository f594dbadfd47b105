"""The pixel cache: every image of a source decoded once, in one array that runs map into memory.

A cache folder is named after what decides its content: the decoder's version, the image size and
the class and SHA-256 of every file. Other splits of the same files, and the same files under other
names, find it again. It appears under its name only when it is whole.

Each file is read once: its pixels are decoded from the very bytes that were hashed. Which row they
belong into is only known when all files are hashed, so the rows are put in order at the end.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lungbench.data.dataset import LABELS_FILE, PIXELS_FILE
from lungbench.data.decode import (
    DECODER_VERSION,
    ImageFacts,
    NotAnImage,
    UnreadableImage,
    decode_bytes,
)
from lungbench.data.dicom import readable_by_now
from lungbench.data.file_table import FileTable, Outcome
from lungbench.data.index import Progress, examine
from lungbench.data.json_pieces import json_list
from lungbench.data.row_file import RowFile
from lungbench.data.staging import name_folder, unnamed_folder

CONTENTS_FILE = "contents.jsonl"
"""What came of decoding each file, by class and SHA-256."""

_AT_ONCE = 1024
"""Outcomes in a line."""


def may_hold(cache: Path, image_size: int) -> bool:
    """Return whether the cache holds any pixels of this size."""
    return any(cache.glob(f"{_prefix(image_size)}*"))


def find_pixels(cache: Path, files: FileTable, image_size: int) -> Path | None:
    """Return the cache folder of files that were hashed, and enter what came of decoding them.

    Returns:
        A folder with `images.npy` and `labels.npy`; None where there is none, or a damaged one.
    """
    order = files.row_order()
    folder = cache / _folder_name(files, order, image_size)
    try:
        _enter_outcomes(folder, files, order)
        pixels = np.load(folder / PIXELS_FILE, mmap_mode="r")
        labels = np.load(folder / LABELS_FILE)
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        return None
    whole = pixels.shape == (files.decoded.sum(), image_size, image_size)
    return folder if whole and len(labels) == len(pixels) else None


def build_pixels(
    cache: Path, source: Path, files: FileTable, image_size: int, progress: Progress | None = None
) -> Path:
    """Read, hash and decode every file, and return the new cache folder.

    Args:
        cache: The folder of all cache folders; the caller holds its lock.
        source: The folder that the files' paths are relative to.
        files: The files; what is found out is entered.
        image_size: Height and width in pixels.
        progress: Told how many files are decoded.

    Raises:
        OSError: The cache can't be written, or the disk is full.
    """
    with unnamed_folder(cache, f"{_prefix(image_size)}new") as temporary:
        with RowFile.create(temporary / PIXELS_FILE, len(files), image_size) as rows:
            examine(source, files, _decode_into(rows), progress)
            order = files.row_order()
            decoded = order[files.decoded[order]]
            rows.arrange(decoded)
        np.save(temporary / LABELS_FILE, _without_gaps(files.labels[decoded]))
        _write_outcomes(temporary / CONTENTS_FILE, files, order)
        folder = cache / _folder_name(files, order, image_size)
        shutil.rmtree(folder, ignore_errors=True)
        name_folder(temporary, folder)
    return folder


def _decode_into(rows: RowFile) -> Callable[[int, bytes], ImageFacts]:
    def decode(row: int, content: bytes) -> ImageFacts:
        decoded = decode_bytes(content, rows.image_size)
        rows.write(row, decoded.pixels)
        return decoded.facts

    return decode


def _without_gaps(labels: NDArray[np.uint16]) -> NDArray[np.int64]:
    """Return the labels that are left when classes without a readable image are left out."""
    return np.searchsorted(np.flatnonzero(np.bincount(labels)), labels)


def _prefix(image_size: int) -> str:
    return f"pixels-{image_size}-"


def _folder_name(files: FileTable, order: NDArray[np.int32], image_size: int) -> str:
    named = ((files.class_name(position), files.sha256(position)) for position in order.data)
    key = hashlib.sha256(f"[{DECODER_VERSION}, {image_size}, ".encode())
    for piece in json_list(named):
        key.update(piece.encode())
    key.update(b"]")
    return _prefix(image_size) + key.hexdigest()[:24]


def _write_outcomes(path: Path, files: FileTable, order: NDArray[np.int32]) -> None:
    outcomes = (_as_json(files.outcome(position)) for position in order.data)
    with path.open("w", encoding="utf-8") as file:
        while line := list(islice(outcomes, _AT_ONCE)):
            file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _enter_outcomes(folder: Path, files: FileTable, order: NDArray[np.int32]) -> None:
    with (folder / CONTENTS_FILE).open(encoding="utf-8") as lines:
        outcomes = chain.from_iterable(map(json.loads, lines))
        for position, outcome in zip(order.data, outcomes, strict=True):
            files.enter_outcome(position, _from_json(outcome))


def _as_json(outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, ImageFacts):
        return outcome._asdict()
    return {"reason": outcome.reason, "is_image": not isinstance(outcome, NotAnImage)}


def _from_json(stored: dict[str, Any]) -> Outcome:
    if "reason" not in stored:
        return ImageFacts(**stored)
    if readable_by_now(stored["reason"]):
        raise ValueError("what was missing has been installed since")
    kind = UnreadableImage if stored["is_image"] else NotAnImage
    return kind(stored["reason"])
