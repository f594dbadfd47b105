"""What parent and child of a prediction tell each other: files in a private folder, no pickles.

The parent writes the model, the pixels and `job.json`, and starts `python -m
lungbench.predict.child FOLDER`; the child writes `answer.json`, whatever happened. The parent
takes nothing in it for granted.
"""

from pydantic import Field

from lungbench.frozen import Frozen

JOB_FILE = "job.json"
PIXELS_FILE = "pixels.npy"
ANSWER_FILE = "answer.json"
LOG_FILE = "log.txt"

MAX_CLASSES = 1000
"""As many as ImageNet has."""


class PredictJob(Frozen):
    """What the child is asked to do.

    Attributes:
        image_size: Height and width of the pixels, image x row x column, uint8.
        rows: The images to diagnose, by position; of the others nothing could be decoded.
        memory_bytes: What loading and predicting may take, beyond what the framework took.
        cpu_s: Processor time that the whole may take, in seconds.
    """

    image_size: int
    rows: tuple[int, ...]
    memory_bytes: int
    cpu_s: int


class Answer(Frozen):
    """What the child says.

    Attributes:
        refusal: Why there is no result, in one line; None where there is one.
        probabilities: Of each class, one row an image of the job.
        open_to: What the kernel could not keep the child from.
    """

    refusal: str | None = Field(None, max_length=2000)
    probabilities: tuple[tuple[float, ...], ...] = ()
    open_to: tuple[str, ...] = ()
