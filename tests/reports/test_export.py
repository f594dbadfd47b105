"""The tables that leave a results folder: their rows, their files, and what hostile text does."""

import csv
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from lungbench.errors import Refused
from lungbench.record import Resources
from lungbench.resources.nvml import GpuReading
from lungbench.resources.samples import Sample, SampleFile
from reports.export import WORKBOOK_FILE, export
from reports.tidy.column import Column
from reports.tidy.facts import RUNS
from reports.tidy.source import sources_in
from reports.tidy.tables import tidy_tables

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
TABLES = ("runs", "epochs", "classes", "samples", "columns")


def rows_of(folder: Path, table: str) -> list[dict[str, str]]:
    with (folder / f"{table}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def sheets_of(book: Path) -> dict[str, list[list[str]]]:
    """Return the texts of every cell that isn't blank, by the sheet's name."""
    with zipfile.ZipFile(book) as archive:
        names = [
            sheet.get("name", "")
            for sheet in ET.fromstring(archive.read("xl/workbook.xml")).iter(f"{MAIN}sheet")
        ]
        pages = [
            ET.fromstring(archive.read(f"xl/worksheets/sheet{number}.xml"))
            for number in range(1, len(names) + 1)
        ]
    return {
        name: [["".join(cell.itertext()) for cell in row] for row in page.iter(f"{MAIN}row")]
        for name, page in zip(names, pages, strict=True)
    }


def test_there_is_a_row_a_run_an_epoch_a_class_and_a_reading(lab, tmp_path: Path) -> None:
    written = export([lab.execution(models=("cnn10",), repeats=2, epochs=4)], tmp_path / "out")
    found = {table: rows_of(written.path, table) for table in TABLES}
    assert len(found["runs"]) == 4  # one model, two devices, two repeats
    assert len(found["epochs"]) == 4 * 4
    assert len(found["classes"]) == 4 * 3
    assert len(found["samples"]) > 4
    assert len(found["columns"]) == sum(len(found[table][0]) for table in TABLES[:-1])
    assert not written.left_out


def test_the_workbook_holds_the_same_rows_as_the_csv_files(lab, tmp_path: Path) -> None:
    out = export([lab.execution(models=("cnn10",), epochs=2)], tmp_path / "out").path
    sheets = sheets_of(out / WORKBOOK_FILE)
    assert list(sheets) == ["Runs", "Epochs", "Classes", "Samples", "Columns"]
    for name in ("Runs", "Epochs", "Classes", "Columns"):
        table = rows_of(out, name.lower())
        header, *rows = sheets[name]
        assert header == list(table[0])
        known = [[text for text in row.values() if text] for row in table]
        assert [(row[:2], len(row)) for row in rows] == [(row[:2], len(row)) for row in known]


def test_what_is_not_known_is_an_empty_cell(lab, tmp_path: Path) -> None:
    def unknown(record):
        return record.model_copy(
            update={"timing": None, "resources": None, "metrics": None, "model": None}
        )

    out = export([lab.execution(models=("cnn10",), change=unknown)], tmp_path / "out").path
    for row in rows_of(out, "runs"):
        assert {row[name] for name in ("wall_s", "rss_peak_bytes", "kappa", "parameters")} == {""}
        assert row["repeat"] == "1"
    assert rows_of(out, "classes") == []


def test_a_run_without_a_record_has_a_row_that_says_so(lab, tmp_path: Path) -> None:
    folder = lab.execution(models=("cnn10",))
    broken, missing = sorted((folder / "runs").iterdir())
    (broken / "record.json").write_text("{")
    for path in missing.iterdir():
        path.unlink()
    missing.rmdir()
    first, second = rows_of(export([folder], tmp_path / "out").path, "runs")
    assert (first["status"], second["status"]) == ("broken", "missing")
    assert first["reason"]
    assert second["device"] == "cpu:threads=2"
    assert second["wall_s"] == ""


def test_all_executions_below_a_folder_are_taken_each_once(lab, tmp_path: Path) -> None:
    first = lab.execution(models=("cnn10",))
    lab.execution("20261123T090000Z", models=("cnn10",))
    out = export([lab.root, first], tmp_path / "out").path
    stamps = [row["execution"] for row in rows_of(out, "runs")]
    assert stamps == ["20261122T211100Z"] * 2 + ["20261123T090000Z"] * 2


def test_two_executions_of_one_name_are_told_apart(lab, lab_at, tmp_path: Path) -> None:
    other = lab_at(tmp_path / "elsewhere").execution(models=("cnn10",))
    out = export([lab.execution(models=("cnn10",)), other], tmp_path / "out").path
    keys = [(row["execution"], row["run_id"]) for row in rows_of(out, "runs")]
    assert len(set(keys)) == 4
    assert {name for name, _ in keys} == {"20261122T211100Z", "20261122T211100Z (2)"}


@pytest.mark.parametrize("name", ["=HYPERLINK(0)", "@sum", "+1", "-1", "\uff1d1"])
def test_no_spreadsheet_computes_a_class_name(lab, tmp_path: Path, name: str) -> None:
    folder = lab.execution(models=("cnn10",), classes=(name, "healthy"))
    out = export([folder], tmp_path / "out").path
    assert {row["class"] for row in rows_of(out, "classes")} == {f"'{name}", "healthy"}
    with zipfile.ZipFile(out / WORKBOOK_FILE) as archive:
        sheet = archive.read("xl/worksheets/sheet3.xml")
    assert b"<f>" not in sheet


def test_a_hostile_name_stays_on_its_line(lab, tmp_path: Path) -> None:
    folder = lab.execution(models=("cnn10",), classes=("a\nb\x07\u202e,\"'", "healthy"))
    out = export([folder], tmp_path / "out").path
    assert rows_of(out, "classes")[0]["class"] == "a\\nb\\x07\\u202e,\"'"


def test_earlier_attempts_come_first_and_are_numbered(lab, tmp_path: Path) -> None:
    folder = lab.execution(models=("cnn10",), devices=("cpu",))
    (run,) = (folder / "runs").iterdir()
    (run / "samples.csv.gz").rename(run / "samples-1.csv.gz")
    with SampleFile(run / "samples.csv.gz", gpus=(1,), domains=("package-0",)) as file:
        file.write(Sample(0.5, rss_bytes=7, gpus=(GpuReading(),), node_energy_j=(None,)))
    rows = rows_of(export([folder], tmp_path / "out").path, "samples")
    assert [row["attempt"] for row in rows] == ["1"] * (len(rows) - 1) + ["2"]
    assert rows[-1]["rss_bytes"] == "7"
    assert rows[-1]["gpu1_power_w"] == rows[-1]["node_package-0_energy_j"] == ""


def test_a_torn_file_of_readings_gives_what_stands_before_the_tear(lab, tmp_path: Path) -> None:
    folder = lab.execution(models=("cnn10",), devices=("cpu",), epochs=60)
    (run,) = (folder / "runs").iterdir()
    path = run / "samples.csv.gz"
    whole = len(rows_of(export([folder], tmp_path / "whole").path, "samples"))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    torn = len(rows_of(export([folder], tmp_path / "torn").path, "samples"))
    assert 0 < torn < whole


def test_rows_beyond_a_sheet_are_counted_and_stay_in_the_csv(lab, tmp_path: Path) -> None:
    folder = lab.execution(models=("cnn10",), devices=("cpu",), epochs=8)
    written = export([folder], tmp_path / "out", most_rows=6)
    epochs = sheets_of(written.path / WORKBOOK_FILE)["Epochs"]
    # A header, four rows, and the line that says that the other four are left out.
    assert len(epochs) == 6
    assert epochs[-1] == ["4 more rows, which a sheet has no room for"]
    assert written.left_out["epochs"] == 4
    assert len(rows_of(written.path, "epochs")) == 8


def test_a_workbook_alone_is_written_where_it_is_asked_for(lab, tmp_path: Path) -> None:
    book = tmp_path / "new" / "all.XLSX"
    assert export([lab.execution(models=("cnn10",))], book).path == book
    assert [path.name for path in book.parent.iterdir()] == ["all.XLSX"]


def test_files_appear_together_or_not_at_all(
    lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, out = lab.execution(models=("cnn10",)), tmp_path / "out"

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("reports.export.write_workbook", full)
    with pytest.raises(Refused, match="No space left"):
        export([folder], out)
    assert not out.exists()
    out.mkdir()
    (out / "runs.csv").write_text("an older one")
    with pytest.raises(Refused, match="No space left"):
        export([folder], out)
    assert [path.name for path in out.iterdir()] == ["runs.csv"]
    assert (out / "runs.csv").read_text() == "an older one"


def test_a_folder_without_executions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"folder of an execution.* Next: name"):
        export([tmp_path], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_in_the_place_of_a_file_is_refused(lab, tmp_path: Path) -> None:
    (tmp_path / "out" / "runs.csv").mkdir(parents=True)
    with pytest.raises(Refused, match="must be files"):
        export([lab.execution(models=("cnn10",))], tmp_path / "out")


def test_every_column_is_named_once_and_explained(lab) -> None:
    for table in tidy_tables(sources_in([lab.execution(models=("cnn10",))])):
        names = [column.name for column in table.columns]
        assert len(names) == len(set(names))
        assert all(column.meaning for column in table.columns)


def test_every_resource_of_a_record_has_a_column() -> None:
    assert not set(Resources.model_fields) - {column.name for column in RUNS}


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("wall_s", "s"),
        ("images_per_s", "images/s"),
        ("matmul_flops_per_s", "operations/s"),
        ("rss_peak_bytes", "bytes"),
        ("gpu_temperature_max_c", "°C"),
        ("energy_j", "J"),
        ("status", ""),
        ("mcc", ""),
    ],
)
def test_a_name_ends_in_its_unit(name: str, unit: str) -> None:
    assert Column(name, "number", "", "").unit == unit
