"""Keep a training's state on disk while it trains, and put it back where a training goes on."""

import errno
import os
import signal
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np

from lungbench.errors import TrainingFailed
from lungbench.record import Epoch
from lungbench.training.checkpoint import Arrays, Checkpoint, Header, write_checkpoint

# Writing may take a fiftieth of the time, and no more than ten minutes of work are at stake.
_SHARE, _LONGEST_S = 1 / 50, 600.0


class Stopped(Exception):
    """The training was asked to end; what it had done is in its checkpoint."""


class Progress(Protocol):
    """How far a training is."""

    epochs: list[Epoch]

    def pause(self, seconds: float) -> None:
        """Leave so much out of the present epoch's training time."""

    def epoch_s(self) -> float:
        """Return what the present epoch has trained so far, in seconds."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Where checkpoints go and what all of them say.

    Attributes:
        path: The file.
        header: Makes the header from the epochs, the batches and the seconds of the present
            epoch, and the seconds that this process's checkpoints have taken.
        clock: Seconds since this process was started.
    """

    path: Path
    header: Callable[[tuple[Epoch, ...], int, float, float], Header]
    clock: Callable[[], float]


class Keeper(keras.callbacks.Callback):  # type: ignore[misc]
    """Write a checkpoint whenever one is due, and where the training is asked to end.

    It stands behind the callback that writes epochs. JAX's state lives outside of the network
    within an epoch, so there its checkpoints are between epochs only.

    Args:
        kept: Where they go.
        progress: How far the training is.
        steps: Batches of a whole epoch.
        resumed: What it goes on from.
    """

    def __init__(
        self, kept: Kept, progress: Progress, steps: int, resumed: Checkpoint | None = None
    ) -> None:
        super().__init__()
        self._kept, self._progress, self._steps, self._resumed = kept, progress, steps, resumed
        self._stop = threading.Event()
        self._batches = self._first = resumed.header.batches if resumed else 0
        self._within_epochs = keras.backend.backend() != "jax"
        self._written_s, self._cost_s, self.spent_s = kept.clock(), 0.0, 0.0

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002 - Keras's name
        """Let the first TERM end the training in order; a second one ends the process at once."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._asked)

    def on_train_end(self, logs: Any = None) -> None:  # noqa: ARG002 - Keras's name
        """From here on a TERM ends the process: what comes next is done again in seconds."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - Keras's name
        """Go on inside the epoch in which the checkpoint was written."""
        self._batches = self._first
        if self._first and self._resumed:
            put_back(self._resumed.arrays, {"metrics": self.model.metrics_variables})
        self._first = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002 - Keras's
        """Write where an epoch is long, or where the training is asked to end."""
        self._batches += 1
        if self._batches == self._steps:
            return  # the epoch ends with its validation
        if self._within_epochs and (self._stop.is_set() or self._age_s() >= self._patience_s()):
            self._write(self._batches, self._progress.epoch_s())
        if self._stop.is_set():
            raise Stopped

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - Keras's name
        """Write between epochs, as often as that costs little."""
        self._batches = 0
        if self._stop.is_set() or self._age_s() >= self._cost_s / _SHARE:
            self._write(0, 0.0)
        if self._stop.is_set():
            raise Stopped

    def _asked(self, number: int, frame: Any) -> None:  # noqa: ARG002 - signal's signature
        self._stop.set()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _age_s(self) -> float:
        return self._kept.clock() - self._written_s

    def _patience_s(self) -> float:
        return max(_LONGEST_S, self._cost_s / _SHARE)

    def _write(self, batches: int, epoch_s: float) -> None:
        began_s = self._kept.clock()
        epochs = tuple(self._progress.epochs)
        header = self._kept.header(epochs, batches, epoch_s, self.spent_s)
        arrays = state_of(_parts(self.model))
        try:
            write_checkpoint(self._kept.path, header, arrays)
        except OSError as error:
            size = sum(array.nbytes for array in arrays.values())
            raise _unwritable(error, self._kept.path, size) from None
        self._written_s = self._kept.clock()
        self._cost_s = self._written_s - began_s
        self.spent_s += self._cost_s
        self._progress.pause(self._cost_s)


def resume(network: keras.Model, checkpoint: Checkpoint) -> None:
    """Put a compiled network and its optimizer into the state of a checkpoint.

    Raises:
        TrainingFailed: The checkpoint is of another network.
    """
    network.optimizer.build(network.trainable_variables)
    parts = _parts(network)
    del parts["metrics"]  # Keras begins each epoch by resetting them; see `Keeper.on_epoch_begin`
    put_back(checkpoint.arrays, parts)
    nothing = keras.ops.zeros((1, *network.output_shape[1:]))
    for metric in network.metrics:
        # Keras builds those of `compile` with the first batch, too late for their values.
        if not getattr(metric, "built", True):
            metric.build(nothing, nothing)


def _parts(network: keras.Model) -> dict[str, list[Any]]:
    return {
        "network": network.variables,  # with the seed generators' states
        "optimizer": network.optimizer.variables,
        "metrics": network.metrics_variables,
    }


def state_of(parts: Mapping[str, Iterable[Any]]) -> Arrays:
    """Return the values of variables, by the name of their part and their place in it."""
    return {
        f"{part}/{number}": np.asarray(keras.ops.convert_to_numpy(variable))
        for part, variables in parts.items()
        for number, variable in enumerate(variables)
    }


def put_back(arrays: Arrays, parts: Mapping[str, Iterable[Any]]) -> None:
    """Give variables the values that `state_of` took from them.

    Raises:
        TrainingFailed: There are others, or they have other shapes.
    """
    for part, variables in parts.items():
        wanted = {f"{part}/{number}": each for number, each in enumerate(variables)}
        found = {name for name in arrays if name.startswith(f"{part}/")}
        if found != wanted.keys():
            raise _another_network(part, len(found), len(wanted))
        for name, variable in wanted.items():
            if arrays[name].shape != tuple(variable.shape):
                raise _another_network(name, arrays[name].shape, tuple(variable.shape))
            variable.assign(arrays[name])


def _unwritable(error: OSError, path: Path, size: int) -> TrainingFailed:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    received = f"{_room(path.parent)} in {path.parent}" if full else error.strerror
    return TrainingFailed(
        "disk_full" if full else "error",
        f"A checkpoint of {size / 1e6:.1f} MB must be written; the one before is kept.",
        received=received,
    )


def _room(folder: Path) -> str:
    """Say what is left of a disk; one with room may be out of inodes."""
    disk = os.statvfs(folder)
    inodes = " and no inode" if disk.f_files and not disk.f_favail else ""
    return f"{disk.f_bavail * disk.f_frsize / 1e6:.1f} MB{inodes} free"


def _another_network(where: str, found: object, wanted: object) -> TrainingFailed:
    return TrainingFailed(
        "error",
        "A checkpoint must be of the network that goes on from it.",
        received=f"{where}: {found} in the checkpoint, {wanted} in the network",
    )
