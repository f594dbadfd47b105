"""Where a network looks, told by networks whose weights say where they look."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray

from lungbench.errors import Refused
from lungbench.predict.gradcam import Explained
from lungbench.predict.job import MAX_HEAT_SIDE, PredictJob
from lungbench.predict.network import answer_to

SIZE = 16


def looking_at_brightness(
    factor: float = 1.0, *, size: int = SIZE, last: str = "softmax", dtype: str = "float32"
) -> keras.Model:
    """A network whose class 1 is what is bright, and class 0 what isn't; the third looks away."""
    raw = keras.Input((size, size, 1), dtype="uint8")
    grey = layers.Rescaling(1 / 255, dtype="float32")(raw)
    maps = layers.Conv2D(1, 1, use_bias=False, dtype=dtype)(grey)
    mean = layers.GlobalAveragePooling2D(dtype=dtype)(maps)
    scores = layers.Dense(3, activation=last, dtype="float32")(mean)
    out = scores if last == "softmax" else layers.Softmax(dtype="float32")(scores)
    network = keras.Model(raw, out)
    network.set_weights(
        [
            np.ones((1, 1, 1, 1), np.float32),
            np.array([[-1.0, 1.0, 0.0]], np.float32) * factor,
            np.zeros(3, np.float32),
        ]
    )
    return network


def bright_corner(size: int = SIZE) -> NDArray[np.uint8]:
    image = np.full((1, size, size), 20, np.uint8)
    image[:, : size // 4, : size // 4] = 250
    return image


@pytest.mark.parametrize("last", ["softmax", "linear"])
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_the_heat_lies_where_the_class_is_seen(last: str, dtype: str) -> None:
    explained = Explained.of(looking_at_brightness(last=last, dtype=dtype))
    [heat] = explained.heat(bright_corner(), np.array([1]))
    assert heat.shape == (SIZE, SIZE)
    corner = heat[: SIZE // 4, : SIZE // 4]
    assert corner.min() == pytest.approx(1)
    # By hand: the map is the image, so elsewhere it is 20 of 250; bfloat16 has 8 bits.
    assert heat[-1, -1] == pytest.approx(20 / 250, abs=0.01)


def test_what_speaks_against_a_class_is_no_heat() -> None:
    explained = Explained.of(looking_at_brightness())
    [heat] = explained.heat(bright_corner(), np.array([0]))
    assert not heat.any()


def test_a_network_that_is_entirely_sure_still_says_where_it_looks() -> None:
    network = looking_at_brightness(1e6)
    image = bright_corner()
    assert float(network.predict_on_batch(image[..., np.newaxis])[0, 1]) == 1.0
    [heat] = Explained.of(network).heat(image, np.array([1]))
    assert heat.max() == 1


def test_each_image_is_asked_for_its_own_class() -> None:
    images = np.concatenate([bright_corner(), bright_corner()])
    heat = Explained.of(looking_at_brightness()).heat(images, np.array([1, 0]))
    assert (heat[0].max(), heat[1].max()) == (1, 0)


def test_frozen_layers_are_seen_through() -> None:
    network = looking_at_brightness()
    network.trainable = False
    [heat] = Explained.of(network).heat(bright_corner(), np.array([1]))
    assert heat.max() == 1


def test_large_maps_are_thinned_out() -> None:
    size = 2 * MAX_HEAT_SIDE + 8
    [heat] = Explained.of(looking_at_brightness(size=size)).heat(bright_corner(size), np.array([1]))
    assert max(heat.shape) <= MAX_HEAT_SIDE
    assert heat[0, 0] == 1
    assert heat[-1, -1] < 0.1


def test_a_network_without_feature_maps_is_refused() -> None:
    raw = keras.Input((SIZE, SIZE, 1), dtype="uint8")
    flat = layers.Flatten()(raw)
    network = keras.Model(raw, layers.Dense(2, activation="softmax")(flat))
    with pytest.raises(Refused, match="feature maps"):
        Explained.of(network)


def test_another_backend_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    network = looking_at_brightness()
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(Refused, match=r"needs the tensorflow backend\. Received: jax\."):
        Explained.of(network)


@pytest.mark.parametrize("explain", [False, True])
def test_an_answer_holds_a_map_an_image_where_that_is_asked(
    tmp_path: Path, saved_model: Path, explain: bool
) -> None:
    (tmp_path / "model.keras").write_bytes(saved_model.read_bytes())
    np.save(tmp_path / "pixels.npy", np.repeat(bright_corner(), 3, axis=0))
    job: dict[str, Any] = {"image_size": SIZE, "rows": (0, 2), "memory_bytes": 1, "cpu_s": 1}
    answer = answer_to(PredictJob(**job, explain=explain), tmp_path)
    assert len(answer.probabilities) == 2
    assert len(answer.heat) == (2 if explain else 0)
