"""`data_images.csv`: one row per file found, kept or not, and why."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lungbench.data.file_table import IndexedFile
from lungbench.data.staging import new_file
from lungbench.record import Split

IMAGES_FILE = "data_images.csv"

COLUMNS = (
    "path",
    "class",
    "split",
    "kept",
    "reason",
    "sha256",
    "bytes",
    "width",
    "height",
    "mode",
    "format",
    "mean_grey",
)

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_images_csv(
    path: Path, files: Iterable[IndexedFile], splits: Iterable[Split | None]
) -> None:
    """Write the table, row by row, whole or not at all.

    Args:
        path: Where to.
        files: The rows, in this order.
        splits: The split of each file; None where it is left out.

    Raises:
        OSError: It can't be written, or the disk is full.
    """
    # Rows end by CR LF, so that a CR or LF in a name is quoted.
    with new_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        for file, split in zip(files, splits, strict=True):
            writer.writerow(_row(file, split))


def _row(file: IndexedFile, split: Split | None) -> tuple[Any, ...]:
    path, class_name, reason = _shown(file.path), _shown(file.class_name), _shown(file.reason)
    kept = "yes" if file.kept else "no"
    head = (path, class_name, split, kept, reason, file.sha256, file.size_bytes)
    if file.facts is None:
        return (*head, None, None, None, None, None)
    facts = file.facts
    return (*head, facts.width, facts.height, facts.mode, facts.format, facts.mean_grey)


def _shown(text: str | None) -> str | None:
    """Return a text that a spreadsheet shows instead of computing it."""
    return f"'{text}" if text and text.startswith(_FORMULA_STARTS) else text
