"""The images as a network gets them, on every device, and that nothing else than speed differs."""

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
keras = pytest.importorskip("keras")

from lungbench.data.dataset import DATA_FILE, ImageSet, PreparedData  # noqa: E402
from lungbench.device import Device  # noqa: E402
from lungbench.experiment import RunSpec  # noqa: E402
from lungbench.job import MODEL_FILE, Job  # noqa: E402
from lungbench.models.network import build_network  # noqa: E402
from lungbench.run.outcome import read_epochs  # noqa: E402
from lungbench.training import fit  # noqa: E402 - after the backend is fixed
from lungbench.training.augment import draw  # noqa: E402
from lungbench.training.pipelines import Batches, feed_of  # noqa: E402


def network_for(spec: RunSpec, data: PreparedData) -> Any:
    keras.utils.set_random_seed(spec.seed)
    return build_network(
        spec.model,
        image_size=spec.image_size,
        classes=len(data.classes),
        weights="none",
    )


def test_every_image_comes_once_an_epoch_in_an_order_of_its_own(data: PreparedData) -> None:
    images = ImageSet.open(data, "train")
    batches = Batches(images, 5, seed=1)
    seen = []
    for epoch in (1, 2, 1):
        batches.begin(epoch)
        pixels = np.concatenate([batches[number][0] for number in range(len(batches))])
        seen.append([image.tobytes() for image in pixels])
    assert len(batches) == 3  # 12 images
    assert seen[0] == seen[2] != seen[1]
    assert sorted(seen[0]) == sorted(seen[1]) == sorted(map(bytes, images.pixels[images.rows]))


def test_a_network_gets_the_same_images_on_a_cpu_and_on_a_gpu(
    spec: RunSpec, data: PreparedData, tmp_path: Path
) -> None:
    """What a GPU would be given is computed here, on this machine's CPU."""
    on_cpu = feed_of(spec, data, network_for(spec, data), tmp_path)
    device = {"device": Device.parse("gpu:0")}
    on_gpu = feed_of(spec.model_copy(update=device), data, network_for(spec, data), tmp_path)
    augmented = keras.Model(on_gpu.network.inputs, on_gpu.network.get_layer("augment").output)

    given, labels = on_cpu.train[1]
    raw, same_labels = on_gpu.train[1]
    made = np.asarray(augmented(raw, training=True))
    np.testing.assert_allclose(given, made, atol=2**-15)  # see test_augment.TOLERANCE
    np.testing.assert_array_equal(labels, same_labels)
    assert np.abs(made - raw[0] / np.float32(255)).max() > 0.1  # it did change them
    given, raw = on_cpu.validation[0][0], on_gpu.validation[0][0]
    np.testing.assert_allclose(given, np.asarray(augmented(raw)), rtol=1e-6)


@pytest.mark.parametrize("device", ["cpu", "gpu:0"])
def test_what_trains_and_what_diagnoses_are_one_network(
    spec: RunSpec, data: PreparedData, tmp_path: Path, device: str
) -> None:
    network = network_for(spec, data)
    on = spec.model_copy(update={"device": Device.parse(device)})
    feed = feed_of(on, data, network, tmp_path)
    raw = Batches(ImageSet.open(data, "validation"), spec.batch_size)[0][0]
    probabilities = np.asarray(feed.network(feed.validation[0][0]))
    np.testing.assert_allclose(np.asarray(network(raw)), probabilities, rtol=1e-5)
    assert {id(w) for w in network.weights} == {id(w) for w in feed.network.weights}


# Keras's own legacy code reaches scipy under an old name.
@pytest.mark.filterwarnings("ignore:Please import `affine_transform`:DeprecationWarning")
@pytest.mark.usefixtures("measured_briefly")
def test_a_training_computes_what_a_plain_loop_computes(
    spec: RunSpec, data: PreparedData, tmp_path: Path
) -> None:
    """Step by step with Keras's own image class, in the order and with the draws of the run."""
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    began = time.monotonic()
    job = Job(spec=spec, data=tmp_path / DATA_FILE)
    fit.train(job, run_dir, lambda: time.monotonic() - began)
    losses = [epoch.loss for epoch in read_epochs(run_dir)]

    network = network_for(spec, data)
    fit.compile_for(spec, network)
    expected = [plain_epoch(network, spec, data, epoch) for epoch in (1, 2)]
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    trained = keras.saving.load_model(run_dir / MODEL_FILE, compile=False)
    for ours, theirs in zip(trained.weights, network.weights, strict=True):
        # Adam turns the noise of a vanishing gradient into steps of up to the learning rate.
        np.testing.assert_allclose(ours, theirs, atol=6 * spec.learning_rate, rtol=0)
        assert np.abs(np.asarray(ours) - theirs).mean() < spec.learning_rate / 100


def plain_epoch(network: Any, spec: RunSpec, data: PreparedData, epoch: int) -> float:
    """Train one epoch image by image and batch by batch; return its mean loss."""
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    images = ImageSet.open(data, "train")
    order = np.random.default_rng([spec.seed, epoch]).permutation(len(images))
    drawn = draw(spec.augmentation, len(images), spec.image_size, seed=spec.seed, epoch=epoch)
    generator, lost = ImageDataGenerator(rescale=1 / 255), 0.0
    rescaled = keras.Model(network.get_layer("rescale").output, network.output)
    rescaled.compile_from_config(network.get_compile_config())
    rescaled.optimizer = network.optimizer
    for first in range(0, len(images), spec.batch_size):
        positions = order[first : first + spec.batch_size]
        pixels, labels = images.batch(positions)
        changed = [
            generator.apply_transform(image[..., None] / np.float32(255), parameters(row))
            for image, row in zip(pixels, drawn[positions], strict=True)
        ]
        lost += len(positions) * float(rescaled.train_on_batch(np.stack(changed), labels)[0])
    return lost / len(images)


def parameters(row: Any) -> dict[str, Any]:
    """The parameters of one of our matrices, as Keras's class names them."""
    a, b, d = (float(row[column]) for column in (0, 1, 4))
    return {
        "shear": np.rad2deg(np.arctan2(-b, d)),
        "zx": abs(a),
        "zy": np.hypot(b, d),
        "flip_horizontal": a < 0,
    }
