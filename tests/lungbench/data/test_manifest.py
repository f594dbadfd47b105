import csv
from pathlib import Path
from typing import Any

import pytest

from lungbench.data.listing import FoundFile
from lungbench.data.manifest import Wanted, manifest_files
from lungbench.errors import DataError
from lungbench.settings import ColumnSettings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images to name."""
    for name in ("a/1.png", "a/2.png", "b/1.png", "b/x y.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def read(folder: Path, text: str | bytes, name: str = "m.csv") -> list[FoundFile]:
    content = text.encode() if isinstance(text, str) else text
    (folder / name).write_bytes(content)
    return list(manifest_files(folder / name))


def test_rows_become_files_by_class_and_path(folder: Path) -> None:
    rows = ("b/1.png,tb,P1,test,PA", "a/2.png,covid,,,", "a/1.png,covid,7,Val,AP")
    text = "\n".join(("path,label,patient,split,view", *rows))
    assert read(folder, text) == [
        FoundFile("a/1.png", "covid", patient="7", split="validation", view="AP"),
        FoundFile("a/2.png", "covid"),
        FoundFile("b/1.png", "tb", patient="P1", split="test", view="PA"),
    ]


@pytest.mark.parametrize(
    "header",
    [
        "file,class,patientid",
        "Filename,Finding,Patient ID",
        "IMAGE_PATH,cls,subject_id",
        "image index,Label,patient",
    ],
)
def test_columns_are_known_by_the_names_that_others_give_them(folder: Path, header: str) -> None:
    [first, _] = read(folder, f"{header}\na/1.png,covid,P1\na/2.png,tb,P2\n")
    assert (first.path, first.class_name, first.patient) == ("a/1.png", "covid", "P1")


def test_the_best_name_counts_and_other_columns_are_passed_over(folder: Path) -> None:
    text = "image,path,class,label,doi\nwrong,a/1.png,wrong,covid,x\nwrong,a/2.png,wrong,tb,y\n"
    assert [(file.path, file.class_name) for file in read(folder, text)] == [
        ("a/1.png", "covid"),
        ("a/2.png", "tb"),
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.tsv", "path\tlabel\na/1.png\tcovid, mild\nb/1.png\ttb\n"),
        ("m.csv", "path;label\na/1.png;covid, mild\nb/1.png;tb\n"),
        ("m.csv", '\ufeffpath,label\r\na/1.png,"covid, mild"\r\n\r\nb/1.png,tb\r\n'),
        ("m.txt", "path\tlabel\na/1.png\tcovid, mild\nb/1.png\ttb\n"),
    ],
)
def test_it_is_read_as_spreadsheets_write_it(folder: Path, name: str, text: str) -> None:
    assert [file.class_name for file in read(folder, text, name)] == ["covid, mild", "tb"]


@pytest.mark.parametrize("unknown", ["", "unknown", "N/A", "nan", "-", "None"])
def test_patients_that_nobody_knows_are_not_one(folder: Path, unknown: str) -> None:
    found = read(folder, f"path,label,patient\na/1.png,covid,{unknown}\nb/1.png,tb,{unknown}\n")
    assert [file.patient for file in found] == [None, None]


@pytest.mark.parametrize(
    "spelled", ["a\\1.png", "./a/1.png", "a//1.png", "b/../a/1.png", "{}/a/1.png"]
)
def test_paths_may_be_spelled_otherwise_as_long_as_they_stay_below(
    folder: Path, spelled: str
) -> None:
    text = f"path,label\n{spelled.format(folder)},covid\nb/x y.png,tb\n"
    assert [file.path for file in read(folder, text)] == ["a/1.png", "b/x y.png"]


def test_a_link_that_leads_out_is_left_out(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "1.png").touch()
    (folder / "a" / "link.png").symlink_to(outside / "1.png")
    (folder / "c").symlink_to(outside)
    found = read(folder, "path,label\na/link.png,covid\nc/1.png,covid\nb/1.png,tb\n")
    out = "a link that leads out of the source"
    assert [file.reason for file in found] == [out, out, None]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "m.csv with no header line"),
        ("path,label\n", "without a row"),
        ("name,kind\na/1.png,covid\n", "the columns name, kind. Expected: a column path (or file"),
        ("path\na/1.png\n", "the columns path. Expected: a column path"),
        ("path,label,path\na/1.png,covid,x\n", "line 1: two columns path"),
        ("path,label\na/1.png,covid\n,tb\n", "line 3: the path ''"),
        ("path,label\na/1.png,covid\nb/1.png,\n", "line 3: no label for b/1.png"),
        ("path,label\na/1.png,covid,x\n", "line 2: 3 cells, where the header has 2"),
        ("path,label\na/1.png\n", "line 2: 1 cell, where the header has 2"),
        ("path,label,split\na/1.png,covid,extra\n", "line 2: split 'extra'. Expected: train, val"),
        ("path,label\na/1.png,covid\na/1.png,tb\n", "line 3: a/1.png, which line 2 names too"),
        ("path,label\n../1.png,covid\n", "line 2: '../1.png'. Expected: a path below"),
        ("path,label\n/etc/passwd,covid\n", "line 2: '/etc/passwd'. Expected: a path below"),
        ("path,label\n.,covid\n", "line 2: '.'. Expected: a path below"),
        (
            "path,label\nc/1.png,covid\nc/2.png,tb\n",
            "2 missing: c/1.png (line 2), c/2.png (line 3)",
        ),
        ("path,label\na/1.png,covid\na/2.png,covid\n", "at least two classes"),
        ("path,label\na/1.png,covid\na/2.png,Covid\n", "with 'Covid' and 'covid'"),
        ('path,label\n"a/1.png,covid\n', "a table of UTF-8 text"),
        (b"path,label\na/1.png,tub\xe9rculose\n", "the byte 0xE9 is no UTF-8"),
        ("path,label\na/1.png,covid\n".encode("utf-16"), "(UTF-16 text)"),
        (b"PK\x03\x04\xff\xfe", "(a workbook such as XLSX)"),
        (b"\xff\xd8\xff\xe0\n", "(an image)"),
        ("path,label\na/1.png\0,covid\n", "line 2: the path 'a/1.png\\x00'"),
        (f"path,label\n{'x' * 200_000},covid\n", "field larger than field limit"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_refused_in_one_line(
    folder: Path, text: Any, words: str
) -> None:
    with pytest.raises(DataError) as caught:
        read(folder, text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_many_missing_files_are_counted_and_some_named(folder: Path) -> None:
    rows = "".join(f"c/{number}.png,tb\n" for number in range(9))
    with pytest.raises(DataError, match=r"9 missing: c/0\.png .*c/4\.png \(line 6\) and 4 more"):
        read(folder, f"path,label\n{rows}")


def test_a_manifest_that_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match=r"m\.csv \(No such file"):
        list(manifest_files(folder / "m.csv"))


def test_the_manifests_of_the_real_sets_are_read(xrays: Path) -> None:
    # lung3's PROVENANCE.md: 120 of each class; one image per patient where patients are named.
    found = list(manifest_files(xrays / "lung3" / "manifest.csv"))
    assert {file.class_name for file in found} == {"covid", "normal", "tuberculosis"}
    assert len(found) == 360
    patients = [(file.collection, file.patient) for file in found if file.patient]
    with (xrays / "lung3" / "manifest.csv").open(newline="") as text:
        named = [row["patientid"] for row in csv.DictReader(text) if row["patientid"]]
    assert len(patients) == len(set(patients)) == len(named) > 0


TABLE = (
    "folder,name,what,how\na,1.png,Pneumonia/COVID-19,PA\na,2.png,No Finding,AP\nb,1.png,CT,Axial\n"
)
NAMED = ColumnSettings(path=("folder", "name"), label="what", view="how")
LABELS = {"Pneumonia/COVID-19": "covid", "No Finding": "normal"}


def wanted_of(folder: Path, wanted: Wanted) -> list[tuple[str, str]]:
    (folder / "m.csv").write_text(TABLE)
    files = manifest_files(folder / "m.csv", wanted)
    return [(file.path, file.class_name) for file in files]


def test_columns_and_labels_may_be_named_and_other_labels_are_passed_over(folder: Path) -> None:
    found = wanted_of(folder, Wanted(NAMED, LABELS))
    assert found == [("a/1.png", "covid"), ("a/2.png", "normal")]


def test_several_labels_may_be_one_class(folder: Path) -> None:
    found = wanted_of(folder, Wanted(NAMED, {**LABELS, "CT": "normal"}))
    assert [name for _, name in found] == ["covid", "normal", "normal"]


def test_only_the_views_asked_for_are_used(folder: Path) -> None:
    found = wanted_of(folder, Wanted(NAMED, views=("PA", "AP")))
    assert [path for path, _ in found] == ["a/2.png", "a/1.png"]  # by class


def test_files_of_rows_that_are_passed_over_need_not_be_there(folder: Path) -> None:
    (folder / "b/1.png").unlink()
    assert len(wanted_of(folder, Wanted(NAMED, LABELS))) == 2


@pytest.mark.parametrize(
    ("wanted", "line"),
    [
        (Wanted(ColumnSettings(path="file", label="what")), "path = 'file'"),
        (Wanted(ColumnSettings(path="name", label="What")), "'folder', 'name', 'what', 'how'"),
        (Wanted(NAMED, {**LABELS, "Covid": "covid"}), "without 'Covid'"),
        (Wanted(NAMED, LABELS, ("PA", "Lateral")), "without 'Lateral'"),
        (
            Wanted(ColumnSettings(path=("folder", "name"), label="what"), views=("PA",)),
            "data.views",
        ),
    ],
)
def test_what_the_manifest_does_not_have_is_named_in_a_line(
    folder: Path, wanted: Wanted, line: str
) -> None:
    with pytest.raises(DataError) as refused:
        wanted_of(folder, wanted)
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)
