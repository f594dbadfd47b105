"""The time of a diagnosis: what is called, how often, and what is made of it."""

import os
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

from lungbench.models.network import build_network
from lungbench.training import latency as timed
from lungbench.training.latency import MANY, batch_bytes, free_bytes, latency

SIZE = 16
PIXELS = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE), dtype=np.uint8)


@pytest.fixture(scope="module")
def network() -> Any:
    return build_network("cnn10", image_size=SIZE, classes=3, weights="none")


@pytest.fixture
def briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timed, "_LONGEST_S", 0.05)


@pytest.mark.usefixtures("briefly")
def test_both_batches_are_timed_by_image(network: Any) -> None:
    found = latency(network, PIXELS)
    assert found.batch_1_s > 0
    assert found.batch_1_repeats >= 1
    assert found.batch_64_s is not None
    assert found.batch_64_s > 0
    assert found.batch_64_repeats is not None
    assert found.missing is None


@pytest.mark.usefixtures("briefly")
def test_the_network_is_called_as_a_prediction_calls_it(
    network: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[tuple[int, ...], str]] = []

    def seen(_: Any, images: Any) -> Any:
        calls.append((images.shape, str(images.dtype)))
        return np.zeros((len(images), 3))

    monkeypatch.setattr("keras.Model.predict_on_batch", seen)
    found = latency(network, PIXELS)
    one, many = ((batch, SIZE, SIZE, 1) for batch in (1, MANY))
    assert set(calls) == {(one, "uint8"), (many, "uint8")}
    # The first call of each compiles, and isn't counted.
    assert [shape for shape, _ in calls].count(one) == found.batch_1_repeats + 1
    assert [shape for shape, _ in calls].count(many) == (found.batch_64_repeats or 0) + 1


@pytest.mark.usefixtures("briefly")
def test_a_batch_that_host_memory_has_no_room_for_is_not_tried(network: Any) -> None:
    found = latency(network, PIXELS, free_bytes=batch_bytes(network, MANY))
    assert (found.batch_64_s, found.batch_64_repeats) == (None, None)
    assert found.missing is not None
    assert found.missing.startswith("64 images at once found no room: ")
    assert latency(network, PIXELS, free_bytes=2 * batch_bytes(network, MANY)).missing is None


class ResourceExhaustedError(Exception):
    """What TensorFlow calls it."""


@pytest.mark.usefixtures("briefly")
def test_a_device_without_room_for_many_still_has_its_time_for_one(
    network: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(_: Any, images: Any) -> Any:
        if len(images) > 1:
            raise ResourceExhaustedError("OOM when allocating\nmore lines")
        return np.zeros((1, 3))

    monkeypatch.setattr("keras.Model.predict_on_batch", refuses)
    found = latency(network, PIXELS)
    assert found.batch_1_s > 0
    assert found.missing == "64 images at once found no room: OOM when allocating"


@pytest.mark.usefixtures("briefly")
def test_another_error_is_not_hidden(network: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(_: Any, images: Any) -> Any:
        if len(images) > 1:
            raise ValueError("something else")
        return np.zeros((1, 3))

    monkeypatch.setattr("keras.Model.predict_on_batch", breaks)
    with pytest.raises(ValueError, match="something else"):
        latency(network, PIXELS)


def test_time_and_spread_are_of_the_calls_medians_and_quartiles() -> None:
    calls = timed._Calls([1.0, 2.0, 3.0, 4.0, 5.0], batch=4)
    assert calls.per_image_s == 3 / 4
    assert calls.spread == pytest.approx((4 - 2) / 3)
    assert timed._Calls([1.0, 2.0, 3.0], batch=4).spread is None


def test_a_batchs_room_is_that_of_its_largest_activation(network: Any) -> None:
    # By hand: 16 x 16 x 64 values of the second convolution, 4 bytes each, several at once.
    assert batch_bytes(network, 10) == 10 * 16 * 16 * 64 * 4 * timed._LARGEST_AT_ONCE


def test_there_is_some_memory_left() -> None:
    assert free_bytes() > 0


@pytest.mark.slow
def test_of_several_replicas_the_first_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf

    monkeypatch.setattr(timed, "_LONGEST_S", 0.05)
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        mirrored = build_network("cnn10", image_size=SIZE, classes=3, weights="none")
    found = latency(mirrored, PIXELS)
    assert found.batch_1_s > 0
    assert found.batch_64_s is not None
