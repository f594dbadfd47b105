"""The arithmetic counted from the layers, against TensorFlow's own count and by hand."""

import os
from typing import Any

import pytest

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
keras = pytest.importorskip("keras")

from lungbench.models import model_names  # noqa: E402 - after the backend is fixed
from lungbench.models.network import build_network  # noqa: E402
from lungbench.training.work import work_of  # noqa: E402


def build(name: str, size: int = 96) -> Any:
    return build_network(name, image_size=size, classes=3, weights="none")


@pytest.mark.parametrize("name", model_names())
def test_the_forward_count_agrees_with_tensorflows(name: str) -> None:
    import tensorflow as tf

    network = build(name)
    call = tf.function(lambda image: network(image, training=False))
    graph = call.get_concrete_function(tf.TensorSpec((1, 96, 96, 1), tf.uint8)).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    theirs = tf.compat.v1.profiler.profile(graph, options=options).total_float_ops
    # Theirs counts biases, normalisation and pooling too, which ours leaves out: 5 % at most in
    # MobileNetV2, whose convolutions are the cheapest.
    assert work_of(network).forward_flops == pytest.approx(theirs, rel=0.05)
    assert work_of(network).forward_flops <= theirs


def test_cnn10_costs_what_its_layers_say() -> None:
    # By hand at 32 px: pixels x kernel x filters for each convolution, inputs x outputs for each
    # dense layer, and two operations for each product with its sum.
    first = 32 * 32 * (4 * 4 * 3) * 32
    second = 32 * 32 * (3 * 3 * 32) * 64
    third = 16 * 16 * (2 * 2 * 64) * 128
    dense = 8 * 8 * 128 * 128 + 128 * 64 + 64 * 3
    work = work_of(build("cnn10", size=32))
    assert work.forward_flops == 2 * (first + second + third + dense)
    # Backward: all layers twice, but the first one needs no gradient of the images.
    assert work.training_flops == 3 * work.forward_flops - 2 * first


def test_a_frozen_base_is_only_run_forward() -> None:
    network = build("vgg16")
    work = work_of(network)
    features = 3 * 3 * 512
    first, later = features * 128, 128 * 64 + 64 * 32 + 32 * 3
    assert work.training_flops - work.forward_flops == 2 * (first + 2 * later)
