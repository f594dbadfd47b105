"""The files of an inspection: their rows, and that they appear together or not at all."""

import csv
import re
import shutil
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from lungbench.data.inspect import Brightness, Inspection
from lungbench.data.overview import overview
from lungbench.data.quality import MEASURES
from lungbench.errors import DataError, Refused
from reports.inspection_files import (
    COLUMNS,
    CSV_FILE,
    FILES,
    PAGE_FILE,
    XLSX_FILE,
    inspection_folder,
    write_inspection,
)

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
NOW = datetime(2026, 11, 22, 21, 11, tzinfo=UTC)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Flat images of two classes in collections, one of them torn, one with a hostile name."""
    folder = tmp_path / "xrays"
    for name, greys in (("covid/ieee", (100, 120, 130)), ("=normal", (140, 141))):
        (folder / name).mkdir(parents=True)
        for grey in greys:
            Image.new("L", (20, 30), grey).save(folder / name / f"{grey}.png")
    (folder / "covid" / "torn.png").write_bytes(b"")
    return folder


def written(source: Path, out: Path) -> Path:
    with inspection_folder(out, source) as staging:
        inspection = Inspection.of(source, Brightness(120, 140))
        write_inspection(inspection, overview(inspection), staging, NOW)
    return out


def interrupted(source: Path, out: Path) -> None:
    with inspection_folder(out, source) as staging:
        (staging / CSV_FILE).write_text("new")
        raise KeyboardInterrupt


def csv_rows(out: Path) -> list[dict[str, str]]:
    with (out / CSV_FILE).open(newline="", encoding="utf-8") as text:
        return list(csv.DictReader(text))


def xlsx_rows(out: Path, sheet: int) -> list[list[str]]:
    with zipfile.ZipFile(out / XLSX_FILE) as archive:
        root = ET.fromstring(archive.read(f"xl/worksheets/sheet{sheet}.xml"))
    return [["".join(cell.itertext()) for cell in row] for row in root.iter(f"{MAIN}row")]


def test_the_table_has_a_row_a_file_with_all_that_is_known(source: Path, tmp_path: Path) -> None:
    rows = csv_rows(written(source, tmp_path / "out"))
    assert tuple(rows[0]) == COLUMNS
    assert [(row["path"], row["class"], row["collection"], row["kept"]) for row in rows] == [
        ("'=normal/140.png", "'=normal", "", "yes"),
        ("'=normal/141.png", "'=normal", "", "no"),
        ("covid/ieee/100.png", "covid", "ieee", "no"),
        ("covid/ieee/120.png", "covid", "ieee", "yes"),
        ("covid/ieee/130.png", "covid", "ieee", "yes"),
        ("covid/torn.png", "covid", "", "no"),
    ]
    dark, torn = rows[2], rows[5]
    assert (dark["reason"], dark["mean_grey"], dark["contrast"]) == (
        "darker than 120",
        "100.0",
        "0.0",
    )
    assert (dark["width"], dark["height"], dark["aspect"]) == ("20", "30", "0.66667")
    assert (torn["reason"], torn["mean_grey"]) == ("the file is empty", "")


def test_the_workbook_has_the_same_rows(source: Path, tmp_path: Path) -> None:
    out = written(source, tmp_path / "out")
    header, *rows = xlsx_rows(out, 1)
    assert tuple(header) == COLUMNS
    assert [row[0] for row in rows] == [row["path"].removeprefix("'") for row in csv_rows(out)]
    # A blank cell is none, so that those of a row are counted from its end.
    numbers = [float(row[-len(MEASURES)]) for row in rows if len(row) > len(MEASURES)]
    assert numbers == [140, 141, 100, 120, 130]


def test_the_workbook_sums_up_classes_and_collections(source: Path, tmp_path: Path) -> None:
    header, normal, covid, *_ = xlsx_rows(written(source, tmp_path / "out"), 2)
    assert header[:4] == ["class", "collection", "images", "kept"]
    assert normal[:3] == ["=normal", "2", "1"]
    assert covid[:3] == ["covid", "3", "2"]


def test_the_workbooks_histogram_is_a_chart_of_its_cells(source: Path, tmp_path: Path) -> None:
    out = written(source, tmp_path / "out")
    header, *rows = xlsx_rows(out, 3)
    assert header == ["mean grey", "kept", "discarded"]
    assert {row[0]: row[1:] for row in rows if row[1:] != ["0", "0"]} == {
        "100 to 105": ["0", "1"],
        "120 to 125": ["1", "0"],
        "130 to 135": ["1", "0"],
        "140 to 145": ["1", "1"],
    }
    with zipfile.ZipFile(out / XLSX_FILE) as archive:
        chart = archive.read("xl/charts/chart1.xml").decode()
    assert re.findall(r"Brightness!\$[BC]\$2:\$[BC]\$52", chart) == [
        "Brightness!$B$2:$B$52",
        "Brightness!$C$2:$C$52",
    ]


def test_all_files_appear_and_nothing_else(source: Path, tmp_path: Path) -> None:
    out = written(source, tmp_path / "deep" / "out")
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES)
    assert (out / PAGE_FILE).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_other_files_of_the_folder_stay_and_older_results_are_replaced(
    source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    (out / CSV_FILE).write_text("old")
    written(source, out)
    assert (out / "notes.txt").read_text() == "mine"
    assert len(csv_rows(out)) == 6


def test_a_failure_leaves_what_was_there_before(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / CSV_FILE).write_text("old")
    with pytest.raises(KeyboardInterrupt):
        interrupted(source, out)
    assert [path.name for path in out.iterdir()] == [CSV_FILE]
    assert (out / CSV_FILE).read_text() == "old"


def test_a_failure_takes_away_the_folders_it_made(source: Path, tmp_path: Path) -> None:
    with (
        pytest.raises(DataError),
        inspection_folder(tmp_path / "deep" / "out", source),
    ):
        raise DataError("The image folder must be readable.")
    assert [path.name for path in tmp_path.iterdir()] == ["xrays"]


def test_a_full_disk_is_refused_in_one_line(source: Path, tmp_path: Path) -> None:
    with (
        pytest.raises(Refused, match="No space left"),
        inspection_folder(tmp_path / "out", source),
    ):
        raise OSError(28, "No space left on device")


def test_a_file_in_the_place_of_the_folder_is_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(Refused, match="out"), inspection_folder(tmp_path / "out", source):
        pass


def test_a_folder_in_the_place_of_a_file_is_refused_before_the_work(
    source: Path, tmp_path: Path
) -> None:
    (tmp_path / "out" / PAGE_FILE).mkdir(parents=True)
    with pytest.raises(Refused, match="a folder"), inspection_folder(tmp_path / "out", source):
        pytest.fail("it was begun")


@pytest.mark.parametrize("below", ["out", "covid/out"])
def test_nothing_is_written_among_the_images(source: Path, below: str) -> None:
    with (
        pytest.raises(Refused, match="among the images"),
        inspection_folder(source / below, source),
    ):
        pass
    assert not (source / below).exists()


def test_every_odd_name_is_carried_into_every_file(source: Path, tmp_path: Path) -> None:
    names = ["=1+1.png", "<b>.png", "a\nb.png", "gpj.\u202egnp", "é肺.png", "\x1b[2J.png"]
    for name in names:
        shutil.copy(source / "covid" / "ieee" / "120.png", source / "covid" / name)
    (source / "covid" / "not text").touch()
    torn = bytes(source / "covid") + b"/not\xfftext.png"
    shutil.copy(bytes(source / "covid" / "ieee" / "120.png"), torn)
    out = written(source, tmp_path / "out")
    paths = {row["path"] for row in csv_rows(out)}
    assert {f"covid/{name}" for name in names} <= paths
    assert r"covid/not\udcfftext.png" in paths
    shown = {row[0] for row in xlsx_rows(out, 1)}
    assert {r"covid/a\nb.png", r"covid/gpj.\u202egnp", r"covid/\x1b[2J.png"} <= shown
    assert {"covid/=1+1.png", "covid/<b>.png", "covid/é肺.png"} <= shown
