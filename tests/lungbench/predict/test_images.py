"""Which files are diagnosed, and what is kept of them."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lungbench.data.decode import NotAnImage, decode
from lungbench.data.row_file import RowFile
from lungbench.errors import Refused
from lungbench.predict.images import SHOWN_SIDE, Given, Taken, given_files, take

NOISE = np.random.default_rng(0).integers(0, 256, (60, 30), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "xrays"
    for name in ("b.png", "a/2.png", "a/1.png", ".hidden.png", ".cache/x.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(NOISE).save(folder / name)
    (folder / "manifest.csv").write_text("a,b")
    (folder / "a" / "up").symlink_to(folder)
    return folder


def test_a_folder_means_its_visible_files_at_any_depth_in_order(folder: Path) -> None:
    assert given_files([folder, folder / "b.png"]) == [
        Given(folder / "b.png", folder),
        Given(folder / "manifest.csv", folder),
        Given(folder / "a/1.png", folder),
        Given(folder / "a/2.png", folder),
        Given(folder / "b.png"),
    ]


def test_a_folder_without_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="without a file"):
        given_files([tmp_path])


def test_a_folder_that_may_not_be_read_is_refused(folder: Path) -> None:
    folder.chmod(0)
    try:
        if os.access(folder, os.R_OK):
            pytest.skip("root reads everything")
        with pytest.raises(Refused, match="must be readable"):
            given_files([folder])
    finally:
        folder.chmod(0o755)


def test_pixels_go_to_their_rows_and_pictures_are_kept_where_asked(
    folder: Path, tmp_path: Path
) -> None:
    given = given_files([folder])
    for show in (False, True):
        with RowFile.create(tmp_path / "pixels.npy", len(given), 16) as rows:
            outcomes = take(given, rows, None, show=show)
        assert isinstance(outcomes[1], NotAnImage)
        written = np.load(tmp_path / "pixels.npy")
        for row in (0, 2, 3):
            outcome = outcomes[row]
            assert isinstance(outcome, Taken)
            np.testing.assert_array_equal(written[row], decode(given[row].path, 16).pixels)
            assert (outcome.picture is not None) == show
            if outcome.picture:
                assert outcome.picture.pixels.shape == (SHOWN_SIDE, SHOWN_SIDE)
                assert (outcome.picture.facts.width, outcome.picture.facts.height) == (30, 60)


def test_a_photograph_is_flagged_though_nothing_is_known_of_the_training(tmp_path: Path) -> None:
    # Every grey, red on the left half and green on the right.
    levels = np.resize(np.arange(60, 160), (40, 50, 1)).astype(np.int16)
    side = np.where(np.arange(50) < 25, 1, -1)[np.newaxis, :, np.newaxis]
    photo = (levels + side * np.array([58, -30, 0])).astype(np.uint8)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    with RowFile.create(tmp_path / "pixels.npy", 1, 16) as rows:
        [outcome] = take([Given(tmp_path / "photo.png")], rows, None, show=False)
    assert isinstance(outcome, Taken)
    [flag] = outcome.flags
    assert flag.startswith("not grey: colour ")
