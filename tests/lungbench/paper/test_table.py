from decimal import Decimal
from pathlib import Path

import pytest

from lungbench.paper.check import paper_table
from lungbench.paper.table import LARGEST_BYTES, TableError, read_table

SAMPLE = Path(__file__).parents[3] / "docs" / "paper-tables.csv"

SOUND = """model,device,class,recall,precision,images
vgg,cpu,ill,0.9000,0.8182,10
vgg,cpu,well,0.8000,0.8889,10
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "table.csv"


def test_the_sample_holds_what_the_paper_prints() -> None:
    assert read_table(SAMPLE) == paper_table()


def test_a_table_is_read_as_printed(table: Path) -> None:
    table.write_text(SOUND)
    [run] = read_table(table)
    assert (run.model, run.device, run.class_names) == ("vgg", "cpu", ("ill", "well"))
    assert run.classes[0].images == 10
    assert run.classes[0].rates["recall"].text == "0.9000"
    assert run.classes[0].rates["precision"].value == Decimal("0.8182")
    assert run.overall is None


@pytest.mark.parametrize("header", ["sensitivity", "Sensitivity", " RECALL "])
def test_recall_has_two_names(header: str, table: Path) -> None:
    table.write_text(SOUND.replace("recall", header))
    [run] = read_table(table)
    assert set(run.classes[0].rates) == {"recall", "precision"}


def test_empty_lines_empty_cells_and_a_byte_order_mark_are_fine(table: Path) -> None:
    table.write_text("\ufeff" + SOUND.replace("0.8182,10", ",") + "\n,,,,,\n", encoding="utf-8")
    [run] = read_table(table)
    assert run.classes[0].images is None
    assert set(run.classes[0].rates) == {"recall"}


@pytest.mark.parametrize("name", ["overall", "ALL"])
def test_a_row_of_all_classes_holds_the_overall_accuracy(name: str, table: Path) -> None:
    lines = ["model,device,class,recall,accuracy,images", "vgg,cpu,a,0.5,,", "vgg,cpu,b,0.5,,"]
    table.write_text("\n".join([*lines, f"vgg,cpu,{name},,85.5%,20"]))
    [run] = read_table(table)
    assert run.overall is not None
    assert run.overall.value == Decimal("0.855")
    assert run.images == 20
    assert run.class_names == ("a", "b")


def test_classes_stand_in_one_order_in_all_runs(table: Path) -> None:
    more = "vgg,gpu,well,0.8000,0.8889,10\nvgg,gpu,ill,0.9000,0.8182,10\n"
    table.write_text(SOUND + more)
    cpu, gpu = read_table(table)
    assert cpu.class_names == gpu.class_names == ("ill", "well")
    assert cpu.classes == gpu.classes


HEAD = "model,device,class,recall,images\n"
TWO = "m,cpu,a,0.5,\nm,cpu,b,0.5,\n"

# What the file holds, and what the message must name.
BAD = {
    "empty": ("", ["column names", "empty"]),
    "blank": (" \n,,\n", ["empty"]),
    "no rows": (HEAD, ["one row a class"]),
    "no model": ("device,class,recall\n", ["no column model", "'device'"]),
    "no rates": ("model,device,class,images\nm,cpu,a,3\n", ["accuracy, precision, recall"]),
    "semicolons": ("model;device;class;recall\n", ["commas"]),
    "unknown column": ("model,device,class,recal,recall\n" + TWO, ["'recal'", "recall"]),
    "recall twice": ("model,device,class,recall,sensitivity\n", ["recall stands more than once"]),
    "too few cells": (HEAD + "m,cpu,a\n", ["Line 2", "3 cells for 5"]),
    "decimal comma": (HEAD + "m,cpu,a,0,5,\n", ["Line 2", "decimal point"]),
    "no class": (HEAD + "m,cpu,,0.5,\n", ["Line 2", "needs a class"]),
    "two lines in a name": (HEAD + '"m\nn",cpu,a,0.5,\n', ["needs a model", r"'m\nn'"]),
    "escape in a name": (HEAD + "m\x1b[2J,cpu,a,0.5,\n", ["needs a model", r"\x1b"]),
    "no number": (HEAD + "m,cpu,a,high,\n", ["Line 2", "recall is no number", "'high'", "92.7%"]),
    "nan": (HEAD + "m,cpu,a,nan,\n", ["recall is no number"]),
    "negative": (HEAD + "m,cpu,a,-0.5,\n", ["recall is no number", "'-0.5'"]),
    "above 1": (HEAD + "m,cpu,a,92.7,\n", ["Line 2", "above 1", "92.7%"]),
    "above 100%": (HEAD + "m,cpu,a,100.1%,\n", ["above 1", "'100.1%'"]),
    "too many decimals": (HEAD + "m,cpu,a,0.1234567890123,\n", ["12 decimals"]),
    "no rate in a row": (HEAD + "m,cpu,a,,10\n", ["Line 2", "no rate"]),
    "no images": (HEAD + "m,cpu,a,0.5,0\n", ["images is no count", "'0'"]),
    "images in words": (HEAD + "m,cpu,a,0.5,ten\n", ["images is no count", "'ten'"]),
    "too many images": (HEAD + "m,cpu,a,0.5," + "9" * 5000, ["images is no count"]),
    "row twice": (HEAD + TWO + "m,cpu,a,0.6,\n", ["Lines 2 and 4", "'a'", "m on cpu"]),
    "overall twice": (
        HEAD.replace("recall", "accuracy") + TWO + "m,cpu,all,0.5,\nm,cpu,overall,0.5,\n",
        ["Lines 4 and 5", "'overall'"],
    ),
    "recall of all": (HEAD + TWO + "m,cpu,overall,0.5,\n", ["Line 4", "recall"]),
    "a mean": (HEAD + TWO + "m,cpu,Macro avg,0.5,\n", ["Line 4", "mean", "leave means out"]),
    "one class": (HEAD + "m,cpu,a,0.5,\n", ["two classes", "a of m on cpu", "specificity"]),
    "no class at all": ("model,device,class,accuracy\nm,cpu,all,0.5\n", ["two classes", "none"]),
    "unknown class": (HEAD + TWO + "m,gpu,a,0.5,\nm,gpu,c,0.5,\n", ["m on gpu", "'b', 'c'"]),
    "images don't add up": (
        "model,device,class,accuracy,images\nm,cpu,a,0.5,3\nm,cpu,b,0.5,4\nm,cpu,all,0.5,8\n",
        ["7 in 2 classes", "8 overall"],
    ),
    "an open quote": (HEAD + '"m,cpu,a,0.5,\n', ["no CSV"]),
    "null bytes": (HEAD + "m\0,cpu,a,0.5,\n", ["m\\x00"]),
}  # fmt: skip


@pytest.mark.parametrize("why", BAD)
def test_a_bad_table_is_refused_in_one_line(why: str, table: Path) -> None:
    content, named = BAD[why]
    table.write_text(content)
    with pytest.raises(TableError) as refused:
        read_table(table)
    message = str(refused.value)
    assert refused.value.exit_code == 2
    assert message.isprintable()
    for word in named:
        assert word in message


def test_what_is_no_utf8_is_refused(table: Path) -> None:
    table.write_bytes(SOUND.encode().replace(b"ill", b"\xff\xfe"))
    with pytest.raises(TableError, match="UTF-8; byte"):
        read_table(table)


def test_a_file_that_is_too_large_for_a_table_is_refused(table: Path) -> None:
    table.write_bytes(b"\n" * (LARGEST_BYTES + 1))
    with pytest.raises(TableError, match="at most 1,000,000 bytes"):
        read_table(table)


def test_a_file_that_is_not_there_and_a_folder_are_refused(table: Path, tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"table\.csv can't be read"):
        read_table(table)
    with pytest.raises(TableError, match="can't be read"):
        read_table(tmp_path)
