"""Files of a command appear together in the folder that was asked for, or nothing does."""

from pathlib import Path

import pytest

from lungbench.errors import Refused
from reports.forms.result_files import files_together, writable

NAMES = ("a.csv", "b.html")


def write_all(out: Path, *, content: str = "new", fail: BaseException | None = None) -> None:
    with files_together(out, NAMES) as staging:
        for name in NAMES:
            (staging / name).write_text(content)
        if fail:
            raise fail


def test_files_get_into_a_folder_that_is_made_for_them(tmp_path: Path) -> None:
    write_all(tmp_path / "deep" / "out")
    assert {path.name for path in (tmp_path / "deep" / "out").iterdir()} == set(NAMES)


def test_other_files_stay_and_those_of_the_same_name_are_replaced(tmp_path: Path) -> None:
    write_all(tmp_path, content="old")
    (tmp_path / "mine.txt").write_text("mine")
    write_all(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*NAMES, "mine.txt"}
    assert [(tmp_path / name).read_text() for name in NAMES] == ["new", "new"]


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (OSError(28, "No space left on device"), Refused),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_a_failure_leaves_all_as_it_was(
    tmp_path: Path, failure: BaseException, told: type[BaseException]
) -> None:
    write_all(tmp_path / "old", content="old")
    for out in (tmp_path / "old", tmp_path / "deep" / "new"):
        with pytest.raises(told):
            write_all(out, fail=failure)
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert {path.read_text() for path in (tmp_path / "old").iterdir()} == {"old"}


def test_a_folder_in_the_place_of_a_file_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "b.html").mkdir()
    with pytest.raises(Refused, match="must be files"), files_together(tmp_path, NAMES):
        pytest.fail("it was begun")
    assert [path.name for path in tmp_path.iterdir()] == ["b.html"]


def test_what_forbids_to_write_is_said_with_the_place_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "out"
    with pytest.raises(Refused, match="Not a directory") as refused:
        write_all(out)
    assert str(out) in str(refused.value)
    assert "--out" in str(refused.value)


def test_a_folder_that_was_there_stays_when_nothing_gets_into_it(tmp_path: Path) -> None:
    with pytest.raises(Refused), writable(tmp_path / "new.xlsx"):
        raise OSError(13, "Permission denied", str(tmp_path / "new.xlsx"))
    assert tmp_path.is_dir()
