"""The work of a training child: build, fit, evaluate, save. The only room that drives Keras."""

import csv
import math
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from lungbench.data.dataset import ImageSet, PreparedData
from lungbench.data.images_csv import IMAGES_FILE
from lungbench.errors import DeviceUnavailable, TrainingFailed
from lungbench.experiment import RunSpec
from lungbench.files import sha256_of, write_atomically
from lungbench.job import (
    DIAGNOSIS_FILE,
    EPOCHS_FILE,
    HEARTBEAT_FILE,
    MODEL_FILE,
    PREDICTIONS_FILE,
    Job,
    Marks,
    Training,
)
from lungbench.models.network import build_network
from lungbench.predict.making import card_of
from lungbench.record import Epoch, Latency, ModelFacts, Split
from lungbench.training.checkpoint import CHECKPOINT_FILE
from lungbench.training.keeper import Keeper, Kept, Stopped, resume
from lungbench.training.latency import MANY, free_bytes, latency
from lungbench.training.past import Past
from lungbench.training.pipelines import IMAGES_FOLDER, Batches, Feed, Order, Remaining, feed_of
from lungbench.training.probe import controls, finish
from lungbench.training.replicas import Replicas, replicas_of
from lungbench.training.work import work_of

Clock = Callable[[], float]


def train(job: Job, run_dir: Path, clock: Clock) -> Training:
    """Train one network and leave its epochs, predictions and model in `run_dir`.

    Where the folder holds a checkpoint, the training goes on from it.

    Args:
        job: What to train, on which data.
        run_dir: Where the files go.
        clock: Seconds since this process was started.

    Raises:
        DeviceUnavailable: The backend sees other processors than the device asked for.
        DamagedCheckpoint: There is a checkpoint, and it isn't what was written.
        TrainingFailed: The loss is no longer a number, or a checkpoint can't be written.
    """
    spec = job.spec
    seen = seen_device(spec)
    data = PreparedData.read(job.data).of_fold(spec.fold)
    started_s = clock()

    keras.utils.set_random_seed(spec.seed)
    keras.config.set_dtype_policy(spec.precision)
    replicas = replicas_of(spec.device)
    with replicas.scope():
        network = network_of(spec, len(data.classes))
        feed = replicas.share(feed_of(spec, data, network, run_dir))
        compile_for(spec, feed.network)
        past = Past.found(run_dir, seen)
        if past.checkpoint:
            resume(feed.network, past.checkpoint)
        replicas.draw_apart(feed.network)
    built_s = clock()
    marks = Marks(started_s=started_s, built_s=built_s)

    write_atomically(run_dir / EPOCHS_FILE, "".join(line_of(each) for each in past.epochs))
    log = EpochLog(run_dir / EPOCHS_FILE, clock, len(data.rows["train"]), past)
    kept = Kept(run_dir / CHECKPOINT_FILE, past.header(spec, data.fingerprint, clock, marks), clock)
    keeper = Keeper(kept, log, feed.steps, past.checkpoint)
    pulse = Pulse(run_dir / HEARTBEAT_FILE)
    said = Training(
        marks=marks,
        device_seen=seen,
        model=_facts(network, spec.weights),
        resumption=past.resumption,
    )
    try:
        _fit(feed, spec, past, [log, keeper, pulse])
    except Stopped:
        return said.model_copy(update={"stopped": True, "checkpoint_s": keeper.spent_s})
    fitted_s = clock()

    evaluated_s = saved_s = None
    if spec.epochs_to_train == spec.epochs:
        _evaluate(job, data, run_dir, network, replicas=replicas, pulse=pulse)
        evaluated_s = clock()
        _save(network, run_dir / MODEL_FILE)
        saved_s = clock()
    measured = controls(feed, log.latest_s, fitted_s - built_s, replicas.devices)
    waited = _latency(spec, data, network)
    shutil.rmtree(run_dir / IMAGES_FOLDER, ignore_errors=True)
    reached = Marks(
        started_s=started_s,
        built_s=built_s,
        fitted_s=fitted_s,
        evaluated_s=evaluated_s,
        saved_s=saved_s,
        controlled_s=clock(),
    )
    last = {"marks": reached, "controls": measured, "latency": waited}
    return said.model_copy(update=last | {"checkpoint_s": keeper.spent_s})


def seen_device(spec: RunSpec) -> str:
    """Return what the backend sees, which must be exactly the device asked for."""
    gpus = _visible_gpus(spec.backend)
    wanted = 0 if spec.device.kind == "cpu" else 1
    missing = gpus < wanted
    too_many = gpus > wanted and not spec.device.is_all_gpus
    if missing or too_many:
        raise DeviceUnavailable(
            f"A run on {spec.device} must see {wanted} GPU{'' if wanted == 1 else 's'}.",
            received=f"{spec.backend} sees {gpus}",
            hint="run `lungbench doctor` to see why.",
        )
    return "cpu" if gpus == 0 else f"{gpus} gpu"


def _visible_gpus(backend: str) -> int:
    if backend == "jax":
        import jax

        return sum(device.platform == "gpu" for device in jax.devices())
    if backend == "torch":
        import torch

        return int(torch.cuda.device_count())
    import tensorflow as tf

    return len(tf.config.list_physical_devices("GPU"))


def network_of(spec: RunSpec, classes: int) -> keras.Model:
    """Build the network of a run, not yet compiled."""
    return build_network(
        spec.model,
        image_size=spec.image_size,
        classes=classes,
        weights=spec.weights,
        preprocess=spec.preprocess,
        fine_tune=spec.fine_tune,
    )


def compile_for(spec: RunSpec, network: keras.Model) -> None:
    """Give a network the optimizer, loss and metrics that a run trains with."""
    network.compile(
        optimizer=keras.optimizers.Adam(spec.learning_rate),
        loss="categorical_crossentropy",
        weighted_metrics=["accuracy"],  # as metrics=, but replicas' padding weighs nothing
        # Only JAX is unusable without XLA; TensorFlow's has no kernel for the augmentation.
        jit_compile=spec.backend == "jax",
    )


def _fit(feed: Feed, spec: RunSpec, past: Past, callbacks: list[keras.callbacks.Callback]) -> None:
    """Train the epochs that are left; one that was begun is finished in a `fit` of its own."""
    done = len(past.epochs)
    rest = partial(
        feed.network.fit,
        validation_data=feed.validation,
        shuffle=False,  # Keras would repeat one order every epoch; the feeds have their own
        verbose=0,
    )
    if past.batches:
        begun, order = Remaining(feed.train, past.batches), Order(feed, past.batches)
        rest(begun, initial_epoch=done, epochs=done + 1, callbacks=[order, *callbacks])
        done += 1
    rest(
        feed.train,
        initial_epoch=done,
        epochs=spec.epochs_to_train,
        callbacks=[Order(feed), *callbacks],
    )


def _evaluate(
    job: Job,
    data: PreparedData,
    run_dir: Path,
    network: keras.Model,
    *,
    replicas: Replicas,
    pulse: "Pulse",
) -> None:
    """Write what the network says of the test images, and how sure it is of the validation's."""
    batch_size = math.ceil(job.spec.batch_size / replicas.count)

    def predicted(split: Split) -> NDArray[Any]:
        batches = Batches(ImageSet.open(data, split), batch_size)
        return replicas.predict(network, batches, [pulse])

    _write_predictions(run_dir / PREDICTIONS_FILE, data, predicted("test"))
    card = card_of(data, job.data.with_name(IMAGES_FILE), predicted("validation"))
    write_atomically(run_dir / DIAGNOSIS_FILE, card.model_dump_json(indent=2) + "\n")


def _latency(spec: RunSpec, data: PreparedData, network: keras.Model) -> Latency:
    """Time a diagnosis; a GPU refuses by itself what finds no room on it."""
    images = ImageSet.open(data, "train")
    pixels, _ = images.batch(np.arange(min(len(images), MANY)))
    return latency(network, pixels, free_bytes() if spec.device.kind == "cpu" else None)


def _save(network: keras.Model, path: Path) -> None:
    """Save what diagnoses; the optimizer's state would treble the file."""
    keras.Model(network.inputs, network.outputs, name=network.name).save(path)


class EpochLog(keras.callbacks.Callback):  # type: ignore[misc]
    """Time the two parts of each epoch and append it to `epochs.jsonl` as it ends."""

    def __init__(self, path: Path, clock: Clock, train_images: int, past: Past) -> None:
        super().__init__()
        self.epochs = list(past.epochs)
        self._path, self._clock, self._train_images, self._past = path, clock, train_images, past
        self._began_s = self._trained_s = 0.0
        # One that was killed with its last epoch on disk has none to train when it goes on.
        self.latest_s = past.epochs[-1].train_s if past.epochs else 0.0
        self._paused_s = 0.0
        self._before_s = past.spent.epoch_s

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - Keras's name
        """Start the clock."""
        self._began_s, self._paused_s = self._clock(), 0.0

    def pause(self, seconds: float) -> None:
        """Leave so much out of this epoch's training time."""
        self._paused_s += seconds

    def epoch_s(self) -> float:
        """Return what this epoch has trained so far, in seconds, in earlier attempts too."""
        finish(self.model)
        return self._before_s + self._clock() - self._began_s - self._paused_s

    def on_test_begin(self, logs: Any = None) -> None:  # noqa: ARG002 - Keras's name
        """Stop the training clock once the device has really finished the last step."""
        self.latest_s = self.epoch_s()
        self._trained_s = self._clock()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Write the epoch's line; stop where the loss is no number."""
        values = {name: _finite(value) for name, value in (logs or {}).items()}
        train_s, self._before_s = self.latest_s, 0.0
        line = Epoch(
            epoch=epoch + 1,
            attempt=self._past.attempt,
            started_s=self._began_s,
            train_s=train_s,
            validation_s=self._clock() - self._trained_s,
            images_per_s=self._train_images / train_s,
            **values,
        )
        self.epochs.append(line)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line_of(line))
        _say(line, self.params["epochs"])
        if values.get("loss") is None:
            raise TrainingFailed(
                "diverged", "The loss must stay a number.", received=f"NaN in epoch {epoch + 1}"
            )


class Pulse(keras.callbacks.Callback):  # type: ignore[misc]
    """Tell the parent that batches go on, by a file's time of change."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def beat(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002 - Keras's signature
        """Give one sign."""
        self._path.touch()

    on_train_batch_end = on_test_batch_end = on_predict_batch_end = beat


def line_of(epoch: Epoch) -> str:
    """Return an epoch's line in `epochs.jsonl`."""
    return epoch.model_dump_json() + "\n"


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _say(line: Epoch, epochs: int) -> None:
    words = (f"{name} {value:.4f}" for name, value in _shown(line) if value is not None)
    print(  # noqa: T201 - the run's log
        f"{time.strftime('%H:%M:%S')} epoch {line.epoch}/{epochs}",
        f"{line.train_s:.2f} s",
        f"{line.images_per_s:.1f} images/s",
        *words,
        flush=True,
    )


def _shown(line: Epoch) -> tuple[tuple[str, float | None], ...]:
    return (
        ("loss", line.loss),
        ("accuracy", line.accuracy),
        ("val_loss", line.val_loss),
        ("val_accuracy", line.val_accuracy),
    )


def _write_predictions(path: Path, data: PreparedData, probabilities: NDArray[Any]) -> None:
    """Write one row a test image: its path, true and predicted class, every probability."""
    rows = data.rows["test"]
    labels = data.labels()[np.asarray(rows, dtype=np.int64)]
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["path", "true", "predicted", *(f"p_{name}" for name in data.classes)])
        for row, label, scores in zip(rows, labels, probabilities, strict=True):
            table.writerow(
                [
                    data.paths[row],
                    data.classes[label],
                    data.classes[int(np.argmax(scores))],
                    *(f"{score:.9g}" for score in scores),
                ]
            )


def _facts(network: keras.Model, weights: str) -> ModelFacts:
    named = weights in ("imagenet", "none")
    work = work_of(network)
    return ModelFacts(
        forward_flops=work.forward_flops,
        training_flops=work.training_flops,
        parameters=network.count_params(),
        trainable_parameters=sum(math.prod(w.shape) for w in network.trainable_weights),
        layers=len(network.layers),
        weights=weights if named else Path(weights).name,
        weights_sha256=None if named else sha256_of(Path(weights)),
    )
