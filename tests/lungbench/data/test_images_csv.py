import csv
import io

import pytest

from lungbench.data.decode import ImageFacts
from lungbench.data.images_csv import COLUMNS, images_csv
from lungbench.data.index import IndexedFile

FACTS = ImageFacts(width=512, height=400, mode="L", format="PNG", mean_grey=127.25)


def row_of(file: IndexedFile) -> dict[str, str]:
    (row,) = csv.DictReader(io.StringIO(images_csv([file], {"covid/1.png": "train"}), newline=""))
    return row


def test_a_kept_image_has_every_cell_but_a_reason() -> None:
    row = row_of(IndexedFile("covid/1.png", "covid", "ab12", 99, FACTS))
    assert tuple(row) == COLUMNS
    assert ",".join(row.values()) == "covid/1.png,covid,train,yes,,ab12,99,512,400,L,PNG,127.25"


def test_what_is_unknown_of_an_image_left_out_is_blank() -> None:
    row = row_of(IndexedFile("covid/2.png", "covid", None, None, None, "the file is empty"))
    assert (row["split"], row["kept"], row["reason"]) == ("", "no", "the file is empty")
    assert row["width"] == row["sha256"] == row["bytes"] == ""


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_cell_that_a_spreadsheet_would_compute_is_quoted(start: str) -> None:
    name = f"{start}HYPERLINK(0)"
    row = row_of(IndexedFile(f"{name}/1.png", name, "ab12", 99, FACTS))
    assert row["class"] == f"'{name}"
    assert row["path"].startswith("'")


def test_commas_quotes_and_line_breaks_in_names_survive() -> None:
    name = 'covid/a,"b"\n1.png'
    assert row_of(IndexedFile(name, "covid", "ab12", 99, FACTS))["path"] == name
