"""`data_images.csv`: one row per file found, kept or not, and why."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from lungbench.data.index import IndexedFile
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


def images_csv(files: Sequence[IndexedFile], splits: Mapping[str, Split]) -> str:
    """Return the table as CSV text.

    Args:
        files: The rows, in this order.
        splits: The split of each kept file, by path.
    """
    text = io.StringIO()
    writer = csv.writer(text)  # ends rows by CR LF, so that a CR or LF in a name is quoted
    writer.writerow(COLUMNS)
    for file in files:
        writer.writerow([_cell(value) for value in _values(file, splits.get(file.path))])
    return text.getvalue()


def _values(file: IndexedFile, split: Split | None) -> tuple[Any, ...]:
    kept = "yes" if file.kept else "no"
    head = (file.path, file.class_name, split, kept, file.reason, file.sha256, file.size_bytes)
    if file.facts is None:
        return (*head, None, None, None, None, None)
    facts = file.facts
    return (*head, facts.width, facts.height, facts.mode, facts.format, facts.mean_grey)


def _cell(value: Any) -> str:
    """Return a cell that a spreadsheet shows instead of computing it."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
