"""Copies of a picture are found whatever was done to their files, and nothing else is."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps

from lungbench.data.dataset import PIXELS_FILE
from lungbench.data.decode import decode
from lungbench.data.near_duplicates import (
    FEWEST_BITS,
    MOST_BITS,
    groups,
    groups_of,
    links,
    selective_bits,
    stored_links,
)
from lungbench.data.synthetic import SYNTHETIC_CLASSES, draw
from lungbench.errors import DataError

Pixels = NDArray[np.uint8]
Change = Callable[[Image.Image], Image.Image]

SIZE = 96
PER_CLASS = 8


def saved_as_jpeg(image: Image.Image, quality: int) -> Image.Image:
    content = io.BytesIO()
    image.save(content, "JPEG", quality=quality)
    return Image.open(content)


def cropped(image: Image.Image, share: float) -> Image.Image:
    width, height = image.size
    left, top = round(share * width), round(share * height)
    return image.crop((left, top, width - left, height - top))


def shrunk(image: Image.Image, factor: float) -> Image.Image:
    return image.resize((round(image.width * factor), round(image.height * factor)))


CHANGES: dict[str, Change] = {
    "saved as a poor JPEG": lambda image: saved_as_jpeg(image, 30),
    "half as large": lambda image: shrunk(image, 0.5),
    "a percent cropped on each side": lambda image: cropped(image, 0.01),
    "two percent cropped on each side": lambda image: cropped(image, 0.02),
    "brighter by a fifth": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "darker by a fifth": lambda image: ImageEnhance.Brightness(image).enhance(0.8),
    "more contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.4),
    "lighter shadows": lambda image: image.point(
        [round(255 * (g / 255) ** 0.7) for g in range(256)]
    ),
    "mirrored": ImageOps.mirror,
    "all of it": lambda image: ImageOps.mirror(
        saved_as_jpeg(cropped(shrunk(image, 0.6), 0.01), 60)
    ),
}


def square(image: Image.Image) -> Pixels:
    return np.asarray(image.convert("L").resize((SIZE, SIZE), Image.Resampling.BILINEAR))


@pytest.fixture(scope="module")
def drawn() -> list[Image.Image]:
    """Drawn X-rays of three classes, as large as their films."""
    films = [
        draw(name, number, seed=0)[0] for name in SYNTHETIC_CLASSES for number in range(PER_CLASS)
    ]
    return [Image.fromarray((255 * grey.clip(0, 1)).astype(np.uint8)) for grey in films]


@pytest.fixture(scope="module")
def pixels(drawn: list[Image.Image]) -> Pixels:
    return np.stack([square(image) for image in drawn])


def test_drawn_xrays_of_different_people_are_no_duplicates(pixels: Pixels) -> None:
    assert groups(pixels).tolist() == list(range(len(pixels)))


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_planted_copy_is_grouped_with_its_original_and_nothing_else(
    drawn: list[Image.Image], pixels: Pixels, change: Change
) -> None:
    copies = np.stack([square(change(image)) for image in drawn])
    n = len(pixels)
    assert groups(np.concatenate([pixels, copies])).tolist() == [*range(n), *range(n)]


def test_links_say_which_image_is_a_mirror_image(pixels: Pixels) -> None:
    both = np.stack([pixels[0], pixels[1], pixels[0, :, ::-1], pixels[1]])
    assert sorted(links(both).tolist()) == [[0, 2, 1], [1, 3, 0]]


def test_a_group_is_held_together_by_as_few_links_as_can_be(pixels: Pixels) -> None:
    found = links(np.repeat(pixels[:3], 5, axis=0))
    assert len(found) == 3 * (5 - 1)
    assert groups_of(found, 15).tolist() == [0] * 5 + [5] * 5 + [10] * 5


def test_alike_goes_on_from_image_to_image() -> None:
    assert groups_of(np.array([[3, 4, 0], [1, 3, 1]]), 5).tolist() == [0, 1, 2, 1, 1]


def test_a_thousand_blank_images_are_one_group_in_little_time(pixels: Pixels) -> None:
    blank = np.repeat(np.array([0, 200], np.uint8), 1000)[:, None, None]
    images = np.concatenate([pixels[:2], np.broadcast_to(blank, (2000, SIZE, SIZE))])
    assert groups(images).tolist() == [0, 1] + [2] * 2000


def test_noise_without_a_picture_is_no_duplicate_of_other_noise() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, SIZE, SIZE), dtype=np.uint8)
    assert groups(noise).tolist() == list(range(40))


def test_groups_do_not_depend_on_the_order_of_the_images(pixels: Pixels) -> None:
    copies = np.concatenate([pixels, pixels[::3, :, ::-1], pixels[::4]])
    order = np.random.default_rng(1).permutation(len(copies))
    assert partition(groups(copies)) == partition(groups(copies[order]), order)


def partition(
    labels: NDArray[np.int64], order: NDArray[np.int64] | None = None
) -> set[frozenset[int]]:
    names = np.arange(len(labels)) if order is None else order
    return {frozenset(names[labels == label].tolist()) for label in labels}


def test_no_image_has_no_group() -> None:
    assert groups(np.zeros((0, SIZE, SIZE), np.uint8)).shape == (0,)


def test_images_that_differ_are_looked_at_as_far_as_copies_go() -> None:
    hashes = np.random.default_rng(0).integers(0, 256, (2000, 32), dtype=np.uint8)
    assert selective_bits(hashes) == MOST_BITS
    assert selective_bits(hashes[:0]) == MOST_BITS


def test_many_copies_of_one_image_do_not_narrow_the_search() -> None:
    assert selective_bits(np.zeros((3000, 32), dtype=np.uint8)) == MOST_BITS


def test_in_a_large_set_of_images_that_are_all_alike_fewer_pairs_are_looked_at() -> None:
    # Each differs from one hash in 25 bits of 256, and so from each other in about 45.
    flips = np.random.default_rng(0).random((3000, 256)) < 25 / 256
    found = selective_bits(np.packbits(flips, axis=1))
    assert FEWEST_BITS <= found < 45
    assert selective_bits(np.packbits(flips[:300], axis=1)) == MOST_BITS  # 45,000 pairs are few


def test_stored_links_are_found_once(pixels: Pixels, tmp_path: Path) -> None:
    np.save(tmp_path / PIXELS_FILE, np.concatenate([pixels, pixels[:2]]))
    told: list[int] = []
    first = stored_links(tmp_path, lambda done, _: told.append(done))
    assert told
    told.clear()
    assert stored_links(tmp_path, lambda done, _: told.append(done)).tolist() == first.tolist()
    assert told == []


@pytest.mark.parametrize("damage", [b"", b"torn", b"\x93NUMPY"])
def test_damaged_links_are_found_again(pixels: Pixels, tmp_path: Path, damage: bytes) -> None:
    np.save(tmp_path / PIXELS_FILE, np.concatenate([pixels, pixels[:2]]))
    first = stored_links(tmp_path)
    (kept,) = tmp_path.glob("alike-*.npy")
    kept.write_bytes(damage)
    assert stored_links(tmp_path).tolist() == first.tolist()


def test_pixels_that_are_gone_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must stay in the cache"):
        stored_links(tmp_path)


@pytest.mark.slow
def test_no_two_of_a_thousand_drawn_xrays_are_duplicates() -> None:
    images = [
        square(Image.fromarray((255 * draw(name, number, 3)[0].clip(0, 1)).astype(np.uint8)))
        for name in SYNTHETIC_CLASSES
        for number in range(334)
    ]
    assert len(links(np.stack(images))) == 0


@pytest.mark.slow
def test_the_real_sets_hold_no_copies_and_every_planted_one_is_found(xrays: Path) -> None:
    # PROVENANCE.md: exact and near-duplicates were dropped.
    files = sorted(
        path
        for name in ("lung3", "darkcovid3")
        for path in (xrays / name).glob("*/*")
        if path.suffix in (".png", ".jpg", ".jpeg")
    )
    originals = np.stack([decode(path, SIZE).pixels for path in files])
    assert len(links(originals)) == 0
    change = CHANGES["all of it"]
    copies = np.stack([square(change(Image.fromarray(decode(path, 448).pixels))) for path in files])
    together = np.concatenate([originals, copies])
    assert groups(together).tolist() == [*range(len(files)), *range(len(files))]
