"""How much arithmetic a network asks for, counted from its layers as built.

One multiplication with its addition counts as two floating-point operations. Counted are
convolutions and dense layers; normalisation, pooling and activations are left out, which are
below 1 % in the networks here (`tests/lungbench/training/test_work.py` compares with TensorFlow's
count).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keras import layers


@dataclass(frozen=True, slots=True)
class Work:
    """Floating-point operations for one image.

    Attributes:
        forward_flops: To diagnose it.
        training_flops: To train on it once: forward, and backward through what is trained.
    """

    forward_flops: int
    training_flops: int


def work_of(network: Any) -> Work:
    """Count the arithmetic of a network.

    Backward, a layer that is trained needs its forward count for the gradient of its weights, and
    again for that of its input where something before it is trained. Frozen layers in front of
    the first trained one need nothing.
    """
    forward = training = 0
    something_trained = False
    for layer in network.layers:
        count = _forward_flops(layer)
        trained = bool(layer.trainable_weights)
        forward += count
        training += count * (1 + trained + something_trained)
        something_trained = something_trained or trained
    return Work(forward, training)


def _forward_flops(layer: Any) -> int:
    if isinstance(layer, layers.DepthwiseConv2D):
        return 2 * _size(layer.kernel.shape[:2]) * _size(layer.output.shape[1:])
    if isinstance(layer, layers.Conv2D):
        return 2 * _size(layer.kernel.shape[:3]) * _size(layer.output.shape[1:])
    if isinstance(layer, layers.Dense):
        return 2 * _size(layer.kernel.shape)
    return 0


def _size(shape: Sequence[int]) -> int:
    return math.prod(shape)
