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


def test_a_link_to_a_parent_does_not_loop(folder: Path) -> None:
    (folder / "a" / "again").symlink_to(folder / "a", target_is_directory=True)
    (folder / "a" / "up").symlink_to(folder, target_is_directory=True)
    found = paths(folder)
    assert len(found) == len(set(found))
    assert found.count("a/9.png") == 1


def test_linked_folders_and_files_are_followed(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    touch(elsewhere / "far.png")
    (folder / "c").symlink_to(elsewhere, target_is_directory=True)
    (folder / "b" / "linked.png").symlink_to(elsewhere / "far.png")
    assert {"c/far.png", "b/linked.png"} <= set(paths(folder))


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


def split_folders(folder: Path) -> Path:
    for name in ("train", "test"):
        touch(folder / "split" / name / "a" / "1.png")
    return folder / "split"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (missing, "nowhere (No such file"),
        (a_file, "9.png (Not a directory"),
        (empty, "without a file in any sub-folder"),
        (one_class, "at least two classes"),
        (split_folders, "with test, train"),
    ],
)
def test_a_folder_that_is_no_data_set_is_refused_in_one_line(
    folder: Path, make: Callable[[Path], Path], words: str
) -> None:
    with pytest.raises(DataError) as caught:
        list_files(make(folder))
    message = str(caught.value)
    assert words in message
    assert "Expected: a folder with one sub-folder of images per class." in message
    assert "\n" not in message


def test_a_class_folder_whose_name_is_not_text_is_refused(folder: Path) -> None:
    touch(Path(os.fsdecode(os.fsencode(folder) + b"/tub\xe9rculose")) / "1.png")
    with pytest.raises(DataError, match="must be UTF-8"):
        list_files(folder)
