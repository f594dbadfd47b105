import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lungbench.data.anatomy import Anatomy, Chest, bump, chest, ramp
from lungbench.data.film import MAX_SIDE, STORED, Film, save
from lungbench.data.lesions import LESIONS
from lungbench.data.synthetic import SYNTHETIC_CLASSES, draw, synthesize
from lungbench.errors import DataError, Refused

PER_CLASS = 3
SIDE = 96


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "set"
    synthesize(folder, PER_CLASS, seed=5)
    return folder


def hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.glob("*/*")
    }


def person(seed: int) -> Chest:
    """A healthy chest on a small grid that shows it whole."""
    down, across = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    return chest(Anatomy.drawn(np.random.default_rng(seed)), 2.6 * (across - 0.5), 2.3 * down - 0.4)


def added(class_name: str, seed: int) -> tuple[Chest, np.ndarray]:
    body = person(seed)
    return body, LESIONS[class_name](body, np.random.default_rng(seed)) + np.zeros((SIDE, SIDE))


def test_there_are_so_many_images_of_each_class(drawn: Path) -> None:
    assert Counter(path.parent.name for path in drawn.glob("*/*")) == dict.fromkeys(
        SYNTHETIC_CLASSES, PER_CLASS
    )


def test_the_same_seed_draws_the_same_files(drawn: Path, tmp_path: Path) -> None:
    synthesize(tmp_path / "again", PER_CLASS, seed=5)
    assert hashes(tmp_path / "again") == hashes(drawn)


def test_a_smaller_set_is_the_beginning_of_a_larger_one(drawn: Path, tmp_path: Path) -> None:
    synthesize(tmp_path / "small", 1, seed=5)
    assert hashes(tmp_path / "small").items() <= hashes(drawn).items()


def test_another_seed_draws_other_people(drawn: Path, tmp_path: Path) -> None:
    synthesize(tmp_path / "other", 1, seed=6)
    assert not set(hashes(tmp_path / "other").values()) & set(hashes(drawn).values())


def test_no_image_is_drawn_twice(drawn: Path) -> None:
    assert len(set(hashes(drawn).values())) == 3 * PER_CLASS


def test_progress_is_told_up_to_the_last_image(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    synthesize(tmp_path / "set", 1, seed=0, progress=lambda *counts: told.append(counts))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_folder_that_holds_something_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(DataError, match="new or an empty folder"):
        synthesize(tmp_path, 1, seed=0)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    synthesize(tmp_path / "set", 1, seed=0)
    assert len(list((tmp_path / "set").glob("*/*"))) == 3


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match="writable"):
        synthesize(tmp_path / "file" / "set", 1, seed=0)


def test_an_interrupted_call_leaves_nothing(tmp_path: Path) -> None:
    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synthesize(tmp_path / "set", 1, seed=0, progress=stop)
    assert not list(tmp_path.iterdir())


def test_every_way_to_store_a_film_comes_up_as_often_as_meant() -> None:
    # 30, 20, 20, 20 and 10 %. 1.96 sqrt(0.3 * 0.7 / 600) is 4 points; the bound is twice that.
    films = [Film.drawn(np.random.default_rng(number)) for number in range(600)]
    counts = Counter(film.stored_as for film in films)
    for name, share in zip(STORED, (0.3, 0.2, 0.2, 0.2, 0.1), strict=True):
        assert counts[name] / 600 == pytest.approx(share, abs=0.08)


@pytest.mark.parametrize(
    ("stored_as", "suffix", "mode"),
    [
        ("png", ".png", "L"),
        ("png-rgb", ".png", "RGB"),
        ("png-16", ".png", "I;16"),
        ("jpeg", ".jpg", "L"),
        ("jpeg-rgb", ".jpg", "RGB"),
    ],
)
def test_a_film_is_stored_as_asked(tmp_path: Path, stored_as: str, suffix: str, mode: str) -> None:
    grey = np.linspace(0, 1, 32 * 32).reshape(32, 32)
    save(grey, tmp_path, "film", stored_as)
    with Image.open(tmp_path / f"film{suffix}") as image:
        assert image.mode == mode


@pytest.mark.parametrize("class_name", SYNTHETIC_CLASSES)
def test_greys_fill_the_film_and_stay_in_range(class_name: str) -> None:
    grey, film = draw(class_name, 0, seed=0)
    assert grey.shape == (film.height, film.width)
    assert max(grey.shape) <= MAX_SIDE
    assert grey.min() >= 0
    assert grey.max() <= 1
    assert np.percentile(grey, 95) - np.percentile(grey, 5) > 0.3


@pytest.mark.parametrize("seed", range(8))
def test_a_chest_has_dark_lungs_a_bright_middle_and_air_around(seed: int) -> None:
    body = person(seed)
    lungs, heart = body.lungs > 0.9, (np.abs(body.x - 0.15) < 0.1) & (np.abs(body.y - 1.2) < 0.1)
    air = (np.abs(body.x) > 1.2) & (body.y < -0.35)
    assert 0.15 < lungs.mean() < 0.45
    assert body.density[air].max() < 0.05
    assert body.density[lungs].mean() < 0.6 * body.density[heart].mean()


@pytest.mark.parametrize("seed", range(8))
def test_the_heart_lies_to_the_patients_left(seed: int) -> None:
    body = person(seed)
    row = np.abs(body.y - 1.2) < 0.05
    right_lung, left_lung = (body.lungs * row * (side * body.x > 0) for side in (-1, 1))
    assert right_lung.sum() > left_lung.sum()


def test_a_healthy_chest_gets_no_lesions() -> None:
    _, lesions = added("normal", 0)
    assert not lesions.any()


@pytest.mark.parametrize("class_name", ["covid", "tuberculosis"])
@pytest.mark.parametrize("seed", range(8))
def test_lesions_lie_in_the_lungs_and_can_be_seen(class_name: str, seed: int) -> None:
    body, lesions = added(class_name, seed)
    assert not lesions[body.lungs == 0].any()
    assert lesions.max() > 0.08


@pytest.mark.parametrize("seed", range(8))
def test_covid_is_bilateral_and_peripheral(seed: int) -> None:
    body, lesions = added("covid", seed)
    assert all(lesions[side * body.x > 0].max() > 0.05 for side in (-1, 1))
    assert np.average(np.abs(body.x), weights=lesions) > 0.6


@pytest.mark.parametrize("seed", range(8))
def test_tuberculosis_lies_higher_than_covid(seed: int) -> None:
    body, covid = added("covid", seed)
    _, tuberculosis = added("tuberculosis", seed)
    heights = [
        np.average(body.y, weights=np.clip(lesions, 0, None)) for lesions in (tuberculosis, covid)
    ]
    assert heights[0] < 0.75 < heights[1]


def test_a_ramp_rises_from_0_to_1() -> None:
    np.testing.assert_allclose(ramp(np.array([-9.0, -2, 0, 2, 9]), 2), [0, 0, 0.5, 1, 1])


def test_a_bump_is_1_at_0_and_ends_at_its_width() -> None:
    np.testing.assert_allclose(bump(np.array([-9.0, -2, 0, 2, 9]), 2), [0, 0, 1, 0, 0])
