"""Diagnose images with a saved network: the parent's side, which never imports a framework."""

import importlib.util
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lungbench.data.decode import UnreadableImage, decode, unheard_advice
from lungbench.data.row_file import RowFile
from lungbench.data.threads import map_in_threads
from lungbench.errors import Interrupted, Refused
from lungbench.experiment import Backend
from lungbench.host import describe_host, usable_cpus
from lungbench.predict import errand
from lungbench.predict.archive import read_config
from lungbench.predict.config import image_size_of
from lungbench.predict.errand import Errand
from lungbench.predict.job import PIXELS_FILE, Answer, PredictJob
from lungbench.predict.model_file import ModelCopy, find_model, private_copy
from lungbench.predict.trust import claimed_record, vouching_record
from lungbench.record import RunRecord

_PREFIX = "lungbench-predict-"

# What loading and a batch may take; see docs/decisions.md for what the networks here take.
_BASE_BYTES, _PER_MODEL_BYTE = 4 * 2**30, 10
_SHARE_OF_THE_HOST = 0.8
_START_S, _PER_IMAGE_S = 300.0, 5.0

Run = Callable[[Errand, PredictJob, Path], Answer]


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """What a network says of one image.

    Attributes:
        path: As it was given.
        probabilities: Of each class.
    """

    path: Path
    probabilities: tuple[float, ...]

    @property
    def predicted(self) -> int:
        """The position of the most probable class, the first of equal ones."""
        return self.probabilities.index(max(self.probabilities))


@dataclass(frozen=True, slots=True)
class BadImage:
    """An image that can't be used, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a network says of all images.

    Attributes:
        model: The model's file.
        sha256: Of its bytes.
        record: The record of one's own results that speaks for it; None where none does.
        classes: Their names: the record's, else those that a record beside the model claims, else
            `class 1` and so on.
        named: Whether the names are more than such numbers.
        images: Those that could be decoded, in their order.
        bad: Those that couldn't, in their order.
        open_to: What the kernel could not keep the model from.
    """

    model: Path
    sha256: str
    record: RunRecord | None
    classes: tuple[str, ...]
    named: bool
    images: tuple[Diagnosed, ...]
    bad: tuple[BadImage, ...]
    open_to: tuple[str, ...] = ()


def diagnose(
    model: Path,
    images: Sequence[Path],
    *,
    results: Path,
    untrusted: bool = False,
    run: Run = errand.run,
) -> Diagnosis:
    """Diagnose images, each decoded as in training.

    Args:
        model: A model file, or a run's folder.
        images: Image files.
        results: The folder of one's own results, whose records speak for models.
        untrusted: Whether a model that none of them speaks for is accepted.
        run: Has the job answered by a process.

    Raises:
        Refused: The model isn't one that can be used, or nothing speaks for it.
        Interrupted: Somebody stopped it.
    """
    path = find_model(model)
    with _private_folder() as folder:
        copy = private_copy(path, folder)
        record = vouching_record(copy.sha256, results)
        if record is None and not untrusted:
            raise _nothing_speaks_for(path, copy, results)
        size = image_size_of(read_config(copy.path))
        outcomes = _decoded(images, size, folder)
        job = _job(size, outcomes, copy)
        answer = run(_errand(record, job), job, folder) if job.rows else Answer()
    claimed = record or claimed_record(copy.sha256, path)
    classes = _classes(answer, claimed)
    return Diagnosis(
        model=path,
        sha256=copy.sha256,
        record=record,
        classes=classes,
        named=claimed is not None and classes == claimed.data.classes,
        images=tuple(
            Diagnosed(images[row], scores)
            for row, scores in zip(job.rows, answer.probabilities, strict=True)
        ),
        bad=tuple(
            BadImage(path, error.reason)
            for path, error in zip(images, outcomes, strict=True)
            if error
        ),
        open_to=answer.open_to,
    )


@contextmanager
def _private_folder() -> Iterator[Path]:
    try:
        with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as name:
            yield Path(name)
    except KeyboardInterrupt:
        raise Interrupted("The prediction was interrupted.") from None
    except OSError as error:
        raise Refused(
            "A prediction needs room for a copy of the model and of the images' pixels.",
            received=f"{error.filename or tempfile.gettempdir()} ({error.strerror or error})",
            hint="free space, or name another folder by the variable TMPDIR.",
        ) from None


def _nothing_speaks_for(path: Path, copy: ModelCopy, results: Path) -> Refused:
    return Refused(
        "A model must be one that a run of yours saved.",
        received=f"{path}, whose SHA-256 {copy.sha256[:12]}… no completed run in {results} names",
        hint="name your results folder with --results, or accept the model with --untrusted.",
    )


def _decoded(images: Sequence[Path], size: int, folder: Path) -> list[UnreadableImage | None]:
    """Decode images as a training does and leave their pixels in `folder`.

    Returns:
        Why it can't be used of each image, None where it can.
    """
    with RowFile.create(folder / PIXELS_FILE, len(images), size) as rows, unheard_advice():

        def work(row: int) -> UnreadableImage | None:
            try:
                rows.write(row, decode(images[row], size).pixels)
            except UnreadableImage as error:
                return error
            return None

        return list(map_in_threads(work, range(len(images))))


def _job(size: int, outcomes: Sequence[UnreadableImage | None], copy: ModelCopy) -> PredictJob:
    rows = tuple(row for row, error in enumerate(outcomes) if error is None)
    return PredictJob(
        image_size=size,
        rows=rows,
        memory_bytes=_memory_bytes(copy),
        cpu_s=int(_deadline_s(len(rows))) * len(usable_cpus()),
    )


def _memory_bytes(copy: ModelCopy) -> int:
    most = _SHARE_OF_THE_HOST * describe_host(gpus=False).memory_bytes
    return min(_BASE_BYTES + _PER_MODEL_BYTE * copy.size_bytes, int(most))


def _errand(record: RunRecord | None, job: PredictJob) -> Errand:
    """Choose the backend that trained the network; only one's own record is asked for it."""
    backend: Backend = record.spec.backend if record else "tensorflow"
    installed = importlib.util.find_spec(backend) is not None
    return Errand(backend if installed else "tensorflow", _deadline_s(len(job.rows)))


def _deadline_s(images: int) -> float:
    return _START_S + _PER_IMAGE_S * images


def _classes(answer: Answer, claimed: RunRecord | None) -> tuple[str, ...]:
    """Return the claimed names where they are as many, and as different, as the network's."""
    names = claimed.data.classes if claimed else ()
    if not answer.probabilities:
        return names
    count = len(answer.probabilities[0])
    fitting = len(names) == len(set(names)) == count
    return names if fitting else tuple(f"class {n}" for n in range(1, count + 1))
