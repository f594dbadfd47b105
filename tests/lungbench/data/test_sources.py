import os
from pathlib import Path

import pytest

from lungbench.data.sources import is_drawn, is_gone, look, source_at, source_of, text_of
from lungbench.errors import DataError
from lungbench.settings import DataSettings


@pytest.fixture
def by_kind(source: Path, tmp_path: Path) -> dict[str, DataSettings]:
    """The same images by their folder, by a manifest and by a mapping."""
    rows = [f"{path.relative_to(tmp_path)},{path.parent.name}" for path in source.glob("*/*")]
    (tmp_path / "m.csv").write_text("\n".join(["path,label", *rows]))
    classes = {name: (str(source / name),) for name in ("covid", "normal")}
    return {
        "folder": DataSettings(source=str(source)),
        "manifest": DataSettings(source=str(tmp_path / "m.csv")),
        "mapping": DataSettings(classes=classes),
    }


@pytest.mark.parametrize("kind", ["folder", "manifest", "mapping"])
def test_every_kind_of_source_tells_the_same_files(
    by_kind: dict[str, DataSettings], kind: str
) -> None:
    found = source_of(by_kind[kind])
    files = {(found.root / file.path, file.class_name) for file in found.files}
    folder = source_of(by_kind["folder"])
    assert files == {(folder.root / file.path, file.class_name) for file in folder.files}
    assert look(by_kind[kind]) == 20
    assert not is_drawn(by_kind[kind])


def test_records_call_a_source_as_it_was_given(by_kind: dict[str, DataSettings]) -> None:
    for kind in ("folder", "manifest"):
        assert text_of(by_kind[kind]) == by_kind[kind].source
    assert text_of(by_kind["mapping"]) == by_kind["folder"].source


@pytest.mark.parametrize("kind", ["folder", "manifest", "mapping"])
def test_a_source_is_gone_when_its_place_is_empty_or_away(
    by_kind: dict[str, DataSettings], source: Path, tmp_path: Path, kind: str
) -> None:
    assert not is_gone(by_kind[kind])
    source.rename(tmp_path / "away")
    (tmp_path / "m.csv").unlink()
    assert is_gone(by_kind[kind])


def test_an_empty_folder_is_gone_as_where_a_disk_is_not_mounted(tmp_path: Path) -> None:
    assert is_gone(DataSettings(source=str(tmp_path)))


def test_drawn_images_are_neither_looked_for_nor_gone() -> None:
    assert is_drawn(DataSettings())
    assert look(DataSettings()) == 0
    assert not is_gone(DataSettings())


@pytest.mark.parametrize("name", ["image.png", "archive.zip", "notes"])
def test_a_file_that_is_no_manifest_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(DataError, match=r"a folder, or a file whose name ends in \.csv, \.tsv"):
        source_at(tmp_path / name)


def test_a_path_that_is_not_text_is_refused() -> None:
    with pytest.raises(DataError, match="must be UTF-8"):
        source_at(Path(os.fsdecode(b"/x/f\xe9vrier")))
