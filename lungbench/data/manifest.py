"""A manifest: a CSV or TSV file that names each image, its class and, where known, its patient.

Paths are relative to the manifest's folder and stay below it. Columns are found by their names,
in the words that public collections use, or named by the experiment; others are passed over. See
docs/data.md.
"""

import csv
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from lungbench.counted import counted
from lungbench.data.listing import FoundFile, check_classes
from lungbench.data.manifest_text import delimiter_of, plain_name, why_no_text
from lungbench.data.split_names import split_named
from lungbench.data.walk import LEADS_OUT, Walk
from lungbench.errors import DataError
from lungbench.settings import ColumnSettings

SUFFIXES = (".csv", ".tsv", ".tab", ".txt")

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "path": ("path", "file", "filename", "filepath", "image", "imagepath", "imagefile",
             "imageindex"),
    "label": ("label", "class", "cls", "classname", "finding", "diagnosis"),
    "patient": ("patient", "patientid", "subject", "subjectid"),
    "split": ("split", "subset"),
    "view": ("view", "viewposition", "projection"),
    "collection": ("collection", "dataset", "sourcerepo"),
}  # fmt: skip
"""What each column may be called, the best name first; only letters and digits count."""

NEEDED = ("path", "label")
_EXPECTED = (
    "a column path (or file, filename, image) and a column label (or class, cls, finding), "
    "and perhaps patient, split, view and collection"
)
_UNKNOWN = frozenset(("", "-", "?", "n/a", "na", "nan", "none", "null", "unknown"))
"""Patients that nobody knows are not one patient."""

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an experiment says of a manifest.

    Attributes:
        columns: What its columns are called.
        labels: The class of each label; rows with others are passed over. Empty takes all as
            classes.
        views: Those that are used; empty is all.
    """

    columns: ColumnSettings = field(default_factory=ColumnSettings)
    labels: Mapping[str, str] = field(default_factory=dict)
    views: tuple[str, ...] = ()

    def takes(self, row: Mapping[str, str]) -> bool:
        """Return whether a row is meant."""
        known = not self.labels or row["label"] in self.labels
        return known and (not self.views or row.get("view", "") in self.views)


ANY = Wanted()


def manifest_files(path: Path, wanted: Wanted = ANY) -> Iterator[FoundFile]:
    """Yield the files that a manifest names, by class and path.

    Args:
        path: The manifest.
        wanted: What its columns are called, and which rows are meant.

    Raises:
        DataError: It can't be read, lacks a column, or has a row that can't be used; the first
            such row is named by its line. Or files that it names are missing, or it has no row
            with a label or a view that is asked for.
    """
    rows = _Rows(path, wanted)
    try:
        with path.open(encoding="utf-8-sig", newline="") as text:
            found = sorted(rows.read(text.readline(), text), key=_by_class_and_parts)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            "A manifest must be a table of UTF-8 text.",
            received=f"{path} ({why_no_text(path, error)})",
            expected="CSV or TSV with a header line",
            hint='check the path, or save it from a spreadsheet program as "CSV UTF-8".',
        ) from None
    rows.check_all_there()
    rows.check_all_met()
    if not found:
        raise DataError(
            "A manifest must name images.",
            received=f"{path} without a row below its header",
            hint="add a row for each image, or name another manifest.",
        )
    labels = "a manifest with two labels or more"
    check_classes(path, {file.class_name for file in found}, expected=labels)
    yield from found


def _by_class_and_parts(file: FoundFile) -> tuple[str, str]:
    return file.class_name, file.path.replace("/", "\0")


def _joined(cells: Sequence[str], places: Sequence[int]) -> str:
    """Return what stands in one cell, or the path that several make."""
    return "/".join(cells[place].strip() for place in places)


@dataclass
class _Rows:
    """The rows of one manifest.

    Attributes:
        lines: Of each path, where it was named.
        missing: Files that aren't there, with their lines.
        met: Each label and view that there is a row with.
    """

    manifest: Path
    wanted: Wanted
    lines: dict[str, int] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    met: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._root = Path(os.path.abspath(self.manifest.parent))  # noqa: PTH100 - no links
        self._walk = Walk([self._root])
        self._outside = lru_cache(maxsize=1024)(self._walk.leads_out)

    def read(self, header: str, text: Iterator[str]) -> Iterator[FoundFile]:
        """Yield the file of each row."""
        delimiter = delimiter_of(self.manifest, header)
        names = next(csv.reader([header], delimiter=delimiter), [])
        places = self._places(names)
        # Strict: a quote that is never closed must not swallow the rest of the table.
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        for cells in reader:
            line = reader.line_num + 1
            if len(cells) not in (0, len(names)):
                raise self._wrong(
                    line, f"{counted(len(cells), 'cell')}, where the header has {len(names)}"
                )
            row = {name: _joined(cells, ats) for name, ats in places.items()} if any(cells) else {}
            if row and self._takes(row):
                yield self._file(row, line)

    def check_all_there(self) -> None:
        """Refuse a manifest that names missing files."""
        if self.missing:
            named = ", ".join(self.missing[:_MOST_NAMED])
            rest = len(self.missing) - _MOST_NAMED
            raise DataError(
                "The files that a manifest names must be there.",
                received=f"{self.manifest} with {len(self.missing)} missing: {named}"
                + (f" and {rest} more" if rest > 0 else ""),
                hint=f"Put them below {self._root}, or take their rows out.",
            )

    def check_all_met(self) -> None:
        """Refuse labels and views that are asked for and that no row has: they are misspelled."""
        asked = {"labels": tuple(self.wanted.labels), "views": self.wanted.views}
        for setting, words in asked.items():
            there = sorted(word for of, word in self.met if of == setting)
            if absent := [word for word in words if word not in there]:
                raise DataError(
                    f"The manifest must have a row with each of data.{setting}.",
                    received=f"{self.manifest} without {absent[0]!r}",
                    expected=f"some of {', '.join(map(repr, there[:_MOST_NAMED]))}"
                    + (f" and {len(there) - _MOST_NAMED} more" if len(there) > _MOST_NAMED else ""),
                    hint="Spell it as the manifest does, or take it out.",
                )

    def _takes(self, row: Mapping[str, str]) -> bool:
        self.met |= {("labels", row["label"]), ("views", row.get("view", ""))}
        return self.wanted.takes(row)

    def _places(self, names: list[str]) -> dict[str, tuple[int, ...]]:
        """Return where the columns stand: those that are named, else those that are known."""
        places = {}
        for column, aliases in COLUMNS.items():
            if named := getattr(self.wanted.columns, column):
                parts = (named,) if isinstance(named, str) else named
                places[column] = tuple(self._named(part, column, names) for part in parts)
            elif (at := self._known(aliases, names)) is not None:
                places[column] = (at,)
        if any(column not in places for column in NEEDED):
            raise self._without_columns(names)
        if self.wanted.views and "view" not in places:
            raise DataError(
                "A manifest must have a column view where data.views is asked for.",
                received=f"{self.manifest} with the columns {', '.join(names)}",
                hint="say in [data.columns] what it is called, or take data.views out.",
            )
        return places

    def _without_columns(self, names: list[str]) -> DataError:
        found = f"the columns {', '.join(names)}" if names else "no header line"
        return DataError(
            "The first line of a manifest must name its columns.",
            received=f"{self.manifest} with {found}",
            expected=_EXPECTED,
            hint="say in [data.columns] what they are called, or rename them in that line.",
        )

    def _named(self, name: str, column: str, names: list[str]) -> int:
        """Return where a column stands that the experiment names."""
        there = [each.strip() for each in names]
        if there.count(name) != 1:
            raise DataError(
                "Each of data.columns must be a column of the manifest.",
                received=f"{column} = {name!r}, {there.count(name)} times in {self.manifest}",
                expected=f"one of {', '.join(map(repr, there))}",
                hint="Spell it as the header line does.",
            )
        return there.index(name)

    def _known(self, aliases: Sequence[str], names: list[str]) -> int | None:
        """Return where a column stands by the names that are known; None where there is none."""
        plain = [plain_name(name) for name in names]
        for alias in aliases:
            if plain.count(alias) > 1:
                raise self._wrong(1, f"two columns {alias}")
        return next((plain.index(alias) for alias in aliases if alias in plain), None)

    def _file(self, row: Mapping[str, str], line: int) -> FoundFile:
        path, label, split = self._path(row["path"], line), row["label"], row.get("split", "")
        if not label:
            raise self._wrong(line, f"no label for {path}")
        if split and not split_named(split):
            raise self._wrong(line, f"split {split!r}", "train, validation, test or nothing")
        patient = row.get("patient", "")
        return FoundFile(
            path=path,
            class_name=self.wanted.labels.get(label, label),
            patient=None if patient.casefold() in _UNKNOWN else patient,
            split=split_named(split),
            view=row.get("view") or None,
            collection=row.get("collection") or None,
            reason=self._looked_at(path, line),
        )

    def _path(self, named: str, line: int) -> str:
        """Return the path of a row, relative to the manifest's folder."""
        if not named or "\0" in named:
            raise self._wrong(line, f"the path {named!r}")
        whole = os.path.normpath(self._root / self._spelled(named))
        path = Path(whole)
        if path == self._root or not path.is_relative_to(self._root):
            raise self._wrong(line, f"{named!r}", f"a path below {self._root}")
        relative = path.relative_to(self._root).as_posix()
        if (before := self.lines.setdefault(relative, line)) != line:
            raise self._wrong(line, f"{relative}, which line {before} names too")
        return relative

    def _spelled(self, named: str) -> str:
        """Return a path from Windows as this system spells it."""
        if "\\" in named and not os.path.lexists(self._root / named):
            return named.replace("\\", "/")
        return named

    def _looked_at(self, path: str, line: int) -> str | None:
        """Return why a file is left out; note it where it is missing."""
        whole = self._root / path
        try:
            status = whole.lstat()
        except OSError:
            self.missing.append(f"{path} (line {line})")
            return None
        is_link = stat.S_ISLNK(status.st_mode)
        out = self._outside(whole.parent) or (is_link and self._walk.leads_out(whole))
        return LEADS_OUT if out else None

    def _wrong(self, line: int, received: str, expected: str | None = None) -> DataError:
        return DataError(
            "Each row of a manifest must name one image and its class.",
            received=f"{self.manifest}, line {line}: {received}",
            expected=expected,
            hint="Correct that line.",
        )
