from pathlib import Path

import pytest

from lungbench.data.listing import FoundFile
from lungbench.data.mapping import mapped_files, root_of
from lungbench.errors import DataError


@pytest.fixture
def collections(tmp_path: Path) -> Path:
    """A COVID set with masks, a tuberculosis set, and a set that says the class in the name."""
    for name in (
        "radiography/COVID/images/1.png",
        "radiography/COVID/masks/1.png",
        "radiography/Normal/images/1.png",
        "tb/Normal/1.png",
        "tb/Tuberculosis/1.png",
        "shenzhen/CXR_png/CHNCXR_0001_0.png",
        "shenzhen/CXR_png/CHNCXR_0002_1.png",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def listed(root: Path, classes: dict[str, list[str]]) -> list[FoundFile]:
    return list(
        mapped_files({name: [str(root / each) for each in some] for name, some in classes.items()})
    )


def test_each_class_comes_from_several_collections_each_by_its_name(collections: Path) -> None:
    found = listed(
        collections,
        {
            "tuberculosis": ["tb/Tuberculosis"],
            "covid": ["radiography/COVID/images"],
            "normal": ["radiography/Normal/images", "tb/Normal"],
        },
    )
    assert [(file.class_name, file.path, file.collection) for file in found] == [
        ("covid", "radiography/COVID/images/1.png", "radiography/COVID/images"),
        ("normal", "radiography/Normal/images/1.png", "radiography/Normal/images"),
        ("normal", "tb/Normal/1.png", "tb/Normal"),
        ("tuberculosis", "tb/Tuberculosis/1.png", "tb/Tuberculosis"),
    ]


def test_a_pattern_takes_the_files_of_one_class_from_a_folder_of_all(collections: Path) -> None:
    found = listed(
        collections,
        {"normal": ["shenzhen/CXR_png/*_0.png"], "tuberculosis": ["shenzhen/CXR_png/*_1.png"]},
    )
    assert [(file.class_name, file.path, file.collection) for file in found] == [
        ("normal", "CHNCXR_0001_0.png", "CXR_png"),
        ("tuberculosis", "CHNCXR_0002_1.png", "CXR_png"),
    ]


def test_the_root_is_what_all_folders_have_in_common_there_or_not(tmp_path: Path) -> None:
    classes = {"a": [str(tmp_path / "x" / "a")], "b": [str(tmp_path / "y"), str(tmp_path / "x")]}
    assert root_of(classes) == tmp_path


def test_a_link_from_one_named_folder_to_another_is_inside(collections: Path) -> None:
    link = collections / "tb" / "Normal" / "link.png"
    link.symlink_to(collections / "radiography" / "Normal" / "images" / "1.png")
    away = collections / "tb" / "Normal" / "away.png"
    away.symlink_to(collections / "radiography" / "COVID" / "masks" / "1.png")
    found = listed(collections, {"normal": ["tb/Normal"], "other": ["radiography/Normal/images"]})
    reasons = {file.path: file.reason for file in found}
    assert reasons["tb/Normal/link.png"] is None
    assert reasons["tb/Normal/away.png"] == "a link that leads out of the source"


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        ({"a": ["nowhere"], "b": ["tb/Normal"]}, "nowhere (No such file or directory)"),
        ({"a": ["tb/Tuberculosis/1.png"], "b": ["tb/Normal"]}, "1.png (Not a directory)"),
        ({"a": ["tb/Normal"], "b": ["tb/Normal"]}, "tb/Normal and "),
        ({"a": ["tb"], "b": ["tb/Normal"]}, "lie apart"),
        ({"a": ["shenzhen/CXR_png/*.png"], "b": ["shenzhen/CXR_png/*_1.png"]}, "a second time"),
        ({"a": ["shenzhen/CXR_png/*.jpg"], "b": ["tb/Normal"]}, "*.jpg of a, without a file"),
        ({"a": ["empty"], "b": ["tb/Normal"]}, "empty of a, without a file"),
        ({"TB": ["tb/Tuberculosis"], "tb": ["tb/Normal"]}, "with 'TB' and 'tb'"),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused_in_one_line(
    collections: Path, classes: dict[str, list[str]], words: str
) -> None:
    (collections / "empty").mkdir()
    with pytest.raises(DataError) as caught:
        listed(collections, classes)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
