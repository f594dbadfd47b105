"""`data_images.csv`: one row per file found, kept or not, and why."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lungbench.data.file_table import IndexedFile
from lungbench.data.staging import new_file
from lungbench.foreign_text import as_cell

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
    "collection",
    "patient",
    "view",
)


def write_images_csv(
    path: Path, files: Iterable[IndexedFile], splits: Iterable[str | None]
) -> None:
    """Write the table, row by row, whole or not at all.

    Args:
        path: Where to.
        files: The rows, in this order.
        splits: The split of each file, `train+test` where it is in two, or the fold that it
            tests in, as `fold 3`; None where it is left out.

    Raises:
        OSError: It can't be written, or the disk is full.
    """
    # Rows end by CR LF, so that a CR or LF in a name is quoted.
    with new_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        for file, split in zip(files, splits, strict=True):
            writer.writerow(_row(file, split))


def _row(file: IndexedFile, split: str | None) -> tuple[Any, ...]:
    path, class_name, reason = _cell(file.path), _cell(file.class_name), _cell(file.reason)
    kept = "yes" if file.kept else "no"
    found = (_cell(file.collection), _cell(file.patient), _cell(file.view))
    return (
        *(path, class_name, split, kept, reason, file.sha256, file.size_bytes),
        *_facts(file),
        *found,
    )


def _facts(file: IndexedFile) -> tuple[Any, ...]:
    facts = file.facts
    if facts is None:
        return (None,) * 5
    mode, file_format = _cell(facts.mode), _cell(facts.format)
    return (facts.width, facts.height, mode, file_format, facts.mean_grey)


def _cell(text: str | None) -> str | None:
    return None if text is None else as_cell(text)
