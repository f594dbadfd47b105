from pathlib import Path

import pytest

from lungbench.data.walk import LEADS_OUT, Seen, Walk


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with two folders, and one outside."""
    for name in ("root/a/9.png", "root/a/10.png", "root/b/2.png", "outside/far.png"):
        touch(tmp_path / name)
    return tmp_path / "root"


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def paths(root: Path, below: str = "a") -> list[str]:
    return [seen.path for seen in Walk([root]).files(root / below)]


def left_out(root: Path, below: str = "a") -> dict[str, str | None]:
    return {seen.path: seen.reason for seen in Walk([root]).files(root / below) if seen.reason}


def test_files_come_by_name_and_folders_whole_whatever_the_system_says(root: Path) -> None:
    # "." sorts before "/", so that as texts x.png would stand between the other two.
    for name in ("x/1.png", "x.png", "x/2.png", "x/y/0.png"):
        touch(root / "a" / name)
    assert paths(root) == ["10.png", "9.png", "x/1.png", "x/2.png", "x/y/0.png", "x.png"]


@pytest.mark.parametrize("target", ["a", "."])
def test_a_link_back_ends(root: Path, target: str) -> None:
    (root / "a" / "again").symlink_to(root / target, target_is_directory=True)
    assert paths(root) == ["10.png", "9.png"]


def test_two_folders_that_link_to_one_another_end(root: Path) -> None:
    (root / "a" / "x").mkdir()
    (root / "a" / "y").mkdir()
    (root / "a" / "x" / "to_y").symlink_to(root / "a" / "y", target_is_directory=True)
    (root / "a" / "y" / "to_x").symlink_to(root / "a" / "x", target_is_directory=True)
    touch(root / "a" / "y" / "1.png")
    assert paths(root) == ["10.png", "9.png", "x/to_y/1.png"]


def test_links_inside_are_followed(root: Path) -> None:
    (root / "a" / "linked.png").symlink_to(root / "b" / "2.png")
    (root / "a" / "folder").symlink_to(root / "b", target_is_directory=True)
    assert paths(root) == ["10.png", "9.png", "folder/2.png", "linked.png"]


@pytest.mark.parametrize(
    "target", ["../../outside/far.png", "../../outside", "/", "../..", "../../nowhere"]
)
def test_a_link_that_leads_out_is_named_and_left_out(root: Path, target: str) -> None:
    (root / "a" / "link.png").symlink_to(target)
    assert left_out(root) == {"link.png": LEADS_OUT}
    assert len(paths(root)) == 3


def test_a_folder_beside_that_begins_alike_is_outside(root: Path) -> None:
    touch(root.with_name("root2") / "1.png")
    (root / "a" / "link.png").symlink_to(root.with_name("root2") / "1.png")
    assert left_out(root) == {"link.png": LEADS_OUT}


def test_a_link_through_a_link_inside_to_outside_leads_out(root: Path) -> None:
    (root / "b" / "out").symlink_to(root.parent / "outside")
    (root / "a" / "link.png").symlink_to(root / "b" / "out" / "far.png")
    assert left_out(root) == {"link.png": LEADS_OUT}


def test_a_root_that_is_a_link_itself_is_inside(root: Path) -> None:
    (root.parent / "alias").symlink_to(root)
    (root / "a" / "linked.png").symlink_to(root / "b" / "2.png")
    assert left_out(root.parent / "alias") == {}
    assert len(paths(root.parent / "alias")) == 3


def test_any_of_several_roots_will_do(root: Path) -> None:
    (root / "a" / "link.png").symlink_to(root.parent / "outside" / "far.png")
    walk = Walk([root, root.parent / "outside"])
    assert [seen.reason for seen in walk.files(root / "a")] == [None] * 3


@pytest.mark.parametrize("target", ["link.png", "nowhere.png"])
def test_a_link_that_leads_nowhere_is_a_file_for_its_reader_to_judge(
    root: Path, target: str
) -> None:
    (root / "a" / "link.png").symlink_to(target)
    assert Seen("link.png") in list(Walk([root]).files(root / "a"))


def test_folders_are_told_with_those_that_lead_out_and_without_hidden_ones(root: Path) -> None:
    (root / ".git").mkdir()
    (root / "c").symlink_to(root.parent / "outside", target_is_directory=True)
    (root / "d").symlink_to(root / "a", target_is_directory=True)
    (root / "e").symlink_to(root.parent / "outside" / "far.png")
    assert Walk([root]).folders(root) == [Seen("a"), Seen("b"), Seen("c", LEADS_OUT), Seen("d")]


def test_folders_nested_deeper_than_python_recurses_are_walked(root: Path) -> None:
    levels = [root / "a" / "/".join("n" * depth) for depth in range(1, 1101)]
    for level in levels:
        level.mkdir()
    (levels[-1] / "1.png").touch()
    found = paths(root)
    (levels[-1] / "1.png").unlink()
    for level in reversed(levels):
        level.rmdir()  # pytest's own cleaning would recurse
    assert found[-1] == "n/" * 1100 + "1.png"
