"""The pixel cache: every image of a source decoded once, in one array that runs map into memory.

A cache folder is named after what decides its content: the decoder's version, the image size and
the class and SHA-256 of every file. Other splits of the same files, and the same files under other
names, find it again. It appears under its name only when it is whole.
"""

import contextlib
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
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
    read_bytes,
    sha256,
    unheard_advice,
)
from lungbench.data.index import Progress
from lungbench.data.row_file import RowFile
from lungbench.data.threads import map_in_threads
from lungbench.errors import DataError
from lungbench.files import sync_folder, write_atomically

CONTENTS_FILE = "contents.json"

Outcome = ImageFacts | UnreadableImage


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """One file to decode; their order is the order of the rows.

    Attributes:
        class_name: Its class.
        sha256: Of its bytes.
        path: Where it is.
    """

    class_name: str
    sha256: str
    path: Path


@dataclass(frozen=True, slots=True)
class CachedPixels:
    """A cache folder.

    Attributes:
        folder: Holds `images.npy` and `labels.npy`.
        outcomes: What each file turned out to be, by SHA-256.
    """

    folder: Path
    outcomes: dict[str, Outcome]


def cached_pixels(
    cache: Path, sources: Sequence[Source], image_size: int, progress: Progress | None = None
) -> CachedPixels:
    """Return the cache folder of these files, decoding them if it isn't there yet.

    Args:
        cache: The folder of all cache folders; the caller holds its lock.
        sources: The files, sorted.
        image_size: Height and width in pixels.
        progress: Told how many files are decoded; never called where none must be.

    Raises:
        DataError: A file changed or vanished since it was hashed.
        OSError: The cache can't be written, or the disk is full.
    """
    folder = cache / _key(sources, image_size)
    if not _is_whole(folder, sources, image_size):
        shutil.rmtree(folder, ignore_errors=True)
        _build(folder, sources, image_size, progress)
    return CachedPixels(folder, _read_outcomes(folder))


@contextlib.contextmanager
def new_folder(final: Path) -> Iterator[Path]:
    """Give a temporary folder that takes the name `final` when the block ends well."""
    temporary = Path(tempfile.mkdtemp(dir=final.parent, prefix=f".{final.name}.", suffix=".tmp"))
    try:
        temporary.chmod(0o755)  # mkdtemp's 0700 would hide the folder from the lab's others
        yield temporary
        sync_folder(temporary)
        temporary.replace(final)
        sync_folder(final.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def sweep(cache: Path) -> None:
    """Remove what killed processes left; nobody else may be writing."""
    for leftover in cache.glob(".*.tmp"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink()


def _key(sources: Sequence[Source], image_size: int) -> str:
    files = [(source.class_name, source.sha256) for source in sources]
    text = json.dumps([DECODER_VERSION, image_size, files])
    return f"pixels-{image_size}-{hashlib.sha256(text.encode()).hexdigest()[:24]}"


def _is_whole(folder: Path, sources: Sequence[Source], image_size: int) -> bool:
    try:
        pixels = np.load(folder / PIXELS_FILE, mmap_mode="r")
        labels = np.load(folder / LABELS_FILE)
        outcomes = _read_outcomes(folder)
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        return False
    square = (len(labels), image_size, image_size)
    return bool(pixels.shape == square) and outcomes.keys() == {file.sha256 for file in sources}


def _build(
    folder: Path, sources: Sequence[Source], image_size: int, progress: Progress | None
) -> None:
    with new_folder(folder) as temporary:
        whole = temporary / "all.npy"
        with RowFile.create(whole, len(sources), image_size) as rows:
            outcomes = _decode_into(rows, sources, progress)
        decoded = [row for row, found in enumerate(outcomes) if isinstance(found, ImageFacts)]
        _keep_rows(whole, temporary / PIXELS_FILE, decoded)
        np.save(temporary / LABELS_FILE, _labels([sources[row].class_name for row in decoded]))
        write_atomically(temporary / CONTENTS_FILE, _contents_json(sources, outcomes))


def _decode_into(
    rows: RowFile, sources: Sequence[Source], progress: Progress | None
) -> list[Outcome]:
    def work(row: int) -> Outcome:
        return _decode_row(sources[row], rows, row)

    outcomes: list[Outcome] = []
    with unheard_advice():
        for outcome in map_in_threads(work, range(len(sources))):
            outcomes.append(outcome)
            if progress:
                progress(len(outcomes), len(sources))
    return outcomes


def _decode_row(source: Source, rows: RowFile, row: int) -> Outcome:
    content = _unchanged_bytes(source)
    try:
        decoded = decode_bytes(content, rows.image_size)
    except UnreadableImage as error:
        return error
    rows.write(row, decoded.pixels)
    return decoded.facts


def _unchanged_bytes(source: Source) -> bytes:
    try:
        content = read_bytes(source.path)
    except UnreadableImage as error:
        raise _changed(source, error.reason) from None
    if sha256(content) != source.sha256:
        raise _changed(source, "its content changed")
    return content


def _changed(source: Source, what: str) -> DataError:
    return DataError(
        "The images must stay as they are while they are prepared.",
        received=f"{source.path} ({what})",
        hint="Start again when nothing writes to that folder.",
    )


def _keep_rows(whole: Path, final: Path, rows: list[int]) -> None:
    """Make `images.npy` of the rows that were decoded, in their order."""
    pixels = np.load(whole, mmap_mode="r")
    if len(rows) == len(pixels):
        whole.rename(final)
        return
    with RowFile.create(final, len(rows), pixels.shape[1]) as kept:
        for row, old_row in enumerate(rows):
            kept.write(row, pixels[old_row])
    whole.unlink()


def _labels(names: list[str]) -> NDArray[np.int64]:
    classes = sorted(set(names))
    return np.array([classes.index(name) for name in names], dtype=np.int64)


def _contents_json(sources: Sequence[Source], outcomes: Sequence[Outcome]) -> str:
    by_content = zip((source.sha256 for source in sources), outcomes, strict=True)
    return json.dumps({digest: _as_json(outcome) for digest, outcome in by_content})


def _as_json(outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, ImageFacts):
        return asdict(outcome)
    return {"reason": outcome.reason, "is_image": not isinstance(outcome, NotAnImage)}


def _from_json(fields: dict[str, Any]) -> Outcome:
    if "reason" not in fields:
        return ImageFacts(**fields)
    kind = UnreadableImage if fields["is_image"] else NotAnImage
    return kind(fields["reason"])


def _read_outcomes(folder: Path) -> dict[str, Outcome]:
    stored = json.loads((folder / CONTENTS_FILE).read_bytes())
    return {digest: _from_json(fields) for digest, fields in stored.items()}
