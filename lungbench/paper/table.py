"""A table of published rates, read from CSV and checked to the last cell.

One row a class: `model`, `device`, `class` and any of `accuracy`, `precision`, `recall` (or
`sensitivity`), `specificity` and `f1`, each exactly as printed, because its decimals say how far it
may be from the exact rate. `images` is optional: test images of the class. A row whose class is
`overall` or `all` holds the overall accuracy, and may hold all test images.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from lungbench.errors import LungbenchError
from lungbench.metrics import RATE_NAMES
from lungbench.paper.rounding import MOST_DECIMALS, PrintedRate, printed_rate

ALL_CLASSES = ("overall", "all")
LARGEST_BYTES = 1_000_000
MOST_IMAGES = 100_000  # of a class; of all classes ten times as many

_NAMES = ("model", "device", "class")
_COLUMNS = (*_NAMES, *RATE_NAMES, "images")
_ALSO_CALLED = {"sensitivity": "recall", "f1-score": "f1", "f1_score": "f1", "f1 score": "f1"}
# Rows of scikit-learn's report and the like: means of classes, and no class.
_MEANS = ("macro", "macro avg", "weighted", "weighted avg", "micro avg", "average", "mean")
_FEWEST_CLASSES = 2
_MOST_SHOWN = 40


class TableError(LungbenchError):
    """A table of published rates can't be read as one."""

    exit_code: ClassVar[int] = 2


@dataclass(frozen=True, slots=True)
class PrintedClass:
    """One class of a run.

    Attributes:
        rates: By name, those that are printed; at least one.
        images: Its test images; None where the table doesn't tell.
    """

    name: str
    rates: Mapping[str, PrintedRate]
    images: int | None = None


@dataclass(frozen=True, slots=True)
class PrintedRun:
    """One network on one device.

    Attributes:
        classes: Two at least.
        overall: The overall accuracy; None where it isn't printed.
        images: All test images; None where the table doesn't tell.
    """

    model: str
    device: str
    classes: tuple[PrintedClass, ...]
    overall: PrintedRate | None = None
    images: int | None = None

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of its classes, in the order of the table."""
        return tuple(each.name for each in self.classes)


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    cells: Mapping[str, str]

    @property
    def run(self) -> tuple[str, str]:
        return self.cells["model"], self.cells["device"]

    @property
    def of(self) -> str:
        return self.cells["class"]

    @property
    def is_overall(self) -> bool:
        return self.of.lower() in ALL_CLASSES


def read_table(path: Path) -> tuple[PrintedRun, ...]:
    """Read a table of published rates.

    Returns:
        One run per model and device, in the order in which they first stand there.

    Raises:
        TableError: The file can't be read, or isn't such a table; names the line.
    """
    rows = _rows(_text(path))
    runs: dict[tuple[str, str], list[_Row]] = {}
    for row in rows:
        runs.setdefault(row.run, []).append(row)
    return _on_the_same_classes([_run(each) for each in runs.values()])


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise TableError(f"{path} can't be read: {error.strerror}.") from None
    if len(content) > LARGEST_BYTES:
        raise TableError("A table of rates is small.", expected=f"at most {LARGEST_BYTES:,} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TableError(
            f"A table of rates is text in UTF-8; byte {error.start:,} of {path} isn't.",
            hint="save the table as CSV in UTF-8.",
        ) from None


def _rows(text: str) -> list[_Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        lines = [(reader.line_num, cells) for cells in reader if any(map(str.strip, cells))]
    except csv.Error as error:
        raise TableError(f"Line {reader.line_num} is no CSV: {error}.") from None
    if not lines:
        raise TableError("A table of rates starts with a line of column names; it is empty.")
    columns = _columns([cell.strip().lower() for cell in lines[0][1]])
    rows = [_row(line, cells, columns) for line, cells in lines[1:]]
    if not rows:
        raise TableError("A table of rates holds one row a class; there is none.")
    return rows


def _columns(header: Sequence[str]) -> list[str]:
    """Return the columns under their own names; refuse what is missing, doubled or unknown."""
    columns = [_ALSO_CALLED.get(name, name) for name in header]
    missing = [name for name in _NAMES if name not in columns]
    if missing or not set(columns) & set(RATE_NAMES):
        wanted = ", ".join(missing) or f"any of {', '.join(RATE_NAMES)}"
        raise TableError(
            f"The table has no column {wanted}.",
            received=", ".join(map(repr, header)),
            hint="separate columns by commas and name them in the first line.",
        )
    for name in columns:
        if name not in _COLUMNS:
            raise TableError("A column is unknown.", received=_shown(name), expected=_expected())
        if columns.count(name) > 1:
            raise TableError(f"The column {name} stands more than once.")
    return columns


def _expected() -> str:
    return ", ".join((*_COLUMNS, *_ALSO_CALLED))


def _row(line: int, cells: Sequence[str], columns: Sequence[str]) -> _Row:
    if len(cells) != len(columns):
        raise TableError(
            f"Line {line} has {len(cells)} cells for {len(columns)} columns.",
            hint="write a decimal point, not a comma, in rates.",
        )
    row = _Row(line, dict(zip(columns, map(str.strip, cells), strict=True)))
    for name in _NAMES:
        if not row.cells[name] or not row.cells[name].isprintable():
            raise TableError(
                f"Line {line} needs a {name} in one line of text.", received=_shown(row.cells[name])
            )
    return row


def _run(rows: Sequence[_Row]) -> PrintedRun:
    """Build the run of these rows."""
    of_classes = [row for row in rows if not row.is_overall]
    of_all = [row for row in rows if row.is_overall]
    _check_rows(of_classes, of_all)
    model, device = rows[0].run
    run = PrintedRun(
        model=model,
        device=device,
        classes=tuple(PrintedClass(row.of, _rates(row), _images(row)) for row in of_classes),
        overall=_overall(of_all[0]) if of_all else None,
        images=_images(of_all[0]) if of_all else None,
    )
    _check_images(run)
    return run


def _check_rows(of_classes: Sequence[_Row], of_all: Sequence[_Row]) -> None:
    seen: dict[str, int] = {}
    for row in (*of_classes, *of_all):
        name = ALL_CLASSES[0] if row.is_overall else row.of
        if name in seen:
            raise TableError(
                f"Lines {seen[name]} and {row.line} both hold {row.of!r} of {_named(row.run)}."
            )
        seen[name] = row.line
        if row.of.lower() in _MEANS:
            raise TableError(
                f"Line {row.line} holds a mean of classes, and no class.",
                received=repr(row.of),
                hint="leave means out; the overall accuracy stands in a row named overall.",
            )


def _check_images(run: PrintedRun) -> None:
    given = [each.images for each in run.classes if each.images is not None]
    least = sum(given) + len(run.classes) - len(given)
    if run.images is None or least == run.images:
        return
    if least > run.images or len(given) == len(run.classes):
        raise TableError(
            f"The images of the classes of {_named((run.model, run.device))} don't make up all.",
            received=f"{sum(given):,} in {len(given)} classes, {run.images:,} overall",
        )


def _on_the_same_classes(runs: Sequence[PrintedRun]) -> tuple[PrintedRun, ...]:
    """Return the runs with their classes in the first one's order; refuse other classes."""
    names = runs[0].class_names
    if len(names) < _FEWEST_CLASSES:
        raise TableError(
            "A confusion matrix has two classes at least.",
            received=f"{', '.join(names) or 'none'} of {_named((runs[0].model, runs[0].device))}",
            hint="of two classes, the other's recall is this one's specificity.",
        )
    for run in runs[1:]:
        apart = sorted({*run.class_names} ^ {*names})
        if apart:
            raise TableError(
                f"Every network is tested on the same classes, {', '.join(names)}; "
                f"{_named((run.model, run.device))} is not.",
                received=f"{', '.join(map(repr, apart))} in one of them only",
            )
    return tuple(_in_order(run, names) for run in runs)


def _in_order(run: PrintedRun, names: Sequence[str]) -> PrintedRun:
    return replace(run, classes=tuple(sorted(run.classes, key=lambda each: names.index(each.name))))


def _rates(row: _Row) -> dict[str, PrintedRate]:
    rates = dict(_printed(row))
    if not rates:
        raise TableError(f"Line {row.line} holds no rate.", expected="one at least")
    return rates


def _overall(row: _Row) -> PrintedRate | None:
    rates = dict(_printed(row))
    more = [name for name in rates if name != "accuracy"]
    if more:
        raise TableError(
            f"Line {row.line} is of all classes, where only the accuracy is defined.",
            received=", ".join(more),
        )
    return rates.get("accuracy")


def _printed(row: _Row) -> Iterator[tuple[str, PrintedRate]]:
    for name in RATE_NAMES:
        text = row.cells.get(name, "")
        if text:
            yield name, _rate(row, name, text)


def _rate(row: _Row, name: str, text: str) -> PrintedRate:
    rate = printed_rate(text)
    if rate is None:
        raise TableError(
            f"Line {row.line}: {name} is no number.", received=_shown(text), expected=_EXPECTED_RATE
        )
    if rate.value > 1:
        raise TableError(
            f"Line {row.line}: {name} is above 1.", received=_shown(text), expected=_EXPECTED_RATE
        )
    if rate.decimals > MOST_DECIMALS:
        raise TableError(
            f"Line {row.line}: {name} has more than {MOST_DECIMALS} decimals.",
            received=_shown(text),
            hint="give the digits that the paper prints.",
        )
    return rate


_EXPECTED_RATE = "a share such as 0.9270, or a percentage with its sign such as 92.7%"


def _images(row: _Row) -> int | None:
    text = row.cells.get("images", "")
    if not text:
        return None
    most = 10 * MOST_IMAGES if row.is_overall else MOST_IMAGES
    is_count = text.isdecimal() and text.isascii() and len(text) <= len(str(most))
    images = int(text) if is_count else 0
    if not 1 <= images <= most:
        raise TableError(
            f"Line {row.line}: images is no count.",
            received=_shown(text),
            expected=f"a whole number from 1 to {most:,}",
        )
    return images


def _shown(text: str) -> str:
    """Write what was received with its strange characters spelled out, and not at any length."""
    return repr(text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}...")


def _named(run: tuple[str, str]) -> str:
    return " on ".join(run)
