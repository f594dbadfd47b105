import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lungbench.data.listing import FoundFile, list_files
from lungbench.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b/2.png", "a/10.png", "a/9.png"):
        touch(tmp_path / name)
    return tmp_path


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def paths(folder: Path) -> list[str]:
    return [file.path for file in list_files(folder)]


def test_files_come_by_class_and_name_whatever_the_file_system_says(folder: Path) -> None:
    assert list_files(folder) == (
        FoundFile("a/10.png", "a"),
        FoundFile("a/9.png", "a"),
        FoundFile("b/2.png", "b"),
    )


def test_folders_nest_below_a_class(folder: Path) -> None:
    touch(folder / "b" / "hospital" / "ward" / "1.png")
    assert FoundFile("b/hospital/ward/1.png", "b") in list_files(folder)


@pytest.mark.parametrize("name", [".DS_Store", "a/.hidden.png", ".git/x", "manifest.csv", "x.md"])
def test_hidden_files_and_those_beside_the_classes_are_passed_over(folder: Path, name: str) -> None:
    before = paths(folder)
    touch(folder / name)
    assert paths(folder) == before


def test_an_empty_folder_is_no_class(folder: Path) -> None:
    (folder / "c").mkdir()
    assert {file.class_name for file in list_files(folder)} == {"a", "b"}


def test_a_link_that_leads_out_is_named_with_the_reason_and_not_followed(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    touch(elsewhere / "far.png")
    (folder / "c").symlink_to(elsewhere, target_is_directory=True)
    (folder / "b" / "linked.png").symlink_to(elsewhere / "far.png")
    left_out = {file.path: file for file in list_files(folder) if file.reason}
    assert set(left_out) == {"c", "b/linked.png"}
    assert {file.reason for file in left_out.values()} == {"a link that leads out of the source"}
    assert left_out["c"].class_name == "c"


def test_a_link_to_itself_is_a_file_that_cannot_be_read(folder: Path) -> None:
    (folder / "a" / "loop.png").symlink_to("loop.png")
    assert "a/loop.png" in paths(folder)


def test_a_folders_files_stand_together(folder: Path) -> None:
    # "." sorts before "/", so that as texts the file would stand between the other two.
    for name in ("b/x/1.png", "b/x.png", "b/x/2.png"):
        touch(folder / name)
    assert paths(folder)[-3:] == ["b/x/1.png", "b/x/2.png", "b/x.png"]


def missing(folder: Path) -> Path:
    return folder / "nowhere"


def a_file(folder: Path) -> Path:
    return folder / "a" / "9.png"


def empty(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def one_class(folder: Path) -> Path:
    touch(folder / "single" / "a" / "1.png")
    return folder / "single"


def no_training_folder(folder: Path) -> Path:
    for name in ("val", "test"):
        touch(folder / "split" / name / "a" / "1.png")
    return folder / "split"


def one_split(folder: Path) -> Path:
    touch(folder / "split" / "train" / "a" / "1.png")
    return folder / "split"


def a_split_beside_classes(folder: Path) -> Path:
    touch(folder / "test" / "1.png")
    return folder


def a_split_elsewhere(folder: Path) -> Path:
    touch(folder / "elsewhere" / "a" / "1.png")
    (folder / "split" / "test" / "a").mkdir(parents=True)
    (folder / "split" / "train").symlink_to(folder / "elsewhere")
    return folder / "split"


def one_class_in_two_spellings(folder: Path) -> Path:
    touch(folder / "A" / "1.png")
    return folder


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (missing, "nowhere (No such file"),
        (a_file, "9.png (Not a directory"),
        (empty, "with 0 files of its own and none in a sub-folder"),
        (one_class, "at least two classes"),
        (no_training_folder, "split with test, val."),
        (one_split, "split with train."),
        (a_split_beside_classes, "with a, b, test."),
        (a_split_elsewhere, "split/train, a link that leads out of the source"),
        (one_class_in_two_spellings, "with 'A' and 'a'"),
    ],
)
def test_a_folder_that_is_no_data_set_is_refused_in_one_line(
    folder: Path, make: Callable[[Path], Path], words: str
) -> None:
    with pytest.raises(DataError) as caught:
        list_files(make(folder))
    message = str(caught.value)
    assert words in message
    assert "Next: " in message
    assert "\n" not in message


def test_of_the_folder_of_one_class_the_one_above_is_asked_for(tmp_path: Path) -> None:
    for number in range(3):
        touch(tmp_path / "xrays" / "covid" / f"{number}.png")
    with pytest.raises(DataError) as caught:
        list_files(tmp_path / "xrays" / "covid")
    assert "covid with 3 files of its own and none in a sub-folder" in str(caught.value)
    assert "name the folder above if covid is one class" in str(caught.value)


def test_beside_a_missing_folder_the_one_that_is_called_nearly_so_is_named(tmp_path: Path) -> None:
    (tmp_path / "xrays").mkdir()
    with pytest.raises(DataError) as caught:
        list_files(tmp_path / "xray")
    rule = "check the path and its permissions"
    assert caught.value.hint == f"{rule}; {tmp_path / 'xrays'} is there."
    with pytest.raises(DataError) as caught:
        list_files(tmp_path / "else")
    assert caught.value.hint == f"{rule}."


def test_a_class_folder_whose_name_is_not_text_is_refused(folder: Path) -> None:
    touch(Path(os.fsdecode(os.fsencode(folder) + b"/tub\xe9rculose")) / "1.png")
    with pytest.raises(DataError, match="must be UTF-8"):
        list_files(folder)


@pytest.mark.parametrize(
    "names",
    [
        ("train", "val", "test"),
        ("Train", "Val", "Testeo"),  # the paper's (section III.B)
        ("training", "valid", "testing"),
        ("TRAIN", "Validation", "Test"),
        ("Entrenamiento", "Validaci\u00f3n", "Prueba"),
    ],
)
def test_folders_of_splits_are_known_by_their_names(
    tmp_path: Path, names: tuple[str, str, str]
) -> None:
    for name in names:
        for label in ("normal", "covid"):
            touch(tmp_path / name / label / "ward" / "1.png")
    train, validation, test = names
    found = [(file.path, file.class_name, file.split) for file in list_files(tmp_path)]
    assert sorted(found, key=lambda file: file[0]) == sorted(
        [
            (f"{name}/{label}/ward/1.png", label, split)
            for name, split in ((train, "train"), (validation, "validation"), (test, "test"))
            for label in ("covid", "normal")
        ],
        key=lambda file: str(file[0]),
    )
    assert [file.class_name for file in list_files(tmp_path)] == ["covid"] * 3 + ["normal"] * 3


def test_what_lies_beside_the_folders_of_splits_is_passed_over(tmp_path: Path) -> None:
    for name in (
        "train/a/1.png",
        "train/b/1.png",
        "test/a/1.png",
        "__MACOSX/x/1.png",
        "test/x.png",
    ):
        touch(tmp_path / name)
    assert paths(tmp_path) == ["test/a/1.png", "train/a/1.png", "train/b/1.png"]


def test_a_class_folder_alone_has_no_split(folder: Path) -> None:
    assert {file.split for file in list_files(folder)} == {None}
