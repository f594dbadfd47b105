"""The images that benchmarks measure on."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.image_folder import image_count, image_folder, prepared
from benchmarks.preparation import add_images, originals
from lungbench.data.decode import decode
from lungbench.data.hamming import distances, near_pairs
from lungbench.data.near_duplicates import MOST_BITS
from lungbench.data.perceptual_hash import hashed


@pytest.fixture
def source(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / "source" / name).mkdir(parents=True)
        for number in range(6):
            pixels = draw.integers(0, 256, (20, 40), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "source" / name / f"{number}.png")
    return tmp_path / "source"


def test_a_part_is_spread_evenly_over_every_class_and_removed_afterwards(source: Path) -> None:
    with image_folder(source, 6) as folder:
        found = sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*"))
        assert found == [f"{name}/{number}.png" for name in "ab" for number in (0, 2, 4)]
    assert not folder.exists()


def test_enlarged_files_keep_their_proportions(source: Path) -> None:
    with image_folder(source, 2, longest_side=100) as folder:
        sizes = set()
        for path in folder.glob("*/*"):
            with Image.open(path) as image:
                sizes.add(image.size)
    assert sizes == {(100, 50)}


def test_too_few_images_are_said(source: Path) -> None:
    with pytest.raises(SystemExit, match="too few images"), image_folder(source, 13):
        pass


def test_every_image_of_the_folder_is_trained_on(source: Path) -> None:
    with image_folder(source, 10) as folder:
        assert image_count(prepared(folder, 16)) == 10


def test_written_variations_all_differ_and_a_larger_set_holds_the_smaller(tmp_path: Path) -> None:
    sources, folder = originals(tmp_path / "originals"), tmp_path / "images"
    add_images(sources, folder, 30, side=32)
    small = {path.name: path.read_bytes() for path in folder.glob("*/*")}
    add_images(sources, folder, 60, side=32)
    large = {path.name: path.read_bytes() for path in folder.glob("*/*")}
    assert len(small) == 30
    assert len(set(large.values())) == 60
    assert small.items() <= large.items()


def test_written_variations_lie_as_far_apart_as_films_do(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    add_images(originals(tmp_path / "originals"), folder, 300, side=96)
    squares = np.stack([decode(path, 32).pixels for path in sorted(folder.glob("*/*"))])
    hashes = hashed(squares)
    pairs = np.concatenate(list(near_pairs(hashes, 254)))
    bits = distances(hashes, pairs)
    # Of 720 films: mean 119.9, standard deviation 10.8, 20 of 517,680 pairs within the limit.
    assert 115 < bits.mean() < 127
    assert 8 < bits.std() < 14
    assert (bits <= MOST_BITS).mean() < 1e-3
