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
    assert told == list(range(1, 21))


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
    prepared: Prepare, tmp_path: Path
) -> None:
    # Both hashes are what the first code gave, which read every file twice and wrote the rows in
    # their final order at once; pixels and fingerprints must not depend on how they are made.
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
