"""Drawn chest X-rays: a data set that needs no download, no licence and no patients.

They are phantoms, for trying the benchmark and for comparing machines; what a network learns from
them says nothing about real radiographs. Image k of a class depends on the seed, the class and k
alone, so that a larger set begins with the smaller one.
"""

from pathlib import Path

import numpy as np

from lungbench.data.anatomy import Anatomy, Field, chest
from lungbench.data.film import Film, save
from lungbench.data.index import Progress
from lungbench.data.lesions import LESIONS
from lungbench.data.staging import new_folder, writing
from lungbench.errors import DataError

SYNTHETIC_VERSION = 1
"""Changes whenever the same seed would draw other pixels."""

SYNTHETIC_CLASSES = tuple(LESIONS)


def synthesize(folder: Path, per_class: int, seed: int, progress: Progress | None = None) -> None:
    """Draw chest X-rays into `folder/<class>/`, as ordinary image files of several formats.

    Args:
        folder: Absent or empty; it appears when it is whole.
        per_class: Images of each class.
        seed: Another seed, other people.
        progress: Told how many images are drawn.

    Raises:
        DataError: The folder holds something.
        Refused: The folder can't be written, or the disk is full.
    """
    with writing(folder):
        _check_empty(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with new_folder(folder) as temporary:
            _draw_all(temporary, per_class, seed, progress)


def draw(class_name: str, number: int, seed: int) -> tuple[Field, Film]:
    """Draw one X-ray.

    Args:
        class_name: One of `SYNTHETIC_CLASSES`.
        number: Which of the class's images, from 0.
        seed: Of the whole set.

    Returns:
        Its greys, 0 to 1, row x column, and how it was taken.
    """
    label = SYNTHETIC_CLASSES.index(class_name)
    seeds = np.random.SeedSequence((seed, label, number)).spawn(3)
    person, disease, exposure = (np.random.Generator(np.random.PCG64(child)) for child in seeds)
    film = Film.drawn(exposure)
    body = chest(Anatomy.drawn(person), *film.body_coordinates())
    density = body.density + LESIONS[class_name](body, disease)
    return film.develop(density, exposure), film


def _check_empty(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(
            "Drawn X-rays go into a new or an empty folder.",
            received=f"{folder}, which exists",
            hint="Name another folder, or empty that one.",
        )


def _draw_all(folder: Path, per_class: int, seed: int, progress: Progress | None) -> None:
    for label, name in enumerate(SYNTHETIC_CLASSES):
        (folder / name).mkdir()
        for number in range(per_class):
            grey, film = draw(name, number, seed)
            save(grey, folder / name, f"{name}_{number:05d}", film.stored_as)
            if progress:
                progress(label * per_class + number + 1, len(SYNTHETIC_CLASSES) * per_class)
