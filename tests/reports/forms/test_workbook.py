"""XLSX files, read back with the standard library: they are zipped XML."""

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

import pytest

from reports.forms.workbook import Cell, Sheet, SheetColumn, StackedChart, write_workbook

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
CHART = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"

COLUMNS = (SheetColumn("name", 20), SheetColumn("number", 10, "0.0"))
CHARTED = StackedChart("Title", "names", "numbers", names=0, series=((1, "#0072b2"),))

HOSTILE = [
    "=HYPERLINK(0)", "+1", "-1", "@sum", "{=1+1}", "http://example.org/", "internal:Sheet1!A1",
    "mailto:a@example.org", "<b>&amp;</b>", "<r><t>raw</t></r>", "1e5", "_x0041_", " spaces ",
    "é肺",
]  # fmt: skip


class Read(NamedTuple):
    """A sheet that was read back."""

    rows: list[list[str]]
    types: list[list[str]]
    xml: ET.Element


def write(path: Path, rows: Sequence[Sequence[Cell]], chart: StackedChart | None = None) -> Path:
    write_workbook(path, [Sheet("Rows", COLUMNS, rows, chart)])
    return path


def part(path: Path, name: str) -> ET.Element:
    with zipfile.ZipFile(path) as archive:
        return ET.fromstring(archive.read(name))


def read(path: Path, number: int = 1) -> Read:
    sheet = part(path, f"xl/worksheets/sheet{number}.xml")
    rows = sheet.findall(f"{MAIN}sheetData/{MAIN}row")
    return Read(
        [["".join(cell.itertext()) for cell in row] for row in rows],
        [[cell.get("t", "n") for cell in row] for row in rows],
        sheet,
    )


def test_rows_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    found = read(write(tmp_path / "a.xlsx", [("a", 1), ("b", 2.5), ("c", None), ("d", True)]))
    assert found.rows == [["name", "number"], ["a", "1"], ["b", "2.5"], ["c"], ["d", "1"]]
    assert found.types[2] == ["inlineStr", "n"]
    assert found.types[4] == ["inlineStr", "b"]


@pytest.mark.parametrize("text", HOSTILE)
def test_every_text_is_text_and_nothing_is_computed_or_linked(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "a.xlsx", [(text, 1)])
    found = read(path)
    assert found.types[1][0] == "inlineStr"
    # Excel reads _x0041_ as the letter A, unless its own underscore is written as one.
    shown = found.rows[1][0].replace("_x005F_", "_")
    assert shown.rstrip() == text.rstrip()
    assert not list(found.xml.iter(f"{MAIN}f"))
    assert not list(found.xml.iter(f"{MAIN}hyperlink"))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "\uff1d1"])
def test_what_begins_like_a_formula_stays_text_when_it_is_edited(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "a.xlsx", [(text, 1), ("plain", 1)])
    styles = part(path, "xl/styles.xml").findall(f"{MAIN}cellXfs/{MAIN}xf")
    cells = [row.find(f"{MAIN}c") for row in read(path).xml.iter(f"{MAIN}row")][1:]
    marked = [
        styles[int(cell.get("s", "0"))].get("quotePrefix") == "1"
        for cell in cells
        if cell is not None
    ]
    assert marked == [True, False]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x00b\x07", r"a\x00b\x07"),
        ("two\r\nlines", r"two\r\nlines"),
        ("gpj.\u202egnp", r"gpj.\u202egnp"),
        ("half\udcff", r"half\udcff"),
        ("none\uffff\ufffe", r"none\uffff\ufffe"),
    ],
)
def test_what_xml_cannot_hold_is_escaped_for_the_eye(tmp_path: Path, text: str, shown: str) -> None:
    assert read(write(tmp_path / "a.xlsx", [(text, 1)])).rows[1][0] == shown


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_what_is_no_number_stays_blank(tmp_path: Path, value: float | None) -> None:
    assert read(write(tmp_path / "a.xlsx", [("a", value)])).rows[1] == ["a"]


def test_the_header_stays_in_sight_and_filters_every_row(tmp_path: Path) -> None:
    found = read(write(tmp_path / "a.xlsx", [("a", 1), ("b", 2)])).xml
    pane = next(found.iter(f"{MAIN}pane"))
    assert (pane.get("state"), pane.get("topLeftCell")) == ("frozen", "B2")
    assert next(found.iter(f"{MAIN}autoFilter")).get("ref") == "A1:B3"


def test_a_sheet_without_rows_has_its_header(tmp_path: Path) -> None:
    assert read(write(tmp_path / "a.xlsx", [])).rows == [["name", "number"]]


@pytest.mark.parametrize(
    ("rows", "last"),
    [(3, "row 2"), (4, "2 more rows, which"), (9, "7 more rows, which")],
)
def test_rows_that_do_not_fit_are_counted_in_the_last_line(
    tmp_path: Path, rows: int, last: str
) -> None:
    path = tmp_path / "a.xlsx"
    given = ((f"row {number}", number) for number in range(rows))
    write_workbook(path, [Sheet("Rows", COLUMNS, given)], most_rows=4)
    found = read(path).rows
    assert len(found) == 4
    assert found[-1][0].startswith(last)


def test_rows_are_taken_one_by_one(tmp_path: Path) -> None:
    taken = list[int]()

    def rows() -> Iterator[tuple[str, int]]:
        for number in range(5):
            taken.append(number)
            yield "a", number

    write_workbook(tmp_path / "a.xlsx", [Sheet("Rows", COLUMNS, rows())])
    assert taken == [0, 1, 2, 3, 4]


def test_several_sheets_stand_in_their_order(tmp_path: Path) -> None:
    sheets = [Sheet(name, COLUMNS, [(name, 1)]) for name in ("One", "Two")]
    write_workbook(tmp_path / "a.xlsx", sheets)
    names = part(tmp_path / "a.xlsx", "xl/workbook.xml").iter(f"{MAIN}sheet")
    assert [sheet.get("name") for sheet in names] == ["One", "Two"]
    assert read(tmp_path / "a.xlsx", 2).rows[1] == ["Two", "1"]


def test_a_chart_refers_to_the_cells_and_holds_their_numbers(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", [("a", 1), ("b", 2)], CHARTED)
    [series] = part(path, "xl/charts/chart1.xml").iter(f"{CHART}ser")
    formulas = [formula.text for formula in series.iter(f"{CHART}f")]
    assert formulas == ["Rows!$B$1", "Rows!$A$2:$A$3", "Rows!$B$2:$B$3"]
    values = [value.text for value in series.iter(f"{CHART}v")]
    assert values == ["number", "a", "b", "1", "2"]


def test_a_file_that_fails_half_way_leaves_the_old_one_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_text("old")

    def rows() -> Iterator[tuple[str, int]]:
        yield "a", 1
        raise ValueError("torn")

    with pytest.raises(ValueError, match="torn"):
        write_workbook(path, [Sheet("Rows", COLUMNS, rows())])
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_missing_is_the_systems_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write(tmp_path / "nowhere" / "a.xlsx", [])
