"""The images that the networks got wrong while they were surest of themselves."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, product

from reports.comparing.cells import turn_text
from reports.comparing.evaluated import Evaluated
from reports.drawings.thumbnails import SIDE, Thumbnails
from reports.forms import format as fmt
from reports.forms.blocks import Table, table

MOST_OF_A_CELL = 6
MOST_BYTES = 100_000
"""What all pictures of a page may take together, as they are written in it."""

_READING = (
    f"Up to {MOST_OF_A_CELL} images of each cell that were diagnosed wrongly with the highest "
    "confidence, the probability of the wrong class; over all its runs, each image once. They are "
    "where to look for wrong labels, for images that show something else, and for what a network "
    "took for a disease."
)
_OF_PICTURES = (
    f" The pictures are what the networks saw, at most {SIDE} pixels wide: enough to find the "
    "file, too few to read. They are part of this page: share it only as you would share the "
    "images."
)
_NO_PICTURES = " There are no pictures, since the prepared images are no longer where they were."
_LEFT_OUT = " Pictures were left out of this page."

_TITLES = ("Network", "Device", "#Run", "Image", "True class", "Diagnosis", "#Confidence")


@dataclass(frozen=True, slots=True)
class WrongImage:
    """One image that was diagnosed wrongly.

    Attributes:
        path: As the prepared data has it.
        run: The one whose network was the surest.
        confidence: Of the wrong diagnosis, from 0 to 1.
        picture: Its address in the page; None without one.
    """

    path: str
    run: str
    true: str
    diagnosis: str
    confidence: float
    picture: str | None = None

    @property
    def sure(self) -> str:
        """The confidence, for readers."""
        return fmt.share(self.confidence)

    @property
    def alternative(self) -> str:
        """What the picture shows, for who can't see it."""
        return (
            f"X-ray {self.path}: true class {self.true}, diagnosed as {self.diagnosis} with a "
            f"confidence of {self.sure}"
        )


@dataclass(frozen=True, slots=True)
class WorstOfCell:
    """The worst of one cell, the surest first."""

    title: str
    network: str
    label: str
    images: tuple[WrongImage, ...]

    @property
    def pictured(self) -> tuple[WrongImage, ...]:
        """Those with a picture."""
        return tuple(image for image in self.images if image.picture)


@dataclass(frozen=True, slots=True)
class Worst:
    """What the page says of the worst diagnoses.

    Attributes:
        cells: Those with an error; none of them has a picture where the cache is gone.
        side: Width and height of the pictures, in the page's pixels.
    """

    reading: str
    cells: tuple[WorstOfCell, ...]
    table: Table
    side: int = SIDE

    @property
    def pictured(self) -> tuple[WorstOfCell, ...]:
        """The cells with pictures."""
        return tuple(cell for cell in self.cells if cell.pictured)


def worst(networks: Sequence[Evaluated], *, pictures: bool = True) -> Worst | None:
    """Find each cell's worst diagnoses; None where there is none, or no probability is known.

    Args:
        networks: All that were tested.
        pictures: Whether the images are shown.
    """
    known = [each for each in networks if each.diagnoses]
    groups = [list(runs) for _, runs in groupby(known, key=lambda each: each.cell.key)]
    found = [
        (cell, _thumbnails(runs) if pictures else None)
        for runs in groups
        if (cell := _of_cell(runs)).images
    ]
    if not found:
        return None
    cells = _illustrated(found)
    pictured = any(cell.pictured for cell in cells)
    said = _OF_PICTURES if pictured else _NO_PICTURES if pictures else _LEFT_OUT
    return Worst(_READING + said, cells, _table(cells))


def _of_cell(runs: Sequence[Evaluated]) -> WorstOfCell:
    cell = runs[0].cell
    surest: dict[str, WrongImage] = {}
    for image in sorted(_wrong(runs), key=lambda image: (-image.confidence, image.path)):
        surest.setdefault(image.path, image)
    images = tuple(surest.values())[:MOST_OF_A_CELL]
    return WorstOfCell(f"{cell.title} on {cell.label}", cell.title, cell.label, images)


def _wrong(runs: Sequence[Evaluated]) -> Iterator[WrongImage]:
    for each in runs:
        found = each.diagnoses
        if found is None or found.confidences is None:
            continue
        for at in (~found.right).nonzero()[0].tolist():
            yield WrongImage(
                path=found.paths[at],
                run=turn_text(each.run),
                true=found.classes[found.true[at]],
                diagnosis=found.classes[found.predicted[at]],
                confidence=float(found.confidences[at]),
            )


def _thumbnails(runs: Sequence[Evaluated]) -> Thumbnails | None:
    """Return the pictures that these runs were tested on, and no others."""
    found = Thumbnails.of(runs[0].execution)
    same = found and all(each.run.data.fingerprint == found.fingerprint for each in runs)
    return found if same else None


def _illustrated(found: Sequence[tuple[WorstOfCell, Thumbnails | None]]) -> tuple[WorstOfCell, ...]:
    """Add pictures as long as there is room: every cell's worst first, then the next ones."""
    cells, left = [list(cell.images) for cell, _ in found], MOST_BYTES
    for rank, number in product(range(MOST_OF_A_CELL), range(len(found))):
        images, thumbnails = cells[number], found[number][1]
        if rank < len(images) and thumbnails:
            picture = thumbnails.data_uri(images[rank].path)
            if picture and len(picture) <= left:
                images[rank] = replace(images[rank], picture=picture)
                left -= len(picture)
    return tuple(
        replace(cell, images=tuple(images)) for (cell, _), images in zip(found, cells, strict=True)
    )


def _table(cells: Sequence[WorstOfCell]) -> Table:
    rows = [
        (
            cell.network,
            cell.label,
            image.run,
            image.path,
            image.true,
            image.diagnosis,
            image.sure,
        )
        for cell in cells
        for image in cell.images
    ]
    return table("Wrong diagnoses of the highest confidence", _TITLES, rows)
