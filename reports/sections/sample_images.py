"""A few of the images that the networks were tested on, as they saw them."""

from dataclasses import dataclass

import numpy as np

from lungbench.data.dataset import ImageSet
from lungbench.errors import DataError
from reports.drawings.thumbnails import Thumbnails
from reports.results.load import Results

MOST_OF_A_CLASS = 4
MOST_CLASSES = 8
MOST_BYTES = 50_000
"""What these pictures of all executions may take together, as they are written in a page."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture of a class.

    Attributes:
        picture: Its address in the page.
        alternative: What it shows, for who can't see it.
    """

    name: str
    picture: str
    alternative: str


def samples_of(execution: Results, room: int = MOST_BYTES) -> tuple[Sample, ...]:
    """Return the first test images of each class; none where the pixels are gone.

    Args:
        execution: Whose images they are.
        room: Bytes that they may take, as they are written in the page.
    """
    data, thumbnails = execution.data, Thumbnails.of(execution)
    if data is None or thumbnails is None:
        return ()
    try:
        tested = ImageSet.open(data, "test")
    except (DataError, KeyError):
        return ()
    found, left = [], room
    for label, name in enumerate(data.classes[:MOST_CLASSES]):
        of_class = tested.rows[np.asarray(tested.labels)[tested.rows] == label]
        for row in of_class[:MOST_OF_A_CLASS].tolist():
            path = data.paths[row]
            picture = thumbnails.data_uri(path)
            if picture and len(picture) <= left:
                left -= len(picture)
                found.append(Sample(name, picture, f"X-ray {path} of class {name}"))
    return tuple(found)
