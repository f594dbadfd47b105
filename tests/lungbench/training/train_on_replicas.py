"""A training child whose GPUs are parts of the CPU: RUN_DIR, replicas, `dropout` or not, `stop`.

TensorFlow divides the one CPU into logical devices, and a real MirroredStrategy trains on them.
Only what asks for GPUs is replaced; the last line of stdout is what the test wants to know.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

RUN_DIR, REPLICAS, WORDS = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
os.environ |= {"KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"}

import tensorflow as tf  # noqa: E402 - it reads the variables

[cpu] = tf.config.list_physical_devices("CPU")
parts = [tf.config.LogicalDeviceConfiguration()] * REPLICAS
tf.config.set_logical_device_configuration(cpu, parts)

import keras  # noqa: E402 - after the CPU is divided

from lungbench.job import JOB_FILE, Job  # noqa: E402
from lungbench.training import fit  # noqa: E402
from lungbench.training.replicas import Replicas  # noqa: E402

seeds: list[Any] = []


def replicas_of(_: Any) -> Replicas:
    """Stand in for the GPUs."""
    devices = [f"CPU:{number}" for number in range(REPLICAS)]
    return Replicas(tf.distribute.MirroredStrategy(devices) if REPLICAS > 1 else None)


def stop_in_the_second_step(_: Any, batch: int, logs: Any = None) -> None:
    """Ask the training to end, as its parent would."""
    if batch == 1:
        os.kill(os.getpid(), signal.SIGTERM)


class Look(keras.callbacks.Callback):  # type: ignore[misc]
    """Note what each replica's random numbers are drawn from."""

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002 - Keras's name
        states = [each for each in self.model.variables if each.name == "seed_generator_state"]
        seeds.extend([int(own.numpy()[0]) for own in state.value.values] for state in states)


fit.replicas_of = replicas_of
fit._visible_gpus = lambda _: REPLICAS
if "dropout" not in WORDS:
    keras.layers.Dropout = lambda _: keras.layers.Identity()
if "stop" in WORDS:
    fit.EpochLog.on_train_batch_end = stop_in_the_second_step
if REPLICAS > 1:
    train_as_ever = fit._fit
    fit._fit = lambda *given: train_as_ever(*given[:-1], [*given[-1], Look()])

job = Job.model_validate_json((RUN_DIR / JOB_FILE).read_bytes())
began = time.monotonic()
training = fit.train(job, RUN_DIR, lambda: time.monotonic() - began)
print(json.dumps({"seeds": seeds, "training": training.model_dump(mode="json")}))  # noqa: T201 - for the test
