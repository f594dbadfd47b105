"""Load a network that was looked through, check what came of it, and diagnose with it.

Keras's `safe_mode` is the second wall, behind `lungbench.predict.config`; it is never off.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from lungbench.errors import Refused
from lungbench.job import MODEL_FILE
from lungbench.models.network import GreyToRgb
from lungbench.predict.archive import brief
from lungbench.predict.gradcam import Explained
from lungbench.predict.job import MAX_CLASSES, PIXELS_FILE, Answer, PredictJob
from lungbench.predict.weights import stored_weights

# Images of the paper's size that are diagnosed at once; VGG16's first layers take 0.8 GB for 32.
_BATCH, _USUAL_SIZE = 32, 224

_SUM_TOLERANCE = 1e-3  # bfloat16 has 8 bits; softmax itself is computed in float32

_OWN_LAYERS = {"lungbench>GreyToRgb": GreyToRgb}


def answer_to(job: PredictJob, folder: Path) -> Answer:
    """Return the probability of each class for each image of a job, and where it was seen.

    Raises:
        Refused: The model isn't one that diagnoses the job's images, or explains itself.
    """
    network = load_checked(folder / MODEL_FILE, job.image_size)
    pixels = np.load(folder / PIXELS_FILE, mmap_mode="r", allow_pickle=False)
    with _blaming_the_model("explain"):
        explained = Explained.of(network) if job.explain else None
    scores: list[NDArray[np.float32]] = []
    heat: list[NDArray[np.float32]] = []
    for rows in _batches(job):
        batch = pixels[list(rows)]
        scores.extend(predicted(network, batch))
        if explained:
            with _blaming_the_model("explain"):
                heat.extend(explained.heat(batch, np.argmax(scores[-len(rows) :], axis=1)))
    return Answer.model_validate(
        {
            "probabilities": [each.tolist() for each in scores],
            "heat": [np.round(each.astype(float), 4).tolist() for each in heat],
        }
    )


def load_checked(path: Path, image_size: int) -> keras.Model:
    """Load a model file and compare it with what its description promised.

    Raises:
        Refused: It can't be loaded, or isn't as it should be.
    """
    stored = stored_weights(path)
    with _blaming_the_model("load"):
        network = keras.saving.load_model(
            path, custom_objects=_OWN_LAYERS, compile=False, safe_mode=True
        )
    _check_ends(network, image_size)
    _check_weights(network, stored)
    return network


def predicted(network: keras.Model, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Diagnose one batch: image x row x column to image x class.

    Raises:
        Refused: What comes out are no probabilities.
    """
    with _blaming_the_model("run"):
        scores = np.asarray(network.predict_on_batch(pixels[..., np.newaxis]), dtype=np.float32)
    sums = scores.sum(axis=1)
    if not (np.isfinite(scores).all() and (scores >= 0).all()):
        raise _no_probabilities("negative ones, or none that are numbers")
    if (abs(sums - 1) > _SUM_TOLERANCE).any():
        raise _no_probabilities(f"rows that add up to {sums.min():.4g} and {sums.max():.4g}")
    return scores


def _batches(job: PredictJob) -> Iterator[tuple[int, ...]]:
    size = max(1, math.floor(_BATCH * min(1.0, (_USUAL_SIZE / job.image_size) ** 2)))
    for first in range(0, len(job.rows), size):
        yield job.rows[first : first + size]


def _check_ends(network: Any, image_size: int) -> None:
    wanted = (None, image_size, image_size, 1)
    inputs = [tuple(each.shape) for each in network.inputs or ()]
    if inputs != [wanted]:
        raise Refused("A model must take one grey image.", received=inputs, expected=f"[{wanted}]")
    match [tuple(each.shape) for each in network.outputs or ()]:
        case [(None, int(classes))] if 2 <= classes <= MAX_CLASSES:  # noqa: PLR2004
            pass
        case outputs:
            raise Refused(
                "A model must give the probability of each class.",
                received=f"outputs of shape {outputs}",
                expected=f"one of shape (None, n), n from 2 to {MAX_CLASSES}",
            )


def _check_weights(network: Any, stored: dict[str, int]) -> None:
    variables = network.weights  # what is stored; seeds of a dropout, for one, are not
    values = sum(math.prod(each.shape) for each in variables)
    if (len(stored), sum(stored.values())) != (len(variables), values):
        raise Refused(
            "A model file must hold the weights of its network, all of them and no others.",
            received=f"{len(stored)} arrays of {sum(stored.values()):,} numbers",
            expected=f"{len(variables)} of {values:,}",
        )
    for variable in variables:
        if not np.isfinite(keras.ops.convert_to_numpy(variable)).all():
            raise Refused("Every weight must be a finite number.", received=brief(variable.path))


@contextmanager
def _blaming_the_model(task: str) -> Iterator[None]:
    """Refuse a model with which Keras can't do something; memory is for the parent to judge."""
    try:
        yield
    except (MemoryError, Refused):
        raise
    except Exception as error:  # a description can be wrong in any way
        if "ResourceExhausted" in type(error).__name__:
            raise
        first_line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise Refused(
            f"Keras must be able to {task} the model.", received=brief(first_line)
        ) from None


def _no_probabilities(received: str) -> Refused:
    return Refused("A model must give probabilities.", received=received)
