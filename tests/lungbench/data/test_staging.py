from pathlib import Path

import pytest

from lungbench.data.staging import name_folder, new_file, new_folder, sweep, unnamed_folder


def test_a_folder_appears_under_its_name_when_it_is_whole(tmp_path: Path) -> None:
    with new_folder(tmp_path / "final") as temporary:
        (temporary / "file").touch()
        assert not (tmp_path / "final").exists()
    assert (tmp_path / "final" / "file").exists()
    assert (tmp_path / "final").stat().st_mode & 0o777 == 0o755


def test_an_interrupted_folder_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with new_folder(tmp_path / "final") as temporary:
            (temporary / "file").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not list(tmp_path.iterdir())


def test_what_killed_processes_left_is_swept_away(tmp_path: Path) -> None:
    (tmp_path / ".pixels-96-ab.x1.tmp" / "deep").mkdir(parents=True)
    (tmp_path / ".seen-ab.json.x1.tmp").touch()
    (tmp_path / "pixels-96-ab").mkdir()
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["pixels-96-ab"]


def test_a_folder_may_get_its_name_when_its_content_is_known(tmp_path: Path) -> None:
    with unnamed_folder(tmp_path, "unknown") as temporary:
        (temporary / "file").touch()
        name_folder(temporary, tmp_path / "known")
    assert [path.name for path in tmp_path.iterdir()] == ["known"]


def test_a_file_replaces_the_old_one_when_it_is_whole(tmp_path: Path) -> None:
    (tmp_path / "final").write_text("old")
    with new_file(tmp_path / "final") as temporary:
        temporary.write_text("new")
        assert (tmp_path / "final").read_text() == "old"
    assert (tmp_path / "final").read_text() == "new"
    assert (tmp_path / "final").stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["final"]


def test_an_interrupted_file_leaves_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "final").write_text("old")

    def interrupted() -> None:
        with new_file(tmp_path / "final") as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (tmp_path / "final").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["final"]
