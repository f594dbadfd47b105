"""One training on several GPUs: each holds a replica of the network and takes its part of a batch.

`gpu:all` is TensorFlow's `MirroredStrategy`. The experiment's batch size stays that of the whole
batch, so that a step does the same work as on one device. Keras leaves three things to do, each
measured in `docs/decisions.md`: batches that don't divide evenly, images that weigh more on a
replica that got fewer of them, and random numbers that every replica draws alike.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from lungbench.device import Device
from lungbench.training.pipelines import Feed

Strategy = Any  # tf.distribute.Strategy
Logs = dict[str, Any]
Callbacks = Sequence[keras.callbacks.Callback]

# Repeats have seeds that lie close together; a prime step keeps every replica's apart from them.
_SEED_STEP = 1_000_003


@dataclass(frozen=True, slots=True)
class Replicas:
    """Where a network is built, and how its batches are shared.

    Attributes:
        strategy: What shares them; None trains on the one device there is.
    """

    strategy: Strategy = None

    @property
    def count(self) -> int:
        """How many devices train together."""
        return int(self.strategy.num_replicas_in_sync) if self.strategy else 1

    @property
    def devices(self) -> tuple[str | None, ...]:
        """TensorFlow's names of the devices; None is the one that everything runs on anyway."""
        return tuple(self.strategy.extended.worker_devices) if self.strategy else (None,)

    def scope(self) -> AbstractContextManager[Any]:
        """Return the context in which a network is built and compiled."""
        return nullcontext() if self.strategy is None else self.strategy.scope()

    def share(self, feed: Feed) -> Feed:
        """Return the feed whose batches are shared; to be called in the scope."""
        if self.strategy is None:
            return feed
        return replace(
            feed,
            network=Mirrored(feed.network.input, feed.network.output, name=feed.network.name),
            train=Even(feed.train, self.count),
            validation=Even(feed.validation, self.count),
        )

    def draw_apart(self, network: keras.Model) -> None:
        """Give each replica random numbers of its own; Keras starts all of them from one seed.

        To be called once the network has the state that it trains from.
        """
        seeds = [each for each in network.variables if each.name == "seed_generator_state"]
        for seed in seeds if self.strategy else ():
            for number, own in enumerate(seed.value.values):
                own.assign_add([number * _SEED_STEP, 0])

    def predict(
        self, network: keras.Model, batches: Any, callbacks: Callbacks = ()
    ) -> NDArray[Any]:
        """Return the outputs for every image once, in the order of the batches.

        With several replicas the first one does it alone: that needs no padding, and test images
        are few beside the epochs'.
        """
        if self.strategy is None:
            return np.asarray(network.predict(batches, verbose=0, callbacks=list(callbacks)))
        alone = keras.Model(network.input, network.output)
        alone.compile(jit_compile=False)
        return np.asarray(alone.predict(batches, verbose=0, callbacks=list(callbacks)))


def replicas_of(device: Device) -> Replicas:
    """Return the replicas of a run: one on each GPU for `gpu:all`, else a single one.

    One GPU needs no strategy: `gpu:all` is then what `gpu:0` is.
    """
    if not device.is_all_gpus:
        return Replicas()
    import tensorflow as tf

    several = len(tf.config.list_logical_devices("GPU")) > 1
    return Replicas(tf.distribute.MirroredStrategy() if several else None)


class Even(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of which every replica gets equally many images, with each image's weight.

    A batch that doesn't divide is filled up with copies of its first images, whose weight is 0.
    The weights of the others are 1 / their number: they sum to 1 over the replicas.

    Args:
        batches: What is filled up.
        replicas: What the number of images must be divisible by.
    """

    def __init__(self, batches: Any, replicas: int) -> None:
        super().__init__()
        self._batches, self._replicas = batches, replicas

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> tuple[Any, NDArray[Any], NDArray[Any]]:
        images, labels = self._batches[index]
        count, missing = len(labels), -len(labels) % self._replicas
        if missing:
            places = np.arange(count + missing) % count
            images, labels = keras.tree.map_structure(lambda part: part[places], (images, labels))
        weights = np.repeat(np.array([1 / count, 0], dtype="float32"), [count, missing])
        return images, labels, weights


class Mirrored(keras.Model):  # type: ignore[misc]
    """A network that `Even` batches train, each image with the same weight on every replica.

    Keras takes the mean of each replica and the mean of these. Here a replica's loss is its share
    of the batch's mean, so that loss, gradients and metrics are those of one device.
    """

    def train_step(self, data: Any) -> Logs:
        """Take one step; runs on each replica with its part of the batch."""
        import tensorflow as tf

        images, labels, weights = data
        with tf.GradientTape() as tape:
            probabilities = self(images, training=True)
            losses = self._loss_of(labels, probabilities)
            share = self.optimizer.scale_loss(tf.reduce_sum(losses * weights))
        gradients = tape.gradient(share, self.trainable_variables)
        if isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer):
            gradients = _overflowing_together(gradients)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return self._measured(labels, probabilities, losses, weights)

    def test_step(self, data: Any) -> Logs:
        """Measure one batch; runs on each replica with its part of the batch."""
        images, labels, weights = data
        probabilities = self(images, training=False)
        losses = self._loss_of(labels, probabilities)
        return self._measured(labels, probabilities, losses, weights)

    def _loss_of(self, labels: Any, probabilities: Any) -> Any:
        # What layers add of their own comes once in a batch; the weights of its images sum to 1.
        return keras.losses.get(self.loss)(labels, probabilities) + sum(self.losses)

    def _measured(self, labels: Any, probabilities: Any, losses: Any, weights: Any) -> Logs:
        counted = keras.ops.cast(weights > 0, "float32")
        self._loss_tracker.update_state(losses, sample_weight=counted)
        logs: Logs = self.compute_metrics(None, labels, probabilities, sample_weight=counted)
        return logs


def _overflowing_together(gradients: list[Any]) -> list[Any]:
    """Make gradients of float16 overflow on every replica where they do on one.

    Keras's loss scaling skips a step by what the first replica's gradients look like.
    """
    import tensorflow as tf

    spoilt = tf.add_n([tf.reduce_sum(gradient * 0) for gradient in gradients])  # 0, or not a number
    spoilt = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, spoilt)
    return [gradient + spoilt for gradient in gradients]
