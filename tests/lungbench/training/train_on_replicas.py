"""Trainings whose GPUs are parts of the CPU, one after the other; RUNS is a list in JSON.

Each has its `run_dir` and `replicas`, and words: with `dropout` or without, and whether to `stop`.
TensorFlow divides the one CPU into logical devices, and a real MirroredStrategy trains on them.
Only what asks for GPUs is replaced; the last line of stdout is what the test wants to know of each.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

RUNS = json.loads(sys.argv[1])
os.environ |= {"KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"}

import tensorflow as tf  # noqa: E402 - it reads the variables

[cpu] = tf.config.list_physical_devices("CPU")
parts = [tf.config.LogicalDeviceConfiguration()] * max(run["replicas"] for run in RUNS)
tf.config.set_logical_device_configuration(cpu, parts)

import keras  # noqa: E402 - after the CPU is divided

from lungbench.job import JOB_FILE, Job  # noqa: E402
from lungbench.training import fit, latency, probe  # noqa: E402
from lungbench.training.replicas import Replicas  # noqa: E402

# That something is measured after a training is of interest here, and not how long it takes.
probe._MATMUL_S = latency._LONGEST_S = 0.01
DROPOUT, FIT = keras.layers.Dropout, fit._fit


def stop_in_the_second_step(_: Any, batch: int, logs: Any = None) -> None:
    """Ask the training to end, as its parent would."""
    if batch == 1:
        os.kill(os.getpid(), signal.SIGTERM)


def go_on(_: Any, batch: int, logs: Any = None) -> None:
    """Let the training be."""


class Look(keras.callbacks.Callback):  # type: ignore[misc]
    """Note what each replica's random numbers are drawn from."""

    def __init__(self, seeds: list[Any]) -> None:
        super().__init__()
        self._seeds = seeds

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002 - Keras's name
        states = [each for each in self.model.variables if each.name == "seed_generator_state"]
        for state in states:
            self._seeds.append([int(own.numpy()[0]) for own in state.value.values])


def train(run_dir: Path, replicas: int, words: list[str]) -> dict[str, Any]:
    """Train on stand-ins for so many GPUs; return what the run says of itself."""
    devices, seeds = [f"CPU:{number}" for number in range(replicas)], []
    strategy = tf.distribute.MirroredStrategy(devices) if replicas > 1 else None
    looking = [Look(seeds)] if replicas > 1 else []
    fit.replicas_of = lambda _: Replicas(strategy)
    fit._visible_gpus = lambda _: replicas
    fit._fit = lambda *given: FIT(*given[:-1], [*given[-1], *looking])
    fit.EpochLog.on_train_batch_end = stop_in_the_second_step if "stop" in words else go_on
    keras.layers.Dropout = DROPOUT if "dropout" in words else lambda _: keras.layers.Identity()
    job = Job.model_validate_json((run_dir / JOB_FILE).read_bytes())
    began = time.monotonic()
    training = fit.train(job, run_dir, lambda: time.monotonic() - began)
    return {"seeds": seeds, "training": training.model_dump(mode="json")}


said = [train(Path(run["run_dir"]), run["replicas"], run["words"]) for run in RUNS]
print(json.dumps(said))  # noqa: T201 - for the test
