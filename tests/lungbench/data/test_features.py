from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from lungbench.data.features import GROUPS, file_facts, grey_statistics, thumbnails
from lungbench.data.image_table import ImageTable

TableOf = Callable[..., ImageTable]


def test_every_group_gives_finite_numbers_whatever_is_known(table_of: TableOf) -> None:
    table = table_of(["a", "b"], ["train", "test"])
    for group in GROUPS.values():
        found = group(table, np.zeros((2, 32, 32), np.uint8))
        assert len(found) == 2
        assert np.isfinite(found).all()


def test_file_facts_are_logarithms_of_size_aspect_and_bytes(table_of: TableOf) -> None:
    columns = {"width": ["512", "256"], "height": ["256", "256"], "bytes": ["131072", "65536"]}
    found = file_facts(table_of(["a", "b"], ["train", "test"], **columns), np.zeros((2, 4, 4)))
    assert found.tolist() == [[9, 8, 1, 0], [8, 8, 0, 0]]  # both have one byte a pixel


def test_modes_and_formats_are_features_but_not_those_of_a_few_images(table_of: TableOf) -> None:
    modes = ["L"] * 6 + ["RGB"] * 5 + ["P"] * 4
    table = table_of(["a"] * 15, ["train"] * 15, mode=modes)
    assert file_facts(table, np.zeros((15, 4, 4))).shape == (15, 4 + 2)
    assert file_facts(table, np.zeros((15, 4, 4)))[:, 4:].sum(axis=0).tolist() == [6, 5]


@pytest.mark.filterwarnings("error")
def test_what_is_unknown_or_absurd_is_the_mean_of_the_others(table_of: TableOf) -> None:
    columns = {"width": ["512", "", "0"], "height": ["512", "", "512"], "bytes": ["", "", "-1"]}
    found = file_facts(table_of(["a"] * 3, ["train"] * 3, **columns), np.zeros((3, 4, 4)))
    assert found[:, 0].tolist() == [9, 9, 9]
    assert found[:, 3].tolist() == [0, 0, 0]


def test_grey_statistics_are_those_of_the_pixels(table_of: TableOf) -> None:
    image = np.random.default_rng(0).integers(0, 256, (50, 50), dtype=np.uint8)
    (found,) = grey_statistics(table_of(["a"], ["train"]), image[None])
    assert found[0] == pytest.approx(image.mean())
    assert found[1] == pytest.approx(image.std(), rel=1e-6)
    assert found[5] == pytest.approx(np.median(image), abs=1)
    assert found[-2:] == pytest.approx([(image == 0).mean(), (image == 255).mean()])


def test_a_thumbnail_is_the_means_of_its_squares(table_of: TableOf) -> None:
    image = np.kron(np.arange(256, dtype=np.uint8).reshape(16, 16), np.ones((3, 3), np.uint8))
    (found,) = thumbnails(table_of(["a"], ["train"]), image[None])
    assert found.tolist() == list(range(256))


def test_rows_follow_the_table_and_not_the_cache(table_of: TableOf) -> None:
    table = replace(table_of(["a", "b"], ["train", "test"]), positions=np.array([2, 0]))
    pixels = np.arange(3, dtype=np.uint8)[:, None, None] * np.ones((1, 16, 16), np.uint8)
    assert grey_statistics(table, pixels)[:, 0].tolist() == [2, 0]
