import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from lungbench.data.decode import ImageFacts
from lungbench.data.file_table import IndexedFile
from lungbench.data.images_csv import COLUMNS, write_images_csv

FACTS = ImageFacts(width=512, height=400, mode="L", format="PNG", mean_grey=127.25)

RowOf = Callable[[IndexedFile], dict[str, str]]


@pytest.fixture
def row_of(tmp_path: Path) -> RowOf:
    """Write a table of one training image, and read it back."""

    def row(file: IndexedFile) -> dict[str, str]:
        write_images_csv(tmp_path / "table.csv", [file], ["train" if file.kept else None])
        with (tmp_path / "table.csv").open(newline="", encoding="utf-8") as text:
            (found,) = csv.DictReader(text)
        return found

    return row


def test_a_kept_image_has_every_cell_but_a_reason(row_of: RowOf) -> None:
    row = row_of(IndexedFile("covid/1.png", "covid", "ab12", 99, FACTS))
    assert tuple(row) == COLUMNS
    known = "covid/1.png,covid,train,yes,,ab12,99,512,400,L,PNG,127.25"
    assert ",".join(row.values()) == f"{known},,,"


def test_what_a_manifest_says_stands_at_the_end(row_of: RowOf) -> None:
    file = IndexedFile("a/1.png", "a", "ab12", 99, FACTS, None, "actualmed", "=P1", "PA")
    row = row_of(file)
    assert (row["collection"], row["patient"], row["view"]) == ("actualmed", "'=P1", "PA")


def test_what_is_unknown_of_an_image_left_out_is_blank(row_of: RowOf) -> None:
    row = row_of(IndexedFile("covid/2.png", "covid", None, None, None, "the file is empty"))
    assert (row["split"], row["kept"], row["reason"]) == ("", "no", "the file is empty")
    assert row["width"] == row["sha256"] == row["bytes"] == ""


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"])
def test_a_cell_that_a_spreadsheet_would_compute_is_quoted(row_of: RowOf, start: str) -> None:
    name = f"{start}HYPERLINK(0)"
    row = row_of(IndexedFile(f"{name}/1.png", name, "ab12", 99, FACTS))
    assert row["class"] == f"'{name}"
    assert row["path"].startswith("'")


def test_commas_quotes_and_line_breaks_in_names_survive(row_of: RowOf) -> None:
    name = 'covid/a,"b"\n1.png'
    assert row_of(IndexedFile(name, "covid", "ab12", 99, FACTS))["path"] == name


def test_a_table_that_fails_half_way_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(ValueError, match="shorter"):
        write_images_csv(path, [IndexedFile("a/1.png", "a", "ab12", 99, FACTS)], [])
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["table.csv"]
