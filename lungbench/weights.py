"""Pretrained weights are on this machine before any training starts, or nothing starts.

The training child loads them with Keras's own code; this room only makes sure that it will find
them. It imports no framework: a download runs in a process of its own.
"""

import os
import subprocess
import sys
from pathlib import Path

from lungbench.errors import WeightsUnavailable
from lungbench.experiment import Experiment
from lungbench.models import MODELS


def keras_models_folder() -> Path:
    """Return where Keras keeps downloaded weights."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "models"


def missing_weights(experiment: Experiment) -> tuple[str, ...]:
    """Return the models whose ImageNet weights are asked for and not on this machine."""
    return tuple(
        name
        for name in experiment.matrix.models
        if experiment.train.weights_of(name) == "imagenet" and not _file(name).is_file()
    )


def ensure_weights(experiment: Experiment) -> None:
    """Make every file of weights that the experiment needs available.

    Raises:
        WeightsUnavailable: A file that was named isn't there, or a download failed.
    """
    for name in experiment.matrix.models:
        weights = experiment.train.weights_of(name)
        if weights not in ("none", "imagenet") and not Path(weights).is_file():
            raise WeightsUnavailable(
                f"The weights of {name} must be a file.",
                received=weights,
                expected='"imagenet", "none" or the path of a file of weights without the top',
            )
    for name in missing_weights(experiment):
        _download(name)


def _file(name: str) -> Path:
    return keras_models_folder() / (MODELS[name].weights_file or "")


def _download(name: str) -> None:
    """Let Keras fetch one file, in a process that ends with it."""
    try:
        subprocess.run(
            [sys.executable, "-m", "lungbench.models.fetch", name],
            check=True,
            capture_output=True,
            timeout=1800,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        raise WeightsUnavailable(
            f"The ImageNet weights of {name} could not be downloaded.",
            received=f"no answer from {MODELS[name].weights_url}",
            hint=f'put that file by hand at {_file(name)}, or set train.weights = "none".',
        ) from None
