"""Short measurements after a training, in its own process, on its own device.

Each answers what an epoch's time alone can't: how long its arithmetic takes without waiting for
images, how long its images take without arithmetic, and how fast the device can multiply at all.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from itertools import islice
from typing import Any

import keras
import numpy as np

from lungbench.record import Controls
from lungbench.training.pipelines import Feed

# Each leg takes a tenth of the training, within these bounds: long enough for several steps,
# short against a run of minutes.
_SHARE, _SHORTEST_S, _LONGEST_S = 0.1, 0.5, 5.0
_FEWEST_STEPS = 2
_MATMUL_S = 0.3

Devices = Sequence[str | None]


def controls(
    feed: Feed, steady_epoch_s: float, trained_s: float, devices: Devices = (None,)
) -> Controls:
    """Measure the parts of an epoch apart. The weights go on changing: save them before.

    Args:
        feed: What the training was given.
        steady_epoch_s: Its mean epoch, to choose how many steps fit.
        trained_s: How long it trained.
        devices: What trained together; None is the device that everything runs on anyway.
    """
    leg_s = min(max(_SHARE * trained_s, _SHORTEST_S), _LONGEST_S)
    steps = int(leg_s / (steady_epoch_s / feed.steps))
    steps = min(max(steps, _FEWEST_STEPS), feed.steps)
    per_epoch = feed.steps / steps
    return Controls(
        steps=steps,
        compute_s=_compute_s(feed, steps) * per_epoch,
        loader_s=_loader_s(feed, steps) * per_epoch,
        matmul_flops_per_s=matmul_flops_per_s(keras.config.dtype_policy().compute_dtype, devices),
    )


def _compute_s(feed: Feed, steps: int) -> float:
    """Train on one batch that is there already, again and again."""
    batch = feed.train[0]
    clock = _Clock()
    feed.network.fit(_Resident(batch, steps), epochs=1, verbose=0, shuffle=False, callbacks=[clock])
    return clock.seconds


def _loader_s(feed: Feed, steps: int) -> float:
    """Ask for batches and do nothing with them."""
    started = time.perf_counter()
    for index in range(steps):
        feed.train[index]
    return time.perf_counter() - started


class _Resident(keras.utils.PyDataset):  # type: ignore[misc]
    def __init__(self, batch: Any, steps: int) -> None:
        super().__init__()
        self._batch, self._steps = batch, steps

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, index: int) -> Any:
        return self._batch


class _Clock(keras.callbacks.Callback):  # type: ignore[misc]
    """Time one epoch, to the end of its last step on the device."""

    seconds = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - Keras's name
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - Keras's name
        finish(self.model)
        self.seconds = time.perf_counter() - self._began


def finish(network: keras.Model) -> None:
    """Wait until the device has done what was asked of it."""
    for value in network.get_metrics_result().values():
        float(value)


def matmul_flops_per_s(dtype: str, devices: Devices = (None,)) -> float:
    """Return the fastest square matrix product that the device does, in operations a second.

    Several devices multiply side by side, and count together. The size doubles until one product
    takes a hundredth of a second, so that neither the call nor the caches decide.
    """
    best = 0.0
    for size in (512, 1024, 2048, 4096, 8192, 16384):
        rate, once_s = _matmul_rate(size, dtype, devices)
        best = max(best, rate)
        if once_s > _MATMUL_S / 10:
            break
    return best


def _matmul_rate(size: int, dtype: str, devices: Devices) -> tuple[float, float]:
    ones = partial(keras.ops.ones, (size, size), dtype=dtype)
    squares = {device: _on(device, ones) for device in devices}

    def multiply() -> None:
        # A GPU is asked and works on; only reading a number back waits for it.
        asked = [_on(at, partial(keras.ops.matmul, each, each)) for at, each in squares.items()]
        for product in asked:
            np.asarray(keras.ops.cast(product[0, 0], "float32"))

    multiply()
    times = list(islice(_timed(multiply), 100))
    once_s = min(times)
    return len(devices) * 2 * size**3 / once_s, once_s


def _on(device: str | None, work: Callable[[], Any]) -> Any:
    """Do `work` on a device; operations don't follow their operands to another one."""
    with nullcontext() if device is None else keras.device(device):
        return work()


def _timed(call: Callable[[], None]) -> Iterator[float]:
    until = time.perf_counter() + _MATMUL_S
    while (began := time.perf_counter()) < until:
        call()
        yield time.perf_counter() - began
