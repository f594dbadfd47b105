import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lungbench.data.file_table import IndexedFile
from lungbench.data.inspect import Brightness, Inspection, collection_of
from lungbench.data.quality import quality_of
from lungbench.errors import DataError, ExperimentError

Save = Callable[..., Path]


@pytest.fixture
def greys(tmp_path: Path) -> Path:
    """Flat images of two classes, named after their grey."""
    for name, levels in (("covid", (100, 120, 130)), ("normal", (140, 141))):
        (tmp_path / name).mkdir()
        for grey in levels:
            Image.new("L", (20, 30), grey).save(tmp_path / name / f"{grey}.png")
    return tmp_path


def reasons(inspection: Inspection) -> dict[str, str | None]:
    return {inspected.file.path: inspected.file.reason for inspected in inspection}


def test_every_image_is_measured_at_its_own_size(source: Path) -> None:
    for inspected in Inspection.of(source):
        with Image.open(source / inspected.file.path) as image:
            assert inspected.quality == quality_of(np.asarray(image))
        assert inspected.file.facts is not None
        assert inspected.quality.mean_grey == inspected.file.facts.mean_grey


def test_a_file_that_cannot_be_decoded_has_no_quality(source: Path) -> None:
    (source / "covid" / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    torn = Inspection.of(source)[10]
    assert torn.file.path == "covid/torn.png"
    assert torn.quality is None
    assert torn.file.reason


def test_without_a_brightness_all_that_can_be_used_is_kept(greys: Path) -> None:
    found = Inspection.of(greys)
    assert found.kept.all()
    assert set(reasons(found).values()) == {None}


def test_both_ends_of_the_brightness_are_kept_and_the_rest_says_why_not(greys: Path) -> None:
    found = Inspection.of(greys, Brightness(120, 140))
    assert reasons(found) == {
        "covid/100.png": "darker than 120",
        "covid/120.png": None,
        "covid/130.png": None,
        "normal/140.png": None,
        "normal/141.png": "brighter than 140",
    }
    assert found.kept.tolist() == [each.file.kept for each in found]
    assert found.usable.all()


def test_a_file_that_cannot_be_used_keeps_its_own_reason(greys: Path) -> None:
    shutil.copy(greys / "normal" / "141.png", greys / "covid" / "again.png")
    found = Inspection.of(greys, Brightness(120, 140))
    assert reasons(found)["covid/again.png"] == "the same image stands in normal"
    assert found.kept.tolist() == [each.file.kept for each in found]


@pytest.mark.parametrize(
    "limits", [(140, 120), (120, 120), (-1, 140), (120, 256), (float("nan"), 140)]
)
def test_a_brightness_that_keeps_nothing_is_refused(limits: tuple[float, float]) -> None:
    with pytest.raises(ExperimentError, match="lower one first"):
        Brightness(*limits)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        Inspection.of(tmp_path / "nowhere")


def test_progress_is_told_of_every_file(source: Path) -> None:
    told = list[tuple[int, int]]()
    Inspection.of(source, progress=lambda done, total: told.append((done, total)))
    assert told == [(done, 20) for done in range(1, 21)]


def test_nothing_is_written_into_the_folder(greys: Path) -> None:
    before = sorted(greys.rglob("*"))
    list(Inspection.of(greys))
    assert sorted(greys.rglob("*")) == before


@pytest.mark.parametrize(
    ("path", "collection"),
    [
        ("covid/1.png", ""),
        ("covid/actualmed/1.png", "actualmed"),
        ("covid/actualmed/2020/1.png", "actualmed"),
        ("ieee/covid/1.png", "ieee"),
    ],
)
def test_a_collection_is_the_first_folder_that_is_not_the_class(path: str, collection: str) -> None:
    assert collection_of(IndexedFile(path, "covid", None, None)) == collection


def test_a_split_is_no_collection(save_image: Save, tmp_path: Path) -> None:
    for number, name in enumerate(("train/covid", "train/normal/ieee", "test/covid")):
        save_image(f"{name}/{number}.png", number)
    found = Inspection.of(tmp_path / "source")
    assert {each.file.path: each.collection for each in found} == {
        "train/covid/0.png": "",
        "test/covid/2.png": "",
        "train/normal/ieee/1.png": "ieee",
    }
    assert found.folders_without({"train"}) == ("test",)


def test_a_manifest_says_its_own_collections(save_image: Save, tmp_path: Path) -> None:
    for number in range(2):
        save_image(f"images/{number}.png", number)
    manifest = tmp_path / "source" / "all.csv"
    manifest.write_text("path,label,collection\nimages/0.png,a,one\nimages/1.png,b,two\n")
    found = Inspection.of(manifest)
    assert [each.collection for each in found] == ["one", "two"]
    assert not np.isnan(found.qualities).any()
    assert found.folders_without(()) == ()


def test_every_mode_of_the_real_set_is_read(xrays: Path) -> None:
    # Its PROVENANCE.md: 120 of each class, colour modes L, RGB, RGBA and P.
    found = Inspection.of(xrays / "lung3")
    assert found.usable.sum() == 360
    modes = {inspected.file.facts.mode for inspected in found if inspected.file.facts}
    assert modes == {"L", "RGB", "RGBA", "P"}
    assert not np.isnan(found.qualities).any()
