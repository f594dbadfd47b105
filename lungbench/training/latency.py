"""How long a trained network takes to diagnose an image: one at a time, and many at once.

A training's speed says little about it: one image keeps no GPU busy, and a lab that waits for one
diagnosis waits for a call, not for an epoch. The call is the one that a prediction makes: pixels
in, probabilities back in memory, which no device can answer before it has finished.
"""

import math
import time
from collections.abc import Iterator
from itertools import islice
from statistics import median, quantiles

import keras
import numpy as np
import psutil
from numpy.typing import NDArray

from lungbench.reasons import reason_of
from lungbench.record import Latency
from lungbench.resources.cgroup import memory_limit_bytes

MANY = 64
"""Images of the larger batch, as many as the paper trains with at once."""

# Calls of one batch size go on for so long and are at most so many; one is always made.
_LONGEST_S, _MOST_CALLS = 1.0, 200
_FEWEST_FOR_SPREAD = 4

# Of a network's largest activation a few lie in memory at once: the layer's input and output, what
# its kernel unfolds, and what the framework has not given back yet. With the networks here the
# process grew by up to four of them.
_LARGEST_AT_ONCE, _BYTES = 4, 4
_SHARE_OF_FREE = 0.5


def latency(
    network: keras.Model, pixels: NDArray[np.uint8], free_bytes: int | None = None
) -> Latency:
    """Time a network on images that are in memory, after calls that compile it.

    Args:
        network: From raw pixels to probabilities. With several replicas the first one answers.
        pixels: One image or more, image x row x column; they are repeated to fill a batch.
        free_bytes: What a batch finds room in; None leaves it to the device to refuse one.
    """
    alone = keras.Model(network.input, network.output)
    # As the network was trained; see `fit.compile_for`.
    alone.compile(jit_compile=keras.backend.backend() == "jax")
    one = _Calls.of(alone, pixels, 1)
    single = Latency(
        batch_1_s=one.per_image_s, batch_1_repeats=one.repeats, batch_1_spread=one.spread
    )
    wanted = batch_bytes(network, MANY)
    if free_bytes is not None and wanted > _SHARE_OF_FREE * free_bytes:
        return _without_many(single, f"{wanted / 2**30:.1f} GiB are too much here")
    try:
        many = _Calls.of(alone, pixels, MANY)
    except Exception as error:  # each backend has its own for want of memory
        reason = reason_of(error)
        if reason.kind != "out_of_memory":
            raise
        return _without_many(single, reason.message)
    return single.model_copy(
        update={
            "batch_64_s": many.per_image_s,
            "batch_64_repeats": many.repeats,
            "batch_64_spread": many.spread,
        }
    )


class _Calls:
    """The times of repeated calls with one batch size, in seconds."""

    def __init__(self, times_s: list[float], batch: int) -> None:
        self._times_s, self._batch = times_s, batch

    @classmethod
    def of(cls, network: keras.Model, pixels: NDArray[np.uint8], batch: int) -> "_Calls":
        """Call a network again and again, after one call that compiles it for this batch."""
        images = np.resize(pixels, (batch, *pixels.shape[1:]))[..., np.newaxis]
        network.predict_on_batch(images)
        return cls(list(islice(_timed(network, images), _MOST_CALLS)), batch)

    @property
    def per_image_s(self) -> float:
        return median(self._times_s) / self._batch

    @property
    def repeats(self) -> int:
        return len(self._times_s)

    @property
    def spread(self) -> float | None:
        if self.repeats < _FEWEST_FOR_SPREAD:
            return None
        low, middle, high = quantiles(self._times_s, n=4, method="inclusive")
        return (high - low) / middle


def _timed(network: keras.Model, images: NDArray[np.uint8]) -> Iterator[float]:
    until = time.perf_counter() + _LONGEST_S
    while True:
        began = time.perf_counter()
        network.predict_on_batch(images)
        ended = time.perf_counter()
        yield ended - began
        if ended >= until:
            return


def batch_bytes(network: keras.Model, batch: int) -> int:
    """Return the memory that a batch may take on its way through a network, roughly."""
    outputs = (each for layer in network.layers for each in keras.tree.flatten(layer.output))
    largest: int = max(math.prod(each.shape[1:]) for each in outputs)
    return batch * largest * _BYTES * _LARGEST_AT_ONCE


def free_bytes() -> int:
    """Return the memory that this process may still take, by the host and its control group."""
    free: int = psutil.virtual_memory().available
    own: int = psutil.Process().memory_info().rss
    limit = memory_limit_bytes()
    return free if limit is None else min(free, max(limit - own, 0))


def _without_many(measured: Latency, why: str) -> Latency:
    missing = f"{MANY} images at once found no room: {why}"
    return measured.model_copy(update={"missing": missing})
