"""What an inspection leaves behind: a row per file as CSV and XLSX, and a page to look at.

The XLSX file is the paper's (section III.B): each image's mean grey, with the histogram as a chart
of the spreadsheet's own.
"""

import contextlib
import csv
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from lungbench.data.inspect import InspectedFile, Inspection
from lungbench.data.overview import SPREAD_OF, GroupOverview, Overview
from lungbench.errors import Refused
from lungbench.files import write_atomically
from lungbench.foreign_text import as_cell
from reports.drawings.brightness import bar_name
from reports.forms.result_files import files_together
from reports.forms.workbook import Cell, Sheet, SheetColumn, StackedChart, write_workbook
from reports.inspection import html
from reports.page.render import as_bytes
from reports.wording.measures import MEASURES

CSV_FILE = "images.csv"
XLSX_FILE = "images.xlsx"
PAGE_FILE = "inspect.html"
FILES = (CSV_FILE, XLSX_FILE, PAGE_FILE)

_NUMBER_FORMATS = {each.name: each.number_format for each in MEASURES}
_DIGITS = 5
_KEPT_COLOUR, _DISCARDED_COLOUR = "#0072b2", "#d55e00"

_FACTS = (
    SheetColumn("path", 44),
    SheetColumn("class", 16),
    SheetColumn("collection", 16),
    SheetColumn("kept", 7),
    SheetColumn("reason", 26),
    SheetColumn("sha256", 14),
    SheetColumn("bytes", 11, "#,##0"),
    SheetColumn("width", 8),
    SheetColumn("height", 8),
    SheetColumn("mode", 8),
    SheetColumn("format", 8),
)
_COLUMNS = (*_FACTS, *(SheetColumn(each.name, 13, each.number_format) for each in MEASURES))

COLUMNS = tuple(column.title for column in _COLUMNS)


@contextlib.contextmanager
def inspection_folder(out: Path, source: Path) -> Iterator[Path]:
    """Give a temporary folder, whose files all get into `out` when the block ends well.

    Args:
        out: Made where it is missing; other files in it stay.
        source: The image folder, below which nothing is written.

    Raises:
        Refused: `out` can't be written, lies among the images, or the disk is full.
    """
    if source.resolve() in out.resolve().parents:
        raise Refused(
            "The results must not lie among the images.",
            received=f"{out} below {source}",
            hint="Name a folder beside the images.",
        )
    with files_together(out, FILES) as staging:
        yield staging


def write_inspection(inspection: Inspection, found: Overview, folder: Path, now: datetime) -> None:
    """Write the table, the workbook and the page into a folder.

    Raises:
        OSError: They can't be written, or the disk is full.
    """
    _write_csv(folder / CSV_FILE, inspection)
    write_workbook(folder / XLSX_FILE, _sheets(inspection, found))
    page = html(inspection, found, now)
    write_atomically(folder / PAGE_FILE, as_bytes(page))


def _write_csv(path: Path, inspection: Inspection) -> None:
    # Rows end by CR LF, so that a CR or LF in a name is quoted.
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as text:
        table = csv.writer(text)
        table.writerow(COLUMNS)
        for inspected in inspection:
            cells = _row(inspected)
            table.writerow([as_cell(each) if isinstance(each, str) else each for each in cells])


def _row(inspected: InspectedFile) -> tuple[Cell, ...]:
    file, facts, quality = inspected.file, inspected.file.facts, inspected.quality
    kept = "yes" if file.kept else "no"
    head = (file.path, file.class_name, inspected.collection or None, kept, file.reason)
    content = (file.sha256, file.size_bytes)
    if facts is None or quality is None:
        return (*head, *content, *[None] * (len(COLUMNS) - len(head) - len(content)))
    shape = (facts.width, facts.height, facts.mode, facts.format)
    return (*head, *content, *shape, *(round(value, _DIGITS) for value in quality))


def _sheets(inspection: Inspection, found: Overview) -> tuple[Sheet, ...]:
    groups = (*found.classes, *found.collections)
    return (
        Sheet("Images", _COLUMNS, map(_row, inspection)),
        Sheet("Classes", _CLASS_COLUMNS, map(_class_row, groups)),
        Sheet("Brightness", _BAR_COLUMNS, _bars(found), _CHART),
    )


_CLASS_COLUMNS = (
    SheetColumn("class", 16),
    SheetColumn("collection", 16),
    SheetColumn("images", 9, "#,##0"),
    SheetColumn("kept", 9, "#,##0"),
    SheetColumn("in the paper's range", 12, "#,##0"),
    SheetColumn("copies", 9, "#,##0"),
    SheetColumn("bytes", 14, "#,##0"),
    *(SheetColumn(f"median {name}", 13, _NUMBER_FORMATS.get(name)) for name in SPREAD_OF),
)
_BAR_COLUMNS = (SheetColumn("mean grey", 13), SheetColumn("kept", 10), SheetColumn("discarded", 10))
_CHART = StackedChart(
    title="Images by mean grey",
    x_title="mean grey, 0 is black and 255 white",
    y_title="images",
    names=0,
    series=((1, _KEPT_COLOUR), (2, _DISCARDED_COLOUR)),
)


def _class_row(group: GroupOverview) -> tuple[Cell, ...]:
    return (
        group.name,
        group.collection,
        group.images,
        group.kept,
        group.in_papers_range,
        group.copies,
        group.size_bytes,
        *(round(group.spreads[name].median, _DIGITS) for name in SPREAD_OF),
    )


def _bars(found: Overview) -> Iterator[tuple[Cell, ...]]:
    kept = map(sum, zip(*(each.kept for each in found.histograms), strict=True))
    discarded = map(sum, zip(*(each.discarded for each in found.histograms), strict=True))
    for number, counts in enumerate(zip(kept, discarded, strict=True)):
        yield bar_name(number), *counts
