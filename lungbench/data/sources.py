"""Where the images of an experiment come from, in every way that one can be told.

A folder (`lungbench.data.listing`), a manifest (`lungbench.data.manifest`), or several folders for
each class (`lungbench.data.mapping`); drawn images are a folder that is drawn first.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lungbench.data.listing import FoundFile, found_files, is_text
from lungbench.data.manifest import ANY, SUFFIXES, Wanted, manifest_files
from lungbench.data.mapping import mapped_files, place_of, root_of
from lungbench.errors import DataError
from lungbench.settings import SYNTHETIC, DataSettings


@dataclass(frozen=True, slots=True)
class Source:
    """Where images lie.

    Attributes:
        root: What the files' paths are relative to.
        files: Every file, by class; they are looked for while they are gone through, once.
    """

    root: Path
    files: Iterator[FoundFile]


def is_drawn(settings: DataSettings) -> bool:
    """Return whether the images are drawn rather than found."""
    return settings.source == SYNTHETIC and not settings.classes


def source_of(settings: DataSettings) -> Source:
    """Return the source of images that are found.

    Raises:
        DataError: It can't be read, now or while its files are gone through.
    """
    if settings.classes:
        return Source(root_of(settings.classes), mapped_files(settings.classes))
    path = Path(settings.source).expanduser()
    wanted = Wanted(settings.columns, settings.labels, settings.views)
    if settings.of_manifest and path.is_dir():
        raise DataError(
            "What is said of a manifest needs one as data.source.",
            received=f"data.{settings.of_manifest[0]} for {path}, a folder",
            expected=f"a file whose name ends in {', '.join(SUFFIXES[:2])}",
            hint=f"Name the manifest, or take data.{settings.of_manifest[0]} out.",
        )
    return source_at(path, wanted)


def source_at(path: Path, wanted: Wanted = ANY) -> Source:
    """Return the source that one path names: a folder, or a manifest.

    Args:
        path: Where it lies.
        wanted: Of a manifest, what its columns are called and which rows are meant.

    Raises:
        DataError: See `source_of`.
    """
    if not is_text(str(path)):
        raise DataError(
            "The path of the images must be UTF-8.",
            received=ascii(str(path)),
            hint="Rename the folder.",
        )
    if not path.is_file():
        return Source(path, found_files(path))
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(
            "The source of images must be a folder or a manifest.",
            received=path,
            expected=f"a folder, or a file whose name ends in {', '.join(SUFFIXES[:2])}",
            hint="Check data.source.",
        )
    return Source(path.parent, manifest_files(path, wanted))


def text_of(settings: DataSettings) -> str:
    """Return what records call the source: the path as given, or the folder above several."""
    return str(root_of(settings.classes)) if settings.classes else settings.source


def is_gone(settings: DataSettings) -> bool:
    """Return whether images are missing, or a folder is empty as where a disk isn't mounted."""
    if is_drawn(settings):
        return False
    mapped = [place_of(text).folder for texts in settings.classes.values() for text in texts]
    return any(map(_is_gone, mapped or [Path(settings.source).expanduser()]))


def look(settings: DataSettings) -> int:
    """Go through the files of a source without opening any; return how many there are.

    Raises:
        DataError: It can't be used.
    """
    return 0 if is_drawn(settings) else sum(1 for _ in source_of(settings).files)


def _is_gone(path: Path) -> bool:
    try:
        if path.is_dir():
            return not any(path.iterdir())
        return not path.is_file()
    except OSError:
        return False  # it is there; whoever prepares it says what is wrong
