"""The networks as built: the paper's counts, any number of classes, real weights files."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
keras = pytest.importorskip("keras")

from lungbench.models import MODELS, model_names  # noqa: E402 - after the backend is fixed
from lungbench.models.network import build_network  # noqa: E402

TRANSFER = [name for name in model_names() if MODELS[name].pretrained]


def build(name: str, size: int = 96, classes: int = 3, weights: str = "none") -> Any:
    return build_network(name, image_size=size, classes=classes, weights=weights)


def neurons(network: Any, kind: type) -> list[int]:
    shapes = [layer.output.shape[1:] for layer in network.layers if isinstance(layer, kind)]
    return [int(np.prod(shape)) for shape in shapes]


def test_cnn10_has_the_papers_neurons_and_parameters() -> None:
    # Section IV.A names the neurons; 51 441 763 follows from its layers by hand:
    # 1 568 + 18 496 + 32 896 + (401 408 + 1) * 128 + (128 + 1) * 64 + (64 + 1) * 3.
    network = build("cnn10", size=224)
    assert network.count_params() == 51_441_763
    assert neurons(network, keras.layers.Conv2D) == [1_605_632, 3_211_264, 1_605_632]
    assert neurons(network, keras.layers.MaxPooling2D) == [802_816, 401_408]
    assert neurons(network, keras.layers.Dense) == [128, 64, 3]


@pytest.mark.parametrize(
    ("name", "base", "features"),
    [
        # Parameters of the bases as the Keras applications page lists them, less the top; the
        # features are the last map at 224 px: 5*5*2048, 7*7*512, 7*7*1280.
        ("inceptionv3", 21_802_784, 51_200),
        ("vgg16", 14_714_688, 25_088),
        ("mobilenetv2", 2_257_984, 62_720),
    ],
)
def test_a_transfer_network_is_a_frozen_base_and_six_layers(
    name: str, base: int, features: int
) -> None:
    network = build(name, size=224)
    new = sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)
    assert network.count_params() - new == base
    assert new == (features + 1) * 128 + (128 + 1) * 64 + (64 + 1) * 32 + (32 + 1) * 3
    assert [type(layer).__name__ for layer in network.layers[-6:]] == [
        "Flatten",
        "Dense",
        "Dense",
        "Dense",
        "Dropout",
        "Dense",
    ]


@pytest.mark.parametrize("name", model_names())
def test_the_parameter_count_in_a_models_file_is_the_real_one(name: str) -> None:
    network = build(name, size=224)
    new = sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)
    frozen = network.count_params() - new
    text = (Path(__file__).parents[3] / "lungbench" / "models" / f"{name}.py").read_text()
    assert f"{new:,}".replace(",", " ") in text
    assert not frozen or f"{frozen:,}".replace(",", " ") in text


@pytest.mark.parametrize("name", model_names())
@pytest.mark.parametrize("classes", [2, 5])
def test_a_network_diagnoses_as_many_classes_as_the_data_has(name: str, classes: int) -> None:
    network = build(name, classes=classes)
    images = np.random.default_rng(0).integers(0, 256, (2, 96, 96, 1), dtype=np.uint8)
    probabilities = network.predict(images, verbose=0)
    assert probabilities.shape == (2, classes)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", model_names())
def test_a_network_can_be_built_at_its_smallest_size(name: str) -> None:
    smallest = MODELS[name].min_image_size
    assert build(name, size=smallest).input_shape == (None, smallest, smallest, 1)


@pytest.mark.parametrize("name", TRANSFER)
def test_no_model_is_nested_in_another(name: str) -> None:
    assert not [layer for layer in build(name).layers if isinstance(layer, keras.Model)]


def test_a_saved_network_takes_the_raw_image(tmp_path: Path) -> None:
    network = build("cnn10", size=32)
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 1), dtype=np.uint8)
    network.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    assert loaded.inputs[0].dtype == "uint8"
    np.testing.assert_array_equal(
        loaded.predict(images, verbose=0), network.predict(images, verbose=0)
    )


@pytest.mark.parametrize("name", TRANSFER)
def test_a_file_of_weights_reaches_the_base(tmp_path: Path, name: str) -> None:
    file = tmp_path / "notop.weights.h5"
    donor = _application(name)
    donor.save_weights(file)
    _assert_same_base(build(name, weights=str(file)), donor)


@pytest.mark.parametrize("name", TRANSFER)
def test_a_file_in_the_format_of_the_published_weights_reaches_the_base(
    tmp_path: Path, name: str
) -> None:
    import h5py
    from keras.src.legacy.saving import legacy_h5_format

    donor = _application(name)
    with h5py.File(tmp_path / "notop.h5", "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, donor)
    _assert_same_base(build(name, weights=str(tmp_path / "notop.h5")), donor)


def _application(name: str) -> Any:
    applications = {
        "inceptionv3": keras.applications.InceptionV3,
        "vgg16": keras.applications.VGG16,
        "mobilenetv2": keras.applications.MobileNetV2,
    }
    return applications[name](include_top=False, weights=None, input_shape=(96, 96, 3))


def _assert_same_base(network: Any, donor: Any) -> None:
    ours = [layer for layer in network.layers if layer.weights][:-4]
    theirs = [layer for layer in donor.layers if layer.weights]
    assert len(ours) == len(theirs)
    for mine, given in zip(ours, theirs, strict=True):
        for weight, expected in zip(mine.weights, given.weights, strict=True):
            np.testing.assert_array_equal(np.asarray(weight), np.asarray(expected))
