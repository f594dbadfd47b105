"""The networks as built: the paper's counts, any number of classes, real weights files."""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
keras = pytest.importorskip("keras")

from lungbench.models import MODELS, model_names  # noqa: E402 - after the backend is fixed
from lungbench.models.network import build_network  # noqa: E402

TRANSFER = [name for name in model_names() if MODELS[name].pretrained]


@cache
def build(name: str, size: int = 96, classes: int = 3, weights: str = "none") -> Any:
    return build_network(name, image_size=size, classes=classes, weights=weights)


@pytest.fixture(scope="module", autouse=True)
def built_for_this_file() -> Iterator[None]:
    """Let go of more than a gigabyte of networks when their tests are done."""
    yield
    build.cache_clear()


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
        # and 7*7*2048, 7*7*1024, 7*7*1280.
        ("resnet50", 23_587_712, 100_352),
        ("densenet121", 7_037_504, 50_176),
        ("efficientnetb0", 4_049_571, 62_720),
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
def test_a_network_diagnoses_as_many_classes_as_the_data_has(name: str) -> None:
    assert build(name).output_shape == (None, 3)
    images = np.random.default_rng(0).integers(0, 256, (2, 96, 96, 1), dtype=np.uint8)
    probabilities = np.asarray(build(name, classes=5)(images))
    assert probabilities.shape == (2, 5)
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


def test_a_file_of_weights_reaches_the_base(tmp_path: Path) -> None:
    file = tmp_path / "notop.weights.h5"
    donor = _application("vgg16")
    donor.save_weights(file)
    _assert_same_base(build("vgg16", weights=str(file)), donor)


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


@pytest.mark.parametrize("name", TRANSFER)
def test_preprocess_imagenet_is_what_keras_does_for_the_network(name: str) -> None:
    module = {
        "inceptionv3": keras.applications.inception_v3,
        "vgg16": keras.applications.vgg16,
        "mobilenetv2": keras.applications.mobilenet_v2,
        "resnet50": keras.applications.resnet,
        "densenet121": keras.applications.densenet,
        "efficientnetb0": keras.applications.efficientnet,
    }[name]
    grey = np.random.default_rng(0).integers(0, 256, (2, 96, 96, 1), dtype=np.uint8)
    network = build_network(name, image_size=96, classes=2, weights="none", preprocess="imagenet")
    # EfficientNet's own first layers expect [0, 255], which its head restores.
    layer = "to_255" if name == "efficientnetb0" else "as_pretrained"
    ours = keras.Model(network.input, network.get_layer(layer).output).predict(grey, verbose=0)
    rgb = np.repeat(grey.astype(np.float32), 3, axis=-1)
    np.testing.assert_allclose(ours, module.preprocess_input(rgb), atol=1e-4)


def test_without_it_images_reach_the_base_between_0_and_1() -> None:
    network = build("vgg16")
    assert "as_pretrained" not in {layer.name for layer in network.layers}


def test_fine_tuning_thaws_the_last_layers_of_the_base() -> None:
    network = build_network("vgg16", image_size=96, classes=2, weights="none", fine_tune=3)
    trained = [layer.name for layer in network.layers if layer.trainable_weights]
    assert trained[:3] == ["block5_conv1", "block5_conv2", "block5_conv3"]
    assert len(trained) == 3 + 4  # and the four new layers


def test_fine_tuning_leaves_the_statistics_of_the_base_alone() -> None:
    network = build_network("mobilenetv2", image_size=96, classes=2, weights="none", fine_tune=999)
    normalised = [x for x in network.layers if isinstance(x, keras.layers.BatchNormalization)]
    assert normalised
    assert not any(layer.trainable for layer in normalised)
    others = [x for x in network.layers if x.weights and x not in normalised]
    assert all(layer.trainable for layer in others)


def _application(name: str) -> Any:
    applications = {
        "inceptionv3": keras.applications.InceptionV3,
        "vgg16": keras.applications.VGG16,
        "mobilenetv2": keras.applications.MobileNetV2,
        "resnet50": keras.applications.ResNet50,
        "densenet121": keras.applications.DenseNet121,
        "efficientnetb0": keras.applications.EfficientNetB0,
    }
    return applications[name](include_top=False, weights=None, input_shape=(96, 96, 3))


def _assert_same_base(network: Any, donor: Any) -> None:
    ours = [layer for layer in network.layers if layer.weights][:-4]
    theirs = [layer for layer in donor.layers if layer.weights]
    assert len(ours) == len(theirs)
    for mine, given in zip(ours, theirs, strict=True):
        for weight, expected in zip(mine.weights, given.weights, strict=True):
            np.testing.assert_array_equal(np.asarray(weight), np.asarray(expected))
