"""From an image folder to prepared data: indexed, decoded once, split, cached, written down."""

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from lungbench.data.contents import Memory, read_contents
from lungbench.data.dataset import DATA_FILE, PreparedData
from lungbench.data.dealing import Images
from lungbench.data.decode import DECODER_VERSION
from lungbench.data.file_table import FileTable
from lungbench.data.grouping import alike_in, groups_of
from lungbench.data.images_csv import IMAGES_FILE, write_images_csv
from lungbench.data.index import Index, Progress, checked
from lungbench.data.json_pieces import json_list
from lungbench.data.packed import Rows
from lungbench.data.pixels import build_pixels, find_pixels, may_hold
from lungbench.data.selection import check_usable, drawn, keep_brightness, leave_out_undrawn
from lungbench.data.sources import Source, is_drawn, source_at, source_of, text_of
from lungbench.data.split import Division, divide
from lungbench.data.staging import sweep, writing
from lungbench.data.synthetic import SYNTHETIC_VERSION, synthesize
from lungbench.settings import DataSettings

LOCK_FILE = ".lock"

_FILES = "\0"
"""Stands for the files, too many to be in one text with the rest; no class's name holds it."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class _Used:
    """The images that are used, and what for.

    Attributes:
        found: Every file of the source.
        pixels: The cache folder.
        rows: The position of each row's file.
        chosen: Which of the rows are used.
        division: What they are used for, in the order of their rows.
        leaked: Test images that were also trained on.
        grouped: Images that stay together with another one.
    """

    found: Index
    pixels: Path
    rows: NDArray[np.int32]
    chosen: NDArray[np.bool_]
    division: Division
    leaked: int
    grouped: int

    @property
    def positions(self) -> NDArray[np.int32]:
        """Return the positions of the files that are used."""
        return self.rows[self.chosen]


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
        progress: Told how many images are drawn, how many files are decoded and how many images
            are looked at for near-duplicates, one after the other, each of how many; not called
            for what the cache holds.

    Raises:
        DataError: The images can't be used as asked.
        Refused: A folder can't be written, or the disk is full.
    """
    with writing(cache):
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / LOCK_FILE):
            sweep(cache)
            used = _used(settings, cache.resolve(), progress)
    data = _prepared(settings, used)
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        write_images_csv(out / IMAGES_FILE, used.found.files, _texts(used))
        data.write(out / DATA_FILE)
    if data.remark:
        log.info("%s", data.remark)
    return data


def _source(settings: DataSettings, cache: Path, progress: Progress | None) -> Source:
    if not is_drawn(settings):
        return source_of(settings)
    per_class, seed = settings.synthetic_per_class, settings.synthetic_seed
    folder = cache / f"synthetic-{per_class}-{seed}-v{SYNTHETIC_VERSION}"
    if not folder.exists():
        synthesize(folder, per_class, seed, progress)
    return source_at(folder)


def _used(settings: DataSettings, cache: Path, progress: Progress | None) -> _Used:
    """Index and decode all files, choose among the images, and split them.

    Raises:
        DataError: They can't be used as asked.
    """
    found, pixels = _index_and_pixels(settings, cache, progress)
    files = found.files
    check_usable(files, settings.most_unusable)
    if settings.brightness:
        keep_brightness(files, settings.brightness)
    rows = files.row_order()
    rows = rows[files.decoded[rows]]
    chosen = files.kept[rows]
    if settings.per_class or settings.split == "paper":
        of_these = drawn(_images(files, rows[chosen], settings.split_seed), settings.per_class)
        leave_out_undrawn(files, rows[chosen], of_these)
        chosen[chosen] = of_these
    positions = rows[chosen]
    alike = _alike(settings, pixels, len(chosen), progress)
    groups = _groups(settings, files, positions, None if alike is None else alike[chosen])
    images = _images(files, positions, settings.split_seed, groups)
    division = divide(settings, images, (files.split(each) for each in positions.data))
    return _Used(
        found,
        pixels,
        rows,
        chosen,
        division,
        leaked=0 if settings.split == "strict" else division.leaked(images),
        grouped=int((~images.alone()).sum()),
    )


def _alike(
    settings: DataSettings, pixels: Path, images: int, progress: Progress | None
) -> NDArray[np.int32] | None:
    """Return which of all images show the same; None where nobody needs to look."""
    if settings.split != "strict" or is_drawn(settings):  # drawn: each of another person
        return None
    return alike_in(pixels, images, progress).astype(np.int32)


def _groups(
    settings: DataSettings,
    files: FileTable,
    positions: NDArray[np.int32],
    alike: NDArray[np.int32] | None,
) -> NDArray[np.int32] | None:
    """Return which images stay together; None where only copies do."""
    return groups_of(files, positions, alike) if settings.split == "strict" else None


def _images(
    files: FileTable,
    positions: NDArray[np.int32],
    seed: int,
    groups: NDArray[np.int32] | None = None,
) -> Images:
    labels = files.labels[positions]
    there = np.flatnonzero(np.bincount(labels, minlength=len(files.class_names)))
    without_gaps = np.zeros(len(files.class_names), dtype=np.uint16)
    without_gaps[there] = np.arange(len(there))
    return Images.of(
        class_names=[files.class_names[label] for label in there],
        labels=without_gaps[labels],
        digests=map(files.sha256, positions.data),
        seed=seed,
        groups=groups,
    )


def _index_and_pixels(
    settings: DataSettings, cache: Path, progress: Progress | None
) -> tuple[Index, Path]:
    source = _source(settings, cache, progress)
    files, memory = FileTable(source.files, cache), Memory(cache, source.root)
    pixels = _pixels_found(source.root, files, memory, cache, settings.image_size)
    if pixels is None:
        pixels = build_pixels(cache, source.root, files, settings.image_size, progress)
    memory.keep(files)
    return checked(Index(source.root, files)), pixels


def _pixels_found(
    folder: Path, files: FileTable, memory: Memory, cache: Path, image_size: int
) -> Path | None:
    if not may_hold(cache, image_size):
        return None  # then nothing is hashed now: each file is read when it is decoded
    read_contents(folder, files, memory)
    return find_pixels(cache, files, image_size)


def _texts(used: _Used) -> Iterator[str | None]:
    """Yield the split of each file as the table shows it; None where it is left out."""
    place = np.full(len(used.found.files), -1, dtype=np.int32)
    place[used.positions] = np.arange(int(used.chosen.sum()), dtype=np.int32)
    yield from (None if at < 0 else used.division.text(at) for at in place.data)


def _prepared(settings: DataSettings, used: _Used) -> PreparedData:
    found, files = used.found, used.found.files
    row_numbers = np.flatnonzero(used.chosen).astype(np.int32)
    folds = [
        {name: Rows(row_numbers[of_split]) for name, of_split in used.division.rows(fold).items()}
        for fold in range(len(used.division.codes))
    ]
    sizes = np.bincount(files.labels[used.rows])
    return PreparedData(
        fingerprint=_fingerprint(settings, used),
        source=text_of(settings),
        classes=found.classes,
        image_size=settings.image_size,
        split=settings.split,
        split_seed=settings.split_seed,
        pixels=used.pixels,
        folder=found.source.absolute(),
        rows=folds[0],
        folds=tuple(folds) if len(folds) > 1 else (),
        paths=files.paths.chosen(used.rows),
        class_sizes=tuple(sizes[sizes > 0].tolist()),
        collections=_collections(files, used.positions),
        leaked=used.leaked,
        grouped=used.grouped,
        remark=used.division.remark,
        images_found=found.images_found,
        images_skipped=int(files.unusable.sum()),
        images_left_out=int((files.images & ~files.kept & ~files.unusable).sum()),
    )


def _collections(files: FileTable, positions: NDArray[np.int32]) -> dict[str, dict[str, int]]:
    """Return how many images of each class each collection gives."""
    counts: dict[str, dict[str, int]] = {}
    for position in positions.data:
        if name := files.collections[position]:
            of_collection = counts.setdefault(name, {})
            label = files.class_name(position)
            of_collection[label] = of_collection.get(label, 0) + 1
    return dict(sorted(counts.items()))


def _fingerprint(settings: DataSettings, used: _Used) -> str:
    """Hash all that decides which pixels train, validate and test; not where they lie.

    Patients and near-duplicates, brightness and numbers drawn count by what they decide: each
    file's split, in each fold.
    """
    facts = {
        "decoder_version": DECODER_VERSION,
        "image_size": settings.image_size,
        "classes": used.found.classes,
        "split": [settings.split, settings.split_seed],
        "fractions": [settings.validation_fraction, settings.test_fraction],
        "files": _FILES,
    }
    before, after = json.dumps(facts, sort_keys=True).split(json.dumps(_FILES))
    fingerprint = hashlib.sha256(before.encode())
    for piece in json_list(_decisions(used)):
        fingerprint.update(piece.encode())
    fingerprint.update(after.encode())
    return fingerprint.hexdigest()


def _decisions(used: _Used) -> Iterator[tuple[str, str, str | list[str]]]:
    """Yield class, SHA-256 and split of the images that are used, in the order of their rows."""
    files = used.found.files
    for image, position in enumerate(used.positions.data):
        yield files.class_name(position), files.sha256(position), used.division.decision(image)
