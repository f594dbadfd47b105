import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lungbench.data.inspect import SkippedFile, Spread, inspect

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


def test_each_class_is_summed_up(folder: Path) -> None:
    covid, normal = inspect(folder).classes
    assert (covid.name, covid.images, normal.name, normal.images) == ("covid", 5, "normal", 2)
    assert covid.mean_grey == Spread(10, 20, 30, 40, 50)
    assert covid.width == Spread(30, 40, 50, 60, 70)
    assert covid.height == Spread(20, 20, 20, 20, 20)
    assert covid.formats == {"PNG": 3, "BMP": 2}
    assert covid.modes == {"L": 5}
    assert covid.size_bytes == sum(path.stat().st_size for path in (folder / "covid").iterdir())


def test_a_single_image_is_its_own_quartiles(folder: Path) -> None:
    (folder / "normal" / "9.png").unlink()
    assert inspect(folder).classes[1].mean_grey == Spread(7, 7, 7, 7, 7)


def test_copies_are_counted(folder: Path) -> None:
    shutil.copy(folder / "covid" / "10.png", folder / "covid" / "again.png")
    assert [found.copies for found in inspect(folder).classes] == [1, 0]


def test_what_is_skipped_is_named_with_its_reason(folder: Path) -> None:
    (folder / "covid" / "Thumbs.db").write_bytes(b"thumbnails")
    (folder / "normal" / "empty.png").touch()
    (folder / "scripts").mkdir()
    found = inspect(folder)
    assert found.skipped == (
        SkippedFile("covid/Thumbs.db", "not an image file"),
        SkippedFile("normal/empty.png", "the file is empty"),
    )
    assert (found.images_found, found.images_kept) == (8, 7)
    assert found.ignored_folders == ("scripts",)


def test_it_is_json_all_the_way_down(folder: Path) -> None:
    fields = inspect(folder).to_json()
    assert json.loads(json.dumps(fields)) == fields
    assert fields["classes"][0]["mean_grey"]["median"] == 30


def test_nothing_is_written_into_the_folder(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    inspect(folder)
    assert sorted(folder.rglob("*")) == before


def test_every_mode_of_the_real_set_is_read(xrays: Path) -> None:
    # Its PROVENANCE.md: 120 of each class, colour modes L, RGB, RGBA and P.
    found = inspect(xrays / "lung3")
    assert [(one.name, one.images) for one in found.classes] == [
        ("covid", 120),
        ("normal", 120),
        ("tuberculosis", 120),
    ]
    assert set().union(*(one.modes for one in found.classes)) == {"L", "RGB", "RGBA", "P"}
    assert np.all([one.mean_grey.minimum > 50 for one in found.classes])
