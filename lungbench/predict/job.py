"""What parent and child of a prediction tell each other: files in a private folder, no pickles.

The parent writes the model, the pixels and `job.json`, and starts `python -m
lungbench.predict.child FOLDER`; the child writes `answer.json`, whatever happened. The parent
takes nothing in it for granted.
"""

from typing import Annotated

from pydantic import Field

from lungbench.frozen import Frozen

JOB_FILE = "job.json"
PIXELS_FILE = "pixels.npy"
ANSWER_FILE = "answer.json"
LOG_FILE = "log.txt"

MAX_CLASSES = 1000
"""As many as ImageNet has."""


MAX_HEAT_SIDE = 64
"""Rows and columns of a heat map; larger ones are thinned out."""

HeatMap = tuple[tuple[Annotated[float, Field(ge=0, le=1)], ...], ...]


class PredictJob(Frozen):
    """What the child is asked to do.

    Attributes:
        image_size: Height and width of the pixels, image x row x column, uint8.
        rows: The images to diagnose, by position; of the others nothing could be decoded.
        memory_bytes: What loading and predicting may take, beyond what the framework took.
        cpu_s: Processor time that the whole may take, in seconds.
        explain: Whether it is asked where in the images the network sees its diagnoses.
    """

    image_size: int
    rows: tuple[int, ...]
    memory_bytes: int
    cpu_s: int
    explain: bool = False


class Answer(Frozen):
    """What the child says.

    Attributes:
        refusal: Why there is no result, in one line; None where there is one.
        probabilities: Of each class, one row an image of the job.
        heat: Where it saw them, row x column from 0 to 1, one an image if that was asked.
        open_to: What the kernel could not keep the child from.
    """

    refusal: str | None = Field(None, max_length=2000)
    probabilities: tuple[tuple[float, ...], ...] = ()
    heat: tuple[HeatMap, ...] = ()
    open_to: tuple[str, ...] = ()
