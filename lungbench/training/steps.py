"""The work of a probing child: a network as a training builds it, and a few of its steps, timed."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import keras

from lungbench.data.dataset import PreparedData
from lungbench.job import Job
from lungbench.training.fit import compile_for, network_of, seen_device
from lungbench.training.pipelines import feed_of
from lungbench.training.probe import finish
from lungbench.training.replicas import replicas_of
from lungbench.training.step_times import StepTimes

Clock = Callable[[], float]


def time_steps(job: Job, folder: Path, clock: Clock) -> StepTimes:
    """Build a run's network, train for an epoch of a few steps, and validate.

    Args:
        job: What to train, on images of a few steps.
        folder: Where the pipeline may put files.
        clock: Seconds since this process was started.

    Raises:
        DeviceUnavailable: The backend sees other processors than the device asked for.
    """
    spec = job.spec
    seen_device(spec)
    data = PreparedData.read(job.data)
    startup_s = clock()
    keras.utils.set_random_seed(spec.seed)
    keras.config.set_dtype_policy(spec.precision)
    replicas = replicas_of(spec.device)
    with replicas.scope():
        feed = replicas.share(feed_of(spec, data, network_of(spec, len(data.classes)), folder))
        compile_for(spec, feed.network)
    build_s = clock() - startup_s
    trained, validated = _StepClock(clock), _StepClock(clock)
    feed.network.fit(feed.train, epochs=1, verbose=0, shuffle=False, callbacks=[trained])
    feed.network.evaluate(feed.validation, verbose=0, callbacks=[validated])
    first_step_s, *step_s = trained.step_s
    first_validation_step_s, *validation_step_s = validated.step_s
    return StepTimes(
        startup_s=startup_s,
        build_s=build_s,
        first_step_s=first_step_s,
        step_s=tuple(step_s),
        first_validation_step_s=first_validation_step_s,
        validation_step_s=tuple(validation_step_s),
    )


class _StepClock(keras.callbacks.Callback):  # type: ignore[misc]
    """Note when each step has ended on the device; the images it waited for count."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._moments: list[float] = []

    @property
    def step_s(self) -> list[float]:
        """How long each step took."""
        return [after - before for before, after in pairwise(self._moments)]

    def begin(self, logs: Any = None) -> None:  # noqa: ARG002 - Keras's signature
        """Start the clock."""
        self._moments.append(self._clock())

    def end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002 - Keras's signature
        """Note the end of a step."""
        finish(self.model)
        self._moments.append(self._clock())

    on_train_begin = on_test_begin = begin
    on_train_batch_end = on_test_batch_end = end
