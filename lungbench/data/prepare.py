"""From an image folder to prepared data: indexed, decoded once, split, cached, written down."""

import contextlib
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from filelock import FileLock

from lungbench.data.contents import Content, Memory, read_contents
from lungbench.data.dataset import DATA_FILE, PreparedData
from lungbench.data.decode import DECODER_VERSION
from lungbench.data.images_csv import IMAGES_FILE, images_csv
from lungbench.data.index import (
    Index,
    IndexedFile,
    Progress,
    checked,
    in_row_order,
    indexed,
    without_contradictions,
)
from lungbench.data.listing import FoundFile, list_files
from lungbench.data.pixels import Source, cached_pixels, sweep
from lungbench.data.split import SPLITS, split
from lungbench.data.synthetic import SYNTHETIC_VERSION, synthesize
from lungbench.errors import Refused
from lungbench.experiment import SYNTHETIC, DataSettings
from lungbench.files import write_atomically
from lungbench.record import Split

LOCK_FILE = ".lock"


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
    splits = _splits(settings, found.kept)
    data = _prepared(settings, found, pixels, splits)
    with _writing(out):
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(out / IMAGES_FILE, images_csv(found.files, splits))
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
    found = list_files(folder)
    contents = read_contents(folder, found, Memory(cache, folder))
    sources = _sources(folder, found, contents)
    pixels = cached_pixels(cache, sources, settings.image_size, progress)
    files = [
        indexed(file, content, pixels.outcomes.get(content.sha256 or ""))
        for file, content in zip(found, contents, strict=True)
    ]
    return checked(Index(folder, without_contradictions(files))), pixels.folder


def _sources(folder: Path, files: Sequence[FoundFile], contents: Sequence[Content]) -> list[Source]:
    return sorted(
        Source(file.class_name, content.sha256, folder / file.path)
        for file, content in zip(files, contents, strict=True)
        if content.sha256
    )


def _splits(settings: DataSettings, kept: Sequence[IndexedFile]) -> dict[str, Split]:
    chosen = split(
        [file.class_name for file in kept],
        [file.sha256 or "" for file in kept],
        seed=settings.split_seed,
        validation_fraction=settings.validation_fraction,
        test_fraction=settings.test_fraction,
    )
    return dict(zip((file.path for file in kept), chosen, strict=True))


def _prepared(
    settings: DataSettings, found: Index, pixels: Path, splits: dict[str, Split]
) -> PreparedData:
    paths = [file.path for file in in_row_order(found.files)]
    return PreparedData(
        fingerprint=_fingerprint(settings, found, splits),
        source=settings.source,
        classes=found.classes,
        image_size=settings.image_size,
        split_seed=settings.split_seed,
        pixels=pixels,
        folder=found.source.absolute(),
        rows={
            name: tuple(row for row, path in enumerate(paths) if splits.get(path) == name)
            for name in SPLITS
        },
        paths=tuple(paths),
        images_found=found.images_found,
        images_skipped=found.images_found - len(found.kept),
    )


def _fingerprint(settings: DataSettings, found: Index, splits: dict[str, Split]) -> str:
    """Hash all that decides which pixels train, validate and test; not where they lie."""
    facts = {
        "decoder_version": DECODER_VERSION,
        "image_size": settings.image_size,
        "classes": found.classes,
        "split": [settings.split, settings.split_seed],
        "fractions": [settings.validation_fraction, settings.test_fraction],
        "files": sorted((file.class_name, file.sha256, splits[file.path]) for file in found.kept),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
