"""The images that a diagnosis is asked for: found, decoded as a training does, and looked at."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lungbench.data.decode import (
    ImageFacts,
    UnreadableImage,
    decode_bytes,
    read_bytes,
    unheard_advice,
)
from lungbench.data.row_file import RowFile
from lungbench.data.threads import map_in_threads
from lungbench.errors import Refused
from lungbench.predict.appearance import Look, unlike
from lungbench.predict.card import Appearance
from lungbench.predict.colour import colourfulness

SHOWN_SIDE = 320
"""Pixels a side of the pictures on a page."""


@dataclass(frozen=True, slots=True)
class Given:
    """One file to be diagnosed.

    Attributes:
        folder: The folder that was named in place of it; None where it was named itself.
    """

    path: Path
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """An image as the decoder sees it, to be looked at.

    Attributes:
        pixels: uint8 grey, stretched to a square as for the network, but larger.
        facts: What its file was.
    """

    pixels: NDArray[np.uint8]
    facts: ImageFacts


@dataclass(frozen=True, slots=True)
class Taken:
    """An image that could be decoded.

    Attributes:
        flags: In what it is unlike the training images, one line each.
        picture: None where nobody is going to look at it.
    """

    flags: tuple[str, ...]
    picture: Picture | None = None


Outcome = Taken | UnreadableImage


def given_files(paths: Sequence[Path]) -> list[Given]:
    """Return the files to be diagnosed: those named, and all visible ones below folders.

    Raises:
        Refused: A folder can't be read, or holds no file.
    """
    return [given for path in paths for given in _given(path)]


def take(
    given: Sequence[Given],
    pixels: RowFile,
    trained: Appearance | None,
    *,
    show: bool,
) -> list[Outcome]:
    """Decode images as a training does.

    Args:
        given: The files.
        pixels: Where the pixels go, each image in the row of its position.
        trained: What the training images looked like, if that is known.
        show: Whether pictures of them are wanted.

    Returns:
        What came of each.
    """

    def work(row: int) -> Outcome:
        try:
            content = read_bytes(given[row].path)
            decoded = decode_bytes(content, pixels.image_size)
            shown = decode_bytes(content, SHOWN_SIDE) if show else None
        except UnreadableImage as error:
            return error
        pixels.write(row, decoded.pixels)
        aspect = decoded.facts.width / decoded.facts.height
        look = Look.at(decoded.pixels, aspect, colourfulness(content))
        # The decoder's pixels lie in Pillow's memory, which a page has no use for.
        picture = Picture(np.array(shown.pixels), shown.facts) if shown else None
        return Taken(unlike(look, trained), picture)

    with unheard_advice():
        return list(map_in_threads(work, range(len(given))))


def _given(path: Path) -> Iterator[Given]:
    if not path.is_dir():
        yield Given(path)
        return
    files = list(_below(path))
    if not files:
        raise Refused("A folder must hold images.", received=f"{path} without a file")
    yield from (Given(file, path) for file in files)


def _below(folder: Path) -> Iterator[Path]:
    """Yield the visible files below a folder, sorted; linked folders are not entered."""
    for name, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        yield from (Path(name, each) for each in sorted(files) if not each.startswith("."))


def _refuse(error: OSError) -> None:
    raise Refused(
        "A folder of images must be readable.", received=f"{error.filename} ({error.strerror})"
    ) from None
