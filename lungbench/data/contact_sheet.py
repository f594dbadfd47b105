"""Small pictures of an image folder, to see in a minute what it holds."""

import io
from base64 import b64encode
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from lungbench.data.contents import read_content
from lungbench.data.decode import UnreadableImage, grey_of_bytes, unheard_advice
from lungbench.data.inspect import Inspection
from lungbench.data.threads import map_in_threads

PER_SHEET = 24
"""Most pictures on a sheet, drawn evenly over its files."""

SIDE = 96
"""Pixels of a picture's longer side."""

_JPEG_QUALITY = 70


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """One small picture.

    Attributes:
        path: Of its file, relative to the source.
        width: Of the picture, in pixels.
        height: Likewise.
        mean_grey: Of the original, 0 to 255.
        jpeg: The picture's file.
    """

    path: str
    width: int
    height: int
    mean_grey: float
    jpeg: bytes

    @property
    def data_uri(self) -> str:
        """Return the picture as an address that a page can show without asking anybody."""
        return f"data:image/jpeg;base64,{b64encode(self.jpeg).decode()}"


@dataclass(frozen=True, slots=True)
class ContactSheet:
    """Some of the files that have something in common.

    Attributes:
        title: The class that they are kept for, or the reason why they are discarded.
        files: How many there are.
        thumbnails: Some that can be shown.
        paths: Some of those that can't be decoded.
    """

    title: str
    files: int
    thumbnails: tuple[Thumbnail, ...]
    paths: tuple[str, ...] = ()

    def halved(self) -> "ContactSheet":
        """Return a sheet with every other thumbnail, and none where there was one."""
        return replace(self, thumbnails=self.thumbnails[1::2])

    @property
    def thumbnails_bytes(self) -> int:
        """Return how long its pictures are on a page."""
        return sum(len(each.data_uri) for each in self.thumbnails)


def class_sheets(inspection: Inspection, most: int) -> tuple[ContactSheet, ...]:
    """Return a sheet of the kept images of each class.

    Args:
        inspection: The folder.
        most: Sheets; the classes after these have none.
    """
    kept, files = inspection.kept, inspection.files
    labels = (files.class_names.index(name) for name in inspection.classes[:most])
    return _sheets(
        inspection,
        {
            files.class_names[label]: np.flatnonzero(kept & np.equal(files.labels, label)).tolist()
            for label in labels
        },
    )


def discarded_sheets(inspection: Inspection, most: int) -> tuple[ContactSheet, ...]:
    """Return a sheet of each reason for which files are discarded, the most frequent first.

    Args:
        inspection: The folder.
        most: Sheets; the others' files are on the last, for other reasons.
    """
    reasons: dict[str, list[int]] = defaultdict(list)
    for position in np.flatnonzero(~inspection.kept).tolist():
        reasons[inspection[position].file.reason or ""].append(position)
    order = sorted(reasons, key=lambda reason: -len(reasons[reason]))
    if len(order) > most:
        others = [position for reason in order[most - 1 :] for position in reasons[reason]]
        order = [*order[: most - 1], f"{len(order) - most + 1} other reasons"]
        reasons[order[-1]] = sorted(others)
    return _sheets(inspection, {reason: reasons[reason] for reason in order})


def within(sheets: Sequence[ContactSheet], most_bytes: int) -> tuple[ContactSheet, ...]:
    """Return the sheets with as many of their pictures as fit into a page of this size."""
    while sum(sheet.thumbnails_bytes for sheet in sheets) > most_bytes:
        sheets = [sheet.halved() for sheet in sheets]
    return tuple(sheets)


def evenly(items: Sequence[int], most: int) -> list[int]:
    """Return at most so many of the items, each from the middle of an equal part of them."""
    if len(items) <= most:
        return list(items)
    return [items[(2 * part + 1) * len(items) // (2 * most)] for part in range(most)]


def _sheets(inspection: Inspection, groups: dict[str, list[int]]) -> tuple[ContactSheet, ...]:
    """Make the sheets of groups of files, reading all their pictures at once."""
    decoded = inspection.files.decoded
    shown = {
        title: evenly([each for each in positions if decoded[each]], PER_SHEET)
        for title, positions in groups.items()
    }
    pictures = _thumbnails(inspection, [each for chosen in shown.values() for each in chosen])
    return tuple(
        ContactSheet(
            title,
            len(positions),
            tuple(found for each in shown[title] if (found := pictures[each])),
            tuple(
                inspection.files[each].path
                for each in evenly([each for each in positions if not decoded[each]], PER_SHEET)
            ),
        )
        for title, positions in groups.items()
    )


def _thumbnails(inspection: Inspection, positions: Sequence[int]) -> dict[int, Thumbnail | None]:
    def made(position: int) -> Thumbnail | None:
        try:
            return _thumbnail(inspection.root, inspection.files.paths[position])
        except UnreadableImage:  # it was readable a minute ago
            return None

    with unheard_advice():
        return dict(zip(positions, map_in_threads(made, positions), strict=True))


def _thumbnail(source: Path, path: str) -> Thumbnail:
    grey, facts = grey_of_bytes(read_content(source, path)[0])
    scale = SIDE / max(grey.size)
    size = (max(1, round(grey.width * scale)), max(1, round(grey.height * scale)))
    small = grey.resize(size, Image.Resampling.BILINEAR)
    jpeg = io.BytesIO()
    small.save(jpeg, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    return Thumbnail(path, *size, facts.mean_grey, jpeg.getvalue())
