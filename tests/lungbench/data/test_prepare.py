import csv
import hashlib
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lungbench.data import prepare as prepare_module
from lungbench.data.dataset import DATA_FILE, PIXELS_FILE, PreparedData
from lungbench.data.decode import decode
from lungbench.data.images_csv import IMAGES_FILE
from lungbench.data.prepare import prepare
from lungbench.errors import DataError, Refused
from lungbench.settings import DataSettings

SIZE = 16

Save = Callable[..., Path]
Prepare = Callable[..., PreparedData]

CHILD = """
import sys
from pathlib import Path
from lungbench.data.prepare import prepare
from lungbench.errors import LungbenchError
from lungbench.settings import DataSettings
source, cache, out = sys.argv[1:]
try:
    settings = DataSettings(source=source, image_size=64)
    print(prepare(settings, cache=Path(cache), out=Path(out)).fingerprint)
except LungbenchError as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


@pytest.fixture
def prepared(source: Path, tmp_path: Path) -> Prepare:
    """Prepare the source, or what is named instead, with these settings."""

    def call(progress: Any = None, **fields: Any) -> PreparedData:
        settings = DataSettings(**{"source": str(source), "image_size": SIZE, **fields})
        return prepare(settings, cache=tmp_path / "cache", out=tmp_path / "out", progress=progress)

    return call


def test_every_position_holds_the_pixels_of_its_path_and_class(
    prepared: Prepare, source: Path
) -> None:
    data = prepared()
    pixels, labels = np.load(data.pixels / PIXELS_FILE), np.load(data.pixels / "labels.npy")
    for row, path in enumerate(data.paths):
        np.testing.assert_array_equal(pixels[row], decode(source / path, SIZE).pixels)
        assert data.classes[labels[row]] == path.split("/")[0]


def test_every_image_is_in_one_split(prepared: Prepare) -> None:
    rows = prepared().rows
    assert sorted(row for split in rows.values() for row in split) == list(range(20))


def test_what_is_written_is_what_is_returned(prepared: Prepare, tmp_path: Path) -> None:
    assert prepared() == PreparedData.read(tmp_path / "out" / DATA_FILE)


def test_the_table_names_every_file_its_split_and_why_it_was_left_out(
    prepared: Prepare, source: Path, tmp_path: Path
) -> None:
    (source / "covid" / "bad.jpg").write_bytes(b"")
    (source / "covid" / "Thumbs.db").write_bytes(b"thumbnails")
    data = prepared()
    with (tmp_path / "out" / IMAGES_FILE).open(newline="") as file:
        rows = {row["path"]: row for row in csv.DictReader(file)}
    assert len(rows) == 22
    for split, positions in data.rows.items():
        assert {rows[data.paths[row]]["split"] for row in positions} == {split}
    assert rows["covid/bad.jpg"]["reason"] == "the file is empty"
    assert rows["covid/Thumbs.db"]["reason"] == "not an image file"
    assert (data.images_found, data.images_skipped) == (21, 1)


def test_an_image_with_two_labels_is_in_no_split(
    prepared: Prepare, source: Path, tmp_path: Path
) -> None:
    shutil.copy(source / "covid" / "00.png", source / "normal" / "copy.png")
    data = prepared()
    used = {data.paths[row] for rows in data.rows.values() for row in rows}
    assert len(used) == 19
    assert not used & {"covid/00.png", "normal/copy.png"}
    assert data.images_skipped == 2
    assert data.facts().counts["train"].keys() == {"covid", "normal"}


def test_identical_files_are_in_the_same_split(prepared: Prepare, source: Path) -> None:
    for number in range(10):
        shutil.copy(source / "covid" / f"{number:02d}.png", source / "covid" / f"copy{number}.png")
    data = prepared()
    split_of = {data.paths[row]: name for name, rows in data.rows.items() for row in rows}
    for number in range(10):
        assert split_of[f"covid/{number:02d}.png"] == split_of[f"covid/copy{number}.png"]


def test_a_second_call_decodes_nothing_and_says_the_same(prepared: Prepare) -> None:
    told: list[int] = []
    first = prepared(progress=lambda done, _: told.append(done))
    assert prepared(progress=lambda done, _: told.append(-done)) == first
    assert told[:20] == list(range(1, 21))  # decoded; then looked at for near-duplicates
    assert min(told) > 0


def test_another_split_of_the_same_pixels_decodes_nothing(prepared: Prepare) -> None:
    first, told = prepared(), []
    second = prepared(progress=lambda done, _: told.append(done), split_seed=1)
    assert second.pixels == first.pixels
    assert second.rows != first.rows
    assert told == []


@pytest.mark.parametrize(
    "change",
    [{"split_seed": 1}, {"image_size": 17}, {"test_fraction": 0.3}, {"validation_fraction": 0.3}],
)
def test_the_fingerprint_changes_with_the_settings(
    prepared: Prepare, change: dict[str, Any]
) -> None:
    assert prepared(**change).fingerprint != prepared().fingerprint


def test_these_files_have_the_fingerprint_and_pixels_that_they_always_had(
    prepared: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Both hashes are what the first code gave, which read every file twice and wrote the rows in
    # their final order at once, knew no groups, and decoded these files as the present one does.
    monkeypatch.setattr(prepare_module, "DECODER_VERSION", 1)
    monkeypatch.setattr(prepare_module, "alike_in", lambda _, images, __: np.arange(images))
    for number in range(30):
        path = tmp_path / "pgm" / f"class {number % 3}" / f"{29 - number}.pgm"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = (np.arange(40 * 50) * (number + 1) // 7 % 256).astype(np.uint8).tobytes()
        path.write_bytes(b"P5 50 40 255\n" + pixels)
    data = prepared(source=str(tmp_path / "pgm"))
    assert data.fingerprint == "14dddb7dac45fafd74591463cc3d68e29a5df897364308d364080c1ea3b1adb1"
    pixels = (data.pixels / PIXELS_FILE).read_bytes()
    assert (
        hashlib.sha256(pixels).hexdigest()
        == "0bf39066d533f1f9e8d52cfad1196314063437fa1b351b9d56cac61acd971811"
    )


def test_the_fingerprint_changes_with_a_files_content(prepared: Prepare, save_image: Save) -> None:
    before = prepared().fingerprint
    save_image("covid/00.png", 99)
    assert prepared().fingerprint != before


def test_the_fingerprint_changes_with_a_label(prepared: Prepare, source: Path) -> None:
    before = prepared().fingerprint
    (source / "covid" / "00.png").rename(source / "normal" / "00.png")
    assert prepared().fingerprint != before


def test_the_fingerprint_changes_with_a_class_name(prepared: Prepare, source: Path) -> None:
    before = prepared().fingerprint
    (source / "covid").rename(source / "covid-19")
    assert prepared().fingerprint != before


def test_the_fingerprint_knows_neither_places_nor_names_nor_useless_files(
    prepared: Prepare, source: Path, tmp_path: Path
) -> None:
    before = prepared()
    moved = source.rename(tmp_path / "moved")
    (moved / "covid" / "00.png").rename(moved / "covid" / "renamed.png")
    (moved / "covid" / "bad.png").write_bytes(b"damaged")
    after = prepared(source=str(moved))
    assert after.fingerprint == before.fingerprint
    assert after.images_skipped == 1


def test_the_drawn_source_is_drawn_once(prepared: Prepare, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    fields = {"source": "synthetic", "synthetic_per_class": 5}
    data = prepared(progress=lambda *counts: told.append(counts), **fields)
    assert data.classes == ("covid", "normal", "tuberculosis")
    assert (data.source, data.images_found) == ("synthetic", 15)
    assert told == [(done, 15) for done in range(1, 16)] * 2  # drawn, then decoded
    prepared(progress=lambda *counts: told.append(counts), **fields)
    assert len(told) == 30


@pytest.mark.parametrize("place", ["cache", "out"])
def test_a_place_that_cannot_be_written_is_refused_in_one_line(
    source: Path, tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").touch()
    folders = {"cache": tmp_path / "cache", "out": tmp_path / "out", place: tmp_path / "file" / "x"}
    settings = DataSettings(source=str(source), image_size=SIZE)
    with pytest.raises(Refused, match=r"writable and have room.*Not a directory") as caught:
        prepare(settings, **folders)
    assert "\n" not in str(caught.value)


def test_a_class_too_small_to_split_is_refused_before_anything_is_written(
    prepared: Prepare, source: Path, tmp_path: Path
) -> None:
    for path in sorted((source / "covid").iterdir())[2:]:
        path.unlink()
    with pytest.raises(DataError, match="class covid with 2 different images"):
        prepared()
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_refused_and_leaves_nothing_half_written(
    source: Path, tmp_path: Path
) -> None:
    # 20 images of 64 x 64 take 80 KiB; a limit of 40 KiB a file stops them as a full disk would.
    limit = 40 * 1024
    child = subprocess.run(
        [sys.executable, "-c", CHILD, source, tmp_path / "cache", tmp_path / "out"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.stderr.startswith("Refused: A folder to write to must be writable and have room.")
    assert child.stderr.count("\n") == 1
    assert not list((tmp_path / "cache").glob("*pixels*"))
    assert not (tmp_path / "out").exists()


def test_two_processes_that_prepare_at_once_share_one_cache(source: Path, tmp_path: Path) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, source, tmp_path / "cache", tmp_path / f"out{number}"],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    first, second = (child.communicate()[0] for child in children)
    assert first == second
    assert len(first.strip()) == 64
    assert len(list((tmp_path / "cache").glob("pixels-*"))) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lung3", "darkcovid3"])
def test_the_real_sets_are_used_whole(
    prepared: Prepare, xrays: Path, tmp_path: Path, name: str
) -> None:
    # manifest.csv, written with the set, states each file's mean grey, rounded to two places.
    data = prepared(source=str(xrays / name), image_size=96)
    assert (data.images_found, data.images_skipped) == (360, 0)
    with (tmp_path / "out" / IMAGES_FILE).open(newline="") as file:
        greys = {row["path"]: float(row["mean_grey"]) for row in csv.DictReader(file)}
    with (xrays / name / "manifest.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            assert greys[row["file"]] == pytest.approx(float(row["mean_grey"]), abs=0.006)


def test_a_class_without_a_readable_image_is_refused_by_name(
    prepared: Prepare, source: Path
) -> None:
    for path in source.glob("*/*"):
        path.write_bytes(b"damaged " + path.name.encode())
    with pytest.raises(DataError, match="class covid with 10 images, none usable"):
        prepared()


def table(tmp_path: Path) -> dict[str, dict[str, str]]:
    """The rows of `data_images.csv`, by path."""
    with (tmp_path / "out" / IMAGES_FILE).open(newline="") as file:
        return {row["path"]: row for row in csv.DictReader(file)}


def write_manifest(source: Path, text_of: Callable[[str, int], str]) -> Path:
    """Name the source's images in a manifest; what follows the path is told by label and number."""
    rows = [
        f"{path.relative_to(source)},{text_of(path.parent.name, int(path.stem))}"
        for path in sorted(source.glob("*/*.png"))
    ]
    manifest = source / "manifest.csv"
    manifest.write_text("\n".join(["path,label,patient,split,view", *rows]))
    return manifest


def test_a_manifest_gives_what_its_folders_give_and_tells_more(
    prepared: Prepare, source: Path, tmp_path: Path
) -> None:
    folders = prepared()
    manifest = write_manifest(source, lambda label, number: f"{label},P{number},,PA")
    data = prepared(source=str(manifest))
    assert (data.fingerprint, data.rows) == (folders.fingerprint, folders.rows)
    assert (data.source, data.folder) == (str(manifest), source)
    row = table(tmp_path)["covid/03.png"]
    assert (row["patient"], row["view"], row["collection"]) == ("P3", "PA", "")


def test_the_images_of_a_patient_are_in_one_split(prepared: Prepare, source: Path) -> None:
    manifest = write_manifest(source, lambda label, number: f"{label},{number // 2},,")
    data = prepared(source=str(manifest))
    split_of = {data.paths[row]: name for name, rows in data.rows.items() for row in rows}
    for number in range(0, 20, 2):
        label = "covid" if number < 10 else "normal"
        assert split_of[f"{label}/{number:02d}.png"] == split_of[f"{label}/{number + 1:02d}.png"]
    assert data.grouped == 20


def test_near_duplicates_are_in_one_split(prepared: Prepare, source: Path, tmp_path: Path) -> None:
    for number in range(5):
        path = source / "covid" / f"{number:02d}.png"
        with Image.open(path) as image:
            image.save(path.with_suffix(".bmp"))  # the same picture in other bytes
    data = prepared()
    split_of = {data.paths[row]: name for name, rows in data.rows.items() for row in rows}
    for number in range(5):
        assert split_of[f"covid/{number:02d}.png"] == split_of[f"covid/{number:02d}.bmp"]
    assert data.grouped == 10


def test_drawn_images_are_not_searched_for_duplicates(
    prepared: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(prepare_module, "alike_in")
    assert prepared(source="synthetic", synthetic_per_class=5).grouped == 0


def test_several_folders_make_a_class_and_are_counted_apart(
    prepared: Prepare, save_image: Save, tmp_path: Path
) -> None:
    sets = {"one/covid": 5, "one/normal": 4, "two/healthy": 6}
    for start, (name, count) in zip((0, 10, 20), sets.items(), strict=True):
        for number in range(count):
            save_image(f"{name}/{number}.png", start + number, tmp_path / "sets")
    (tmp_path / "sets" / "two" / "healthy" / "bad.png").touch()
    folders = {name: str(tmp_path / "sets" / name) for name in sets}
    classes = {
        "normal": (folders["one/normal"], folders["two/healthy"]),
        "covid": (folders["one/covid"],),
    }
    data = prepared(source="synthetic", classes=classes)
    assert data.classes == ("covid", "normal")
    assert (data.source, data.folder) == (str(tmp_path / "sets"), tmp_path / "sets")
    assert data.collections == {
        "one/covid": {"covid": 5},
        "one/normal": {"normal": 4},
        "two/healthy": {"normal": 6},
    }
    assert data.class_sizes == (5, 10)
    rows = table(tmp_path)
    assert rows["two/healthy/bad.png"]["collection"] == "two/healthy"
    for row, path in enumerate(data.paths):
        assert data.classes[data.labels()[row]] == rows[path]["class"]


def test_folders_of_splits_can_be_taken_as_they_are_or_split_anew(
    prepared: Prepare, save_image: Save, tmp_path: Path
) -> None:
    number = 0
    for name, count in (("Train", 6), ("Val", 3), ("Testeo", 3)):
        for label in ("covid", "normal"):
            for _ in range(count):
                save_image(f"{name}/{label}/{number}.png", number, tmp_path / "papers")
                number += 1
    source = str(tmp_path / "papers")
    data = prepared(source=source, split="folders")
    found = {
        name: {data.paths[row].split("/")[0] for row in rows} for name, rows in data.rows.items()
    }
    assert found == {"train": {"Train"}, "validation": {"Val"}, "test": {"Testeo"}}
    anew = prepared(source=source)
    assert sum(map(len, anew.rows.values())) == number
    assert {anew.paths[row].split("/")[0] for row in anew.rows["train"]} == {
        "Train",
        "Val",
        "Testeo",
    }


def test_an_image_that_a_source_tests_and_trains_on_is_counted(
    prepared: Prepare, save_image: Save, tmp_path: Path
) -> None:
    for number, name in enumerate(("train", "train", "val", "test", "test")):
        for label in (0, 100):
            save_image(f"{name}/{label}/{number}.png", number + label, tmp_path / "s")
    shutil.copy(tmp_path / "s" / "train" / "0" / "0.png", tmp_path / "s" / "test" / "0" / "x.png")
    data = prepared(source=str(tmp_path / "s"), split="folders")
    assert data.leaked == 1
    assert data.facts().leaked == 1


def test_class_folders_have_no_splits_of_their_own(prepared: Prepare, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="20 of 20 images without a split"):
        prepared(split="folders")
    assert not (tmp_path / "out").exists()


def test_a_cross_validation_tests_every_image_once(prepared: Prepare, tmp_path: Path) -> None:
    data = prepared(kfold=5)
    assert len(data.folds) == 5
    tested = [row for fold in data.folds for row in fold["test"]]
    assert sorted(tested) == list(range(20))
    rows = table(tmp_path)
    for number, fold in enumerate(data.folds, start=1):
        assert {rows[data.paths[row]]["split"] for row in fold["test"]} == {f"fold {number}"}
        assert data.of_fold(number).rows == fold
        assert sorted(row for rows in fold.values() for row in rows) == list(range(20))
    assert data.rows == data.folds[0]


@pytest.mark.parametrize(
    "change",
    [{"kfold": 5}, {"kfold": 4}, {"split": "paper"}, {"per_class": 9}, {"brightness": (126, 255)}],
)
def test_the_fingerprint_changes_with_what_is_used_and_how(
    prepared: Prepare, change: dict[str, Any]
) -> None:
    before = {prepared().fingerprint, prepared(kfold=3).fingerprint}
    after = prepared(**change)
    assert after.fingerprint not in before


def test_a_brightness_that_leaves_nothing_out_changes_no_fingerprint(prepared: Prepare) -> None:
    assert prepared(brightness=(0, 255)).fingerprint == prepared().fingerprint


def test_the_papers_split_draws_equally_many_and_tests_on_images_that_train(
    prepared: Prepare, source: Path, tmp_path: Path
) -> None:
    (source / "covid" / "00.png").unlink()
    data = prepared(split="paper")
    assert data.facts().counts == {
        # 9 of each class: 0.2 * 9 = 1.8 validate; 0.2 * 7 = 1.4 and 0.2 * 2 = 0.4, at least 1, test
        "train": {"covid": 7, "normal": 7},
        "validation": {"covid": 2, "normal": 2},
        "test": {"covid": 2, "normal": 2},
    }
    assert (data.leaked, data.images_left_out, data.images_skipped) == (2, 1, 0)
    rows = table(tmp_path)
    splits = [row["split"] for row in rows.values()]
    assert (splits.count("train+test"), splits.count("validation+test")) == (2, 2)
    [undrawn] = [row for row in rows.values() if row["kept"] == "no"]
    assert (undrawn["class"], undrawn["reason"]) == (
        "normal",
        "not drawn: 9 of 10 images are used",
    )


def test_images_of_another_brightness_are_left_out_with_it_and_are_not_unusable(
    prepared: Prepare, source: Path, tmp_path: Path
) -> None:
    Image.new("L", (24, 24), 95).save(source / "covid" / "dark.png")
    data = prepared(brightness=(100, 160), most_unusable=0)
    row = table(tmp_path)["covid/dark.png"]
    assert (row["kept"], row["reason"]) == ("no", "mean grey 95.0 is outside 100 to 160")
    assert (data.images_found, data.images_skipped, data.images_left_out) == (21, 0, 1)


def test_a_drawing_depends_on_the_seed_and_not_on_names(prepared: Prepare, source: Path) -> None:
    def used(**fields: Any) -> set[str]:
        data = prepared(per_class=5, **fields)
        pixels = np.load(data.pixels / PIXELS_FILE)
        return {pixels[row].tobytes().hex() for rows in data.rows.values() for row in rows}

    first = used()
    assert len(first) == 10
    assert used(split_seed=1) != first
    for number, path in enumerate(sorted(source.glob("*/*"), reverse=True)):
        path.rename(path.with_name(f"renamed{number}.png"))
    assert used() == first


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"brightness": (0, 10)}, "class covid, whose 10 images have mean greys from 1"),
        (
            {"per_class": 11},
            "class covid with 10 different images. Expected: at least 11, as",
        ),
        ({"kfold": 12}, "class covid with 10 different images. Expected: at least 12, one each"),
        ({"most_unusable": 0.0}, "1 of 21 images; covid/bad.png: the file is empty. Next: Look"),
    ],
)
def test_what_cannot_be_had_is_refused_in_one_line_and_nothing_is_written(
    prepared: Prepare, source: Path, tmp_path: Path, fields: dict[str, Any], words: str
) -> None:
    (source / "covid" / "bad.png").touch()
    with pytest.raises(DataError) as caught:
        prepared(**fields)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_source_of_which_too_much_is_unusable_is_refused_with_the_first(
    prepared: Prepare, source: Path
) -> None:
    for number in range(4):
        (source / "normal" / f"bad{number}.png").write_bytes(b"cut")
    words = r"At most 10 % .* 4 of 24 images; normal/bad0\.png: not .*bad2\.png: .*; and 1 more\."
    with pytest.raises(DataError, match=words):
        prepared()
    assert prepared(most_unusable=0.2).images_skipped == 4


@pytest.mark.slow
def test_the_real_manifest_gives_the_real_folder(prepared: Prepare, xrays: Path) -> None:
    # lung3's manifest names each of its files; its PROVENANCE.md: one image per patient where
    # patients are named, so that they group nothing.
    folder = prepared(source=str(xrays / "lung3"), image_size=64)
    data = prepared(source=str(xrays / "lung3" / "manifest.csv"), image_size=64)
    assert data.fingerprint == folder.fingerprint
    assert len(data.collections) == 6
    assert sum(count for each in data.collections.values() for count in each.values()) == 360
