"""From an image folder to prepared data: indexed, decoded once, split, cached, written down."""

import contextlib
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from filelock import FileLock

from lungbench.data.contents import Memory, read_contents
from lungbench.data.dataset import DATA_FILE, PreparedData
from lungbench.data.decode import DECODER_VERSION
from lungbench.data.file_table import FileTable
from lungbench.data.images_csv import IMAGES_FILE, write_images_csv
from lungbench.data.index import Index, Progress, checked
from lungbench.data.listing import found_files
from lungbench.data.pixels import build_pixels, find_pixels, json_list, may_hold
from lungbench.data.split import SPLITS, split
from lungbench.data.staging import sweep
from lungbench.data.synthetic import SYNTHETIC_VERSION, synthesize
from lungbench.errors import Refused
from lungbench.files import write_atomically
from lungbench.record import Split
from lungbench.settings import SYNTHETIC, DataSettings

LOCK_FILE = ".lock"

_FILES = "\0"
"""Stands for the files, too many to be in one text with the rest; no class's name holds it."""


def prepare(
    settings: DataSettings,
    *,
    cache: Path,
    out: Path,
    progress: Progress | None = None,
) -> PreparedData:
    """Make a source ready to train on, and write down what was done with each of its files.

    Decoding is done once: a second call with the same files and size finds the pixels in the
    cache, whatever the split. Two processes that prepare in one cache take turns.

    Args:
        settings: Which images, at which size, split how.
        cache: Folder of the decoded pixels and drawn images; made if absent.
        out: Folder that gets `data.json` and `data_images.csv`; made if absent.
        progress: Told how many images are drawn, then how many files are decoded, each of how
            many; not called for what the cache holds.

    Raises:
        DataError: The images can't be used as asked.
        Refused: A folder can't be written, or the disk is full.
    """
    with _writing(cache):
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / LOCK_FILE):
            sweep(cache)
            found, pixels = _index_and_pixels(settings, cache.resolve(), progress)
    splits = _splits(settings, found.files)
    data = _prepared(settings, found, pixels, splits)
    with _writing(out):
        out.mkdir(parents=True, exist_ok=True)
        write_images_csv(out / IMAGES_FILE, found.files, splits)
        write_atomically(out / DATA_FILE, data.model_dump_json(indent=1) + "\n")
    return data


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Refused(
            "A folder to write to must be writable and have room.",
            received=f"{error.filename or folder} ({error.strerror or error})",
            hint="Free space, fix the permissions, or name another folder.",
        ) from None


def _source_folder(settings: DataSettings, cache: Path, progress: Progress | None) -> Path:
    if settings.source != SYNTHETIC:
        return Path(settings.source).expanduser()
    per_class, seed = settings.synthetic_per_class, settings.synthetic_seed
    folder = cache / f"synthetic-{per_class}-{seed}-v{SYNTHETIC_VERSION}"
    if not folder.exists():
        synthesize(folder, per_class, seed, progress)
    return folder


def _index_and_pixels(
    settings: DataSettings, cache: Path, progress: Progress | None
) -> tuple[Index, Path]:
    folder = _source_folder(settings, cache, progress)
    files, memory = FileTable(found_files(folder)), Memory(cache, folder)
    pixels = _pixels_found(folder, files, memory, cache, settings.image_size)
    if pixels is None:
        pixels = build_pixels(cache, folder, files, settings.image_size, progress)
    memory.keep(files)
    return checked(Index(folder, files)), pixels


def _pixels_found(
    folder: Path, files: FileTable, memory: Memory, cache: Path, image_size: int
) -> Path | None:
    if not may_hold(cache, image_size):
        return None  # then nothing is hashed now: each file is read when it is decoded
    read_contents(folder, files, memory)
    return find_pixels(cache, files, image_size)


def _splits(settings: DataSettings, files: FileTable) -> list[Split | None]:
    """Return the split of each file; None where it is left out."""
    kept = np.flatnonzero(files.kept)
    chosen = split(
        [files.class_name(position) for position in kept.data],
        map(files.sha256, kept.data),
        seed=settings.split_seed,
        validation_fraction=settings.validation_fraction,
        test_fraction=settings.test_fraction,
    )
    splits: list[Split | None] = [None] * len(files)
    for position, name in zip(kept.data, chosen, strict=True):
        splits[position] = name
    return splits


def _prepared(
    settings: DataSettings, found: Index, pixels: Path, splits: Sequence[Split | None]
) -> PreparedData:
    files, order = found.files, found.files.row_order()
    rows = order[files.decoded[order]].data
    return PreparedData(
        fingerprint=_fingerprint(settings, found, splits),
        source=settings.source,
        classes=found.classes,
        image_size=settings.image_size,
        split_seed=settings.split_seed,
        pixels=pixels,
        folder=found.source.absolute(),
        rows={
            name: tuple(row for row, position in enumerate(rows) if splits[position] == name)
            for name in SPLITS
        },
        paths=tuple(files.paths[position] for position in rows),
        images_found=found.images_found,
        images_skipped=found.images_found - int(files.kept.sum()),
    )


def _fingerprint(settings: DataSettings, found: Index, splits: Sequence[Split | None]) -> str:
    """Hash all that decides which pixels train, validate and test; not where they lie."""
    facts = {
        "decoder_version": DECODER_VERSION,
        "image_size": settings.image_size,
        "classes": found.classes,
        "split": [settings.split, settings.split_seed],
        "fractions": [settings.validation_fraction, settings.test_fraction],
        "files": _FILES,
    }
    before, after = json.dumps(facts, sort_keys=True).split(json.dumps(_FILES))
    fingerprint = hashlib.sha256(before.encode())
    for piece in json_list(_used(found.files, splits)):
        fingerprint.update(piece.encode())
    fingerprint.update(after.encode())
    return fingerprint.hexdigest()


def _used(
    files: FileTable, splits: Sequence[Split | None]
) -> Iterator[tuple[str, str, Split | None]]:
    """Yield class, SHA-256 and split of the files that are kept, in the order of their rows."""
    order = files.row_order()
    for position in order[files.kept[order]].data:
        yield files.class_name(position), files.sha256(position), splits[position]
