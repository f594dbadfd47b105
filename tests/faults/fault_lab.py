"""Trainings to be harmed, what they must have computed, and what must be true afterwards."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from fault_points import Plan
from PIL import Image
from tiny_child import EPOCHS_LINE, states

from lungbench.data.dataset import DATA_FILE, LABELS_FILE, PIXELS_FILE, PreparedData
from lungbench.experiment import Experiment, Matrix, RunSpec
from lungbench.host import describe_host
from lungbench.job import JOB_FILE, MODEL_FILE, PREDICTIONS_FILE, Job
from lungbench.record import RunRecord
from lungbench.run.launch import Surroundings, launch
from lungbench.run.outcome import read_epochs
from lungbench.settings import MeasureSettings, TrainSettings
from lungbench.training.checkpoint import CHECKPOINT_FILE, read_checkpoint

LONG = os.environ.get("FAULTS") == "long"
HERE = Path(__file__).parent
TINY, REAL = (HERE / "tiny_child.py", HERE / "real_child.py")
MARK_VARIABLE = "FAULT_MARK"
CLASSES = ("covid", "normal")
SIZE = 32
TRAIN_IMAGES = 12


def prepared(folder: Path) -> PreparedData:
    """Write prepared data of two classes: 12 images to train, 4 to validate, 4 to test."""
    labels = np.repeat([0, 1], 10)
    noise = np.random.default_rng(0).integers(0, 60, (20, SIZE, SIZE))
    pixels = folder / "pixels"
    pixels.mkdir(parents=True)
    np.save(pixels / PIXELS_FILE, (noise + 150 * labels[:, None, None]).astype(np.uint8))
    np.save(pixels / LABELS_FILE, labels.astype(np.int64))
    data = PreparedData(
        fingerprint="f" * 64,
        source="somewhere",
        classes=CLASSES,
        image_size=SIZE,
        split_seed=0,
        pixels=pixels,
        rows={
            "train": (*range(6), *range(10, 16)),
            "validation": (6, 7, 16, 17),
            "test": (8, 9, 18, 19),
        },
        paths=tuple(f"{CLASSES[label]}/{row}.png" for row, label in enumerate(labels)),
        images_found=20,
        images_skipped=0,
    )
    (folder / DATA_FILE).write_text(data.model_dump_json())
    return data


def images(folder: Path, per_class: int = 6) -> Path:
    """Write small image files of three classes."""
    drawn = np.random.default_rng(0)
    for name in ("covid", "normal", "pneumonia"):
        (folder / name).mkdir(parents=True)
        for number in range(per_class):
            grey = drawn.integers(0, 255, (SIZE, SIZE), dtype=np.uint8)
            Image.fromarray(grey).save(folder / name / f"{number}.png")
    return folder


def spec_of(epochs: int = 3, batch_size: int = 4) -> RunSpec:
    """Return a run on one core with so many epochs of 12 images."""
    train = TrainSettings(epochs=epochs, batch_size=batch_size, weights="none")
    matrix = Matrix(models=("cnn10",), devices=("cpu:threads=1",))
    experiment = Experiment(name="faults", train=train, matrix=matrix)
    return experiment.runs()[0].model_copy(update={"image_size": SIZE})


@dataclass(frozen=True)
class Outcome:
    """What a training computed, without the times that it took."""

    predictions: bytes
    model: str
    history: tuple[tuple[Any, ...], ...]

    @classmethod
    def of(cls, run_dir: Path) -> "Outcome":
        history = tuple(
            tuple(getattr(each, name) for name in EPOCHS_LINE) for each in read_epochs(run_dir)
        )
        model = _model(run_dir / MODEL_FILE)
        return cls((run_dir / PREDICTIONS_FILE).read_bytes(), model, history)


def _model(path: Path) -> str:
    """Return the hash of a model's content; Keras's zip holds the date of its writing as well."""
    if not zipfile.is_zipfile(path):
        return hashlib.sha256(path.read_bytes()).hexdigest()
    import h5py

    digest = hashlib.sha256()
    with zipfile.ZipFile(path) as parts, h5py.File(BytesIO(parts.read("model.weights.h5"))) as file:

        def add(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                digest.update(name.encode() + np.asarray(item).tobytes())

        file.visititems(add)
    return digest.hexdigest()


@cache
def _known_states(seed: int, size: int, epochs: int, steps: int) -> dict[tuple[int, int], bytes]:
    return {(epoch, batch): state for epoch, batch, state in states(seed, size, epochs, steps)}


class Lab:
    """Launches one run again and again, and says what it must have computed.

    Args:
        folder: Where data and run folders lie.
        real: Whether Keras trains, instead of the tiny stand-in.
    """

    def __init__(self, folder: Path, *, real: bool = False) -> None:
        self.folder, self.real = folder, real
        self.data = prepared(folder)
        self.spec = spec_of()
        self.command: tuple[str, ...] = (sys.executable, str(REAL if real else TINY))
        self.host = describe_host(gpus=False)

    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        return -(-TRAIN_IMAGES // self.spec.batch_size)

    def around(self, stop: threading.Event | None = None, **limits: Any) -> Surroundings:
        return Surroundings(
            data=self.folder / DATA_FILE,
            facts=self.data.facts(),
            host=self.host,
            measure=MeasureSettings(**limits),
            stop=stop or threading.Event(),
            command=self.command,
        )

    def launch(self, run_dir: Path, plan: Plan | None = None, **limits: Any) -> RunRecord:
        """Train to the end, whatever that is."""
        os.environ.update((plan or Plan()).environ())
        return launch(self.spec, run_dir, self.around(**limits))

    def begin(self, run_dir: Path, plan: Plan | None = None, **limits: Any) -> "Flight":
        """Begin to train, beside the test."""
        os.environ.update((plan or Plan()).environ())
        return Flight(self.spec, run_dir, self.around(**limits))

    def committed(self, run_dir: Path, size: int = 4096) -> tuple[int, int] | None:
        """Return how far the checkpoint is, once its hash and every bit of it were checked."""
        path = run_dir / CHECKPOINT_FILE
        if not path.exists():
            return None
        held = read_checkpoint(path)
        place = len(held.header.epochs), held.header.batches
        if not self.real:
            found = b"".join(array.tobytes() for array in held.arrays.values())
            known = _known_states(self.spec.seed, size, self.spec.epochs, self.steps)
            assert hashlib.sha256(found + b"state").digest() == known[place], place
        return place

    def finish(self, run_dir: Path, whole: Outcome, plan: Plan | None = None) -> RunRecord:
        """Launch what was interrupted; it must complete and equal the uninterrupted run."""
        record = self.launch(run_dir, plan)
        assert record.status == "completed", record.reason
        assert Outcome.of(run_dir) == whole
        assert not list(run_dir.rglob("*.tmp"))
        return record


class Flight:
    """A launch that goes on in a thread."""

    def __init__(self, spec: RunSpec, run_dir: Path, around: Surroundings) -> None:
        self.run_dir, self.stop = run_dir, around.stop
        self._ended: list[RunRecord | BaseException] = []
        self._thread = threading.Thread(target=self._fly, args=(spec, around), daemon=True)
        self._thread.start()

    def _fly(self, spec: RunSpec, around: Surroundings) -> None:
        try:
            self._ended.append(launch(spec, self.run_dir, around))
        except BaseException as error:  # handed to the test
            self._ended.append(error)

    @property
    def thread_id(self) -> int:
        assert self._thread.ident is not None
        return self._thread.ident

    def child(self) -> psutil.Process:
        """Return the training process, once it is there."""
        found: list[psutil.Process] = []

        def there() -> bool:
            found[:] = children_of(self.run_dir)
            return bool(found)

        wait_for(there)
        return found[0]

    def ended(self) -> RunRecord | BaseException:
        self._thread.join(600)
        assert not self._thread.is_alive(), "the launch doesn't end"
        return self._ended[0]

    def record(self) -> RunRecord:
        ended = self.ended()
        if isinstance(ended, BaseException):
            raise ended
        return ended


def children_of(run_dir: Path) -> list[psutil.Process]:
    """Return the processes that train in a folder."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if (process.info["cmdline"] or [""])[-1] == str(run_dir)
        and "strace" not in process.info["cmdline"][0]
    ]


class Forks:
    """Tiny trainings without a launcher, each in a process forked from one that is ready.

    For the sweeps: a process that starts in milliseconds, and is as real as any other.
    """

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, str(TINY), "--forks"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def begin(self, run_dir: Path, plan: Plan) -> int:
        """Start one; return its process's number."""
        import json
        from dataclasses import asdict

        assert self._server.stdin
        self._server.stdin.write(json.dumps([str(run_dir), asdict(plan)]) + "\n")
        self._server.stdin.flush()
        return self._line()

    def code(self) -> int:
        """Wait until it has ended; return its exit code."""
        return self._line()

    def train(self, run_dir: Path, plan: Plan) -> int:
        """Start one and return its exit code."""
        self.begin(run_dir, plan)
        return self.code()

    def close(self) -> None:
        self._server.communicate()

    def _line(self) -> int:
        assert self._server.stdout
        return int(self._server.stdout.readline())


def asked(lab: Lab, run_dir: Path) -> Path:
    """Make a run folder whose `spec.json` asks for the lab's run."""
    run_dir.mkdir()
    job = Job(spec=lab.spec, data=lab.folder / DATA_FILE)
    (run_dir / JOB_FILE).write_text(job.model_dump_json())
    return run_dir


def marked(mark: str) -> list[psutil.Process]:
    """Return every living process that was started under a mark."""
    found = []
    for process in psutil.process_iter():
        try:
            alive = process.status() != psutil.STATUS_ZOMBIE
            if alive and process.environ().get(MARK_VARIABLE) == mark:
                found.append(process)
        except psutil.Error:
            continue
    return found


def nothing_left(mark: str, within_s: float = 10.0) -> None:
    """Assert that no process of a mark lives in ten seconds; end those that do."""
    deadline = time.monotonic() + within_s
    while (left := marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.05)
    lines = [" ".join(process.cmdline()) for process in left]
    for process in left:
        process.send_signal(signal.SIGKILL)
    assert not lines, f"left after {within_s:g} s: {lines}"


def wait_for(condition: Callable[[], Any], seconds: float = 240) -> None:
    """Wait for what comes within seconds, even where others keep this machine busy."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def sampled(points: Sequence[Any], few: int) -> Iterator[Any]:
    """Yield every point in the long form, else a few of them, the first and the last included."""
    if LONG or len(points) <= few:
        yield from points
    else:
        places = np.linspace(0, len(points) - 1, few).round().astype(int)
        yield from (points[place] for place in places)
