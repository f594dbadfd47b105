import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from lungbench.data.inspect import Brightness, Inspection
from lungbench.data.overview import MOST_COLLECTIONS, Overview, SkippedFile, Spread, overview

Save = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A class of flat images of 10, 20, 30, 40 and 50, as PNG and BMP, and one of two."""
    for name, greys in (("covid", (10, 20, 30, 40, 50)), ("normal", (7, 9))):
        (tmp_path / name).mkdir()
        for grey in greys:
            suffix = "png" if grey <= 30 else "bmp"
            Image.new("L", (20 + grey, 20), grey).save(tmp_path / name / f"{grey}.{suffix}")
    return tmp_path


def found_in(folder: Path, *brightness: float) -> Overview:
    return overview(Inspection.of(folder, Brightness(*brightness) if brightness else None))


def test_each_class_is_summed_up(folder: Path) -> None:
    covid, normal = found_in(folder).classes
    assert (covid.name, covid.images, normal.name, normal.images) == ("covid", 5, "normal", 2)
    assert covid.spreads["mean_grey"] == Spread(10, 20, 30, 40, 50)
    assert covid.spreads["width"] == Spread(30, 40, 50, 60, 70)
    assert covid.spreads["height"] == Spread(20, 20, 20, 20, 20)
    assert covid.spreads["aspect"] == Spread(1.5, 2.0, 2.5, 3.0, 3.5)
    assert covid.formats == {"PNG": 3, "BMP": 2}
    assert covid.modes == {"L": 5}
    assert covid.size_bytes == sum(path.stat().st_size for path in (folder / "covid").iterdir())


def test_a_single_image_is_its_own_quartiles(folder: Path) -> None:
    (folder / "normal" / "9.png").unlink()
    assert found_in(folder).classes[1].spreads["mean_grey"] == Spread(7, 7, 7, 7, 7)


def test_copies_are_counted(folder: Path) -> None:
    shutil.copy(folder / "covid" / "10.png", folder / "covid" / "again.png")
    assert [found.copies for found in found_in(folder).classes] == [1, 0]


def test_how_files_are_stored_stands_beside_their_classes(folder: Path) -> None:
    stored = {each.name: each for each in found_in(folder).storage}
    of_formats = stored["file format"]
    assert of_formats.counts == {
        "PNG": {"covid": 3, "normal": 2},
        "BMP": {"covid": 2, "normal": 0},
    }
    # Either format is covid's more often than not, and so are 5 of the 7 images.
    assert of_formats.accuracy == of_formats.largest_class == pytest.approx(5 / 7)
    assert stored["colour mode"].kinds == 1


def test_what_is_skipped_is_named_with_its_reason(folder: Path) -> None:
    (folder / "covid" / "Thumbs.db").write_bytes(b"thumbnails")
    (folder / "normal" / "empty.png").touch()
    (folder / "scripts").mkdir()
    found = found_in(folder)
    assert found.skipped == (
        SkippedFile("covid/Thumbs.db", "not an image file"),
        SkippedFile("normal/empty.png", "the file is empty"),
    )
    assert (found.images_found, found.images_usable, found.images_kept) == (8, 7, 7)
    assert found.reasons == {"not an image file": 1, "the file is empty": 1}
    assert found.ignored_folders == ("scripts",)


def test_brightness_discards_what_can_be_used_and_says_how_much_of_it(folder: Path) -> None:
    found = found_in(folder, 9, 30)
    assert [(each.images, each.kept) for each in found.classes] == [(5, 3), (2, 1)]
    assert (found.images_usable, found.images_kept) == (7, 4)
    assert found.reasons == {"brighter than 30": 2, "darker than 9": 1}
    assert found.skipped == ()
    assert found.classes[0].spreads["mean_grey"].maximum == 50


def test_a_class_may_lose_all_its_images_to_the_brightness(folder: Path) -> None:
    assert [each.kept for each in found_in(folder, 100, 200).classes] == [0, 0]


def test_the_papers_range_is_counted_whatever_is_asked_for(
    save_image: Save, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    for name, greys in (("covid", (119, 120, 140, 141)), ("normal", (130,))):
        (source / name).mkdir(parents=True)
        for grey in greys:
            Image.new("L", (20, 20), grey).save(source / name / f"{grey}.png")
    assert [each.in_papers_range for each in found_in(source).classes] == [2, 1]
    assert [each.in_papers_range for each in found_in(source, 0, 50).classes] == [2, 1]


def test_the_histogram_holds_every_decoded_image_once(folder: Path) -> None:
    Image.new("L", (20, 20), 255).save(folder / "covid" / "white.png")
    shutil.copy(folder / "normal" / "7.png", folder / "covid" / "7.png")  # in two classes
    covid, normal = found_in(folder, 9, 30).histograms
    # Bars of five levels: 7 and 9 lie in the second, 10 in the third; 255 in the last.
    assert (sum(covid.kept), sum(covid.discarded)) == (3, 4)
    assert (covid.kept[2], covid.discarded[1], covid.discarded[-1]) == (1, 1, 1)
    assert (normal.kept[1], normal.discarded[1]) == (1, 1)
    assert len(covid.kept) == len(covid.discarded) == 51


def test_collections_below_the_classes_are_told_apart(save_image: Save, tmp_path: Path) -> None:
    names = ("covid/actualmed/a.png", "covid/ieee/deep/b.png", "covid/c.png", "normal/ieee/d.png")
    for number, name in enumerate(names):
        save_image(name, number)
    found = found_in(tmp_path / "source").collections
    assert [(each.name, each.collection, each.images) for each in found] == [
        ("covid", "", 1),
        ("covid", "actualmed", 1),
        ("covid", "ieee", 1),
        ("normal", "ieee", 1),
    ]


def test_a_folder_without_collections_has_none(source: Path) -> None:
    assert found_in(source).collections == ()


def test_a_folder_a_patient_is_no_collection(save_image: Save, tmp_path: Path) -> None:
    for number in range(MOST_COLLECTIONS + 1):
        save_image(f"covid/patient{number}/a.png", number)
    save_image("normal/a.png", 99)
    assert found_in(tmp_path / "source").collections == ()


def test_a_measure_that_tells_a_class_from_the_other_is_found(tmp_path: Path) -> None:
    for name, grey in (("covid", 50), ("normal", 150)):
        (tmp_path / name).mkdir()
        for number in range(10):
            Image.new("L", (20 + number, 20), grey).save(tmp_path / name / f"{number}.png")
    first, *_ = found_in(tmp_path).separations
    assert (first.measure, first.auc) == ("mean_grey", 1.0)


def test_it_is_json_with_each_measure_beside_the_counts(folder: Path) -> None:
    fields = json.loads(json.dumps(found_in(folder, 9, 30).to_json()))
    assert fields["brightness"] == [9, 30]
    assert fields["classes"][0]["mean_grey"]["median"] == 30
    assert fields["classes"][0]["images"] == 5
    assert fields["histograms"][0]["kept"][2] == 1


def test_real_radiographs_are_all_usable(xrays: Path) -> None:
    found = found_in(xrays / "lung3", 120, 140)
    assert [each.images for each in found.classes] == [120, 120, 120]
    assert found.images_kept == sum(each.in_papers_range for each in found.classes)
