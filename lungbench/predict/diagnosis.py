"""Diagnose images with a saved network: the parent's side, which never imports a framework."""

import importlib.util
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lungbench.data.decode import NotAnImage, UnreadableImage
from lungbench.data.row_file import RowFile
from lungbench.errors import Interrupted, Refused
from lungbench.experiment import Backend
from lungbench.host import describe_host, usable_cpus
from lungbench.predict import errand
from lungbench.predict.card import ModelCard
from lungbench.predict.errand import Errand
from lungbench.predict.images import Given, Outcome, Picture, Taken, given_files, take
from lungbench.predict.job import PIXELS_FILE, Answer, HeatMap, PredictJob
from lungbench.predict.known import Known
from lungbench.predict.model_file import ModelCopy, find_model, private_copy
from lungbench.predict.trust import voucher_of
from lungbench.record import RunRecord

_PREFIX = "lungbench-predict-"

# What loading and a batch may take; see docs/decisions.md for what the networks here take.
_BASE_BYTES, _PER_MODEL_BYTE = 4 * 2**30, 10
_SHARE_OF_THE_HOST = 0.8
_START_S, _PER_IMAGE_S = 300.0, 5.0

MOST_EXPLAINED = 100
"""Images on a page: each takes a third of a megabyte of it."""

Run = Callable[[Errand, PredictJob, Path], Answer]


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """What a network says of one image.

    Attributes:
        path: As it was given, or below the folder that was.
        probabilities: Of each class, as the network gives them.
        calibrated: Scaled to how often it was right on images like its training images; None
            where that isn't known, and where this one is unlike them.
        flags: In what the image is unlike those that it was trained on, one line each.
        picture: The image, where an explanation was asked for.
        heat: Where the network sees its diagnosis, likewise.
    """

    path: Path
    probabilities: tuple[float, ...]
    calibrated: tuple[float, ...] | None = None
    flags: tuple[str, ...] = ()
    picture: Picture | None = field(default=None, compare=False)
    heat: HeatMap | None = None

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
        passed_over: Files below the given folders that are no images.
        card: What the run left that saved the model; None where nothing of it can be used.
        uncalibrated: Why no probability is calibrated, in a few words; empty where they are.
        backend: What the network was loaded by.
        open_to: What the kernel could not keep the model from.
    """

    model: Path
    sha256: str
    record: RunRecord | None
    classes: tuple[str, ...]
    named: bool
    images: tuple[Diagnosed, ...]
    bad: tuple[BadImage, ...]
    passed_over: tuple[Path, ...] = ()
    card: ModelCard | None = None
    uncalibrated: str = "nothing is known of the model"
    backend: Backend = "tensorflow"
    open_to: tuple[str, ...] = ()


def diagnose(
    model: Path,
    images: Sequence[Path],
    *,
    results: Path,
    untrusted: bool = False,
    classes: Sequence[str] = (),
    explain: bool = False,
    run: Run = errand.run,
) -> Diagnosis:
    """Diagnose images, each decoded as in training.

    Args:
        model: A model file, or a run's folder.
        images: Image files, and folders of such.
        results: The folder of one's own results, whose records speak for models.
        untrusted: Whether a model that none of them speaks for is accepted.
        classes: Those that the model must tell apart; none accepts any.
        explain: Whether it is asked where in the images the network sees its diagnoses.
        run: Has the job answered by a process.

    Raises:
        Refused: The model isn't one that can be used, or nothing speaks for it, or it is for other
            classes; or a folder holds no image.
        Interrupted: Somebody stopped it.
    """
    path, given = find_model(model), given_files(images)
    with _private_folder() as folder:
        copy = private_copy(path, folder)
        voucher = voucher_of(copy.sha256, results)
        if voucher is None and not untrusted:
            raise _nothing_speaks_for(path, copy, results)
        known = Known.of(path, copy, voucher)
        known.check_classes(classes)
        with RowFile.create(folder / PIXELS_FILE, len(given), known.image_size) as pixels:
            trained = known.card.appearance if known.card else None
            outcomes = take(given, pixels, trained, show=explain)
        job = _job(known, outcomes, explain=explain)
        _check_images(given, outcomes, job)
        how = _errand(known, job)
        answer = run(how, job, folder) if job.rows else Answer()
    return _diagnosis(known, list(zip(given, outcomes, strict=True)), answer, how)


def _diagnosis(
    known: Known, taken: Sequence[tuple[Given, Outcome]], answer: Answer, how: Errand
) -> Diagnosis:
    classes, bad, passed_over = known.classes(answer), [], []
    for given, outcome in taken:
        if isinstance(outcome, NotAnImage) and given.folder:
            passed_over.append(given.path)
        elif isinstance(outcome, UnreadableImage):
            bad.append(BadImage(given.path, outcome.reason))
    return Diagnosis(
        model=known.path,
        sha256=known.copy.sha256,
        record=known.record,
        classes=classes,
        named=known.claimed is not None and classes == known.names,
        images=tuple(_diagnosed(known, taken, answer)),
        bad=tuple(bad),
        passed_over=tuple(passed_over),
        card=known.card,
        uncalibrated=known.uncalibrated,
        backend=how.backend,
        open_to=answer.open_to,
    )


def _diagnosed(
    known: Known, taken: Sequence[tuple[Given, Outcome]], answer: Answer
) -> Iterator[Diagnosed]:
    usable = [(given, outcome) for given, outcome in taken if isinstance(outcome, Taken)]
    heat = answer.heat or [None] * len(usable)
    rows = zip(usable, answer.probabilities, known.calibrated(answer), heat, strict=True)
    for (given, outcome), raw, scaled, where in rows:
        calibrated = None if outcome.flags else scaled
        yield Diagnosed(given.path, raw, calibrated, outcome.flags, outcome.picture, where)


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


def _check_images(given: Sequence[Given], outcomes: Sequence[Outcome], job: PredictJob) -> None:
    """Refuse folders without an image, and more images than a page can hold."""
    pairs = zip(given, outcomes, strict=True)
    if all(each.folder and isinstance(outcome, NotAnImage) for each, outcome in pairs):
        folders = dict.fromkeys(str(each.folder) for each in given)
        raise Refused("A folder must hold images.", received=f"{', '.join(folders)} without one")
    if job.explain and len(job.rows) > MOST_EXPLAINED:
        raise Refused(
            "A page explains the diagnoses of a few images.",
            received=f"{len(job.rows):,} images",
            expected=f"at most {MOST_EXPLAINED}",
        )


def _job(known: Known, outcomes: Sequence[Outcome], *, explain: bool) -> PredictJob:
    rows = tuple(row for row, outcome in enumerate(outcomes) if isinstance(outcome, Taken))
    return PredictJob(
        image_size=known.image_size,
        rows=rows,
        memory_bytes=_memory_bytes(known.copy),
        cpu_s=int(_deadline_s(len(rows))) * len(usable_cpus()),
        explain=explain,
    )


def _memory_bytes(copy: ModelCopy) -> int:
    most = _SHARE_OF_THE_HOST * describe_host(gpus=False).memory_bytes
    return min(_BASE_BYTES + _PER_MODEL_BYTE * copy.size_bytes, int(most))


def _errand(known: Known, job: PredictJob) -> Errand:
    """Choose the backend that trained the network; only one's own record is asked for it.

    Explanations are TensorFlow's, which loads the others' networks as well.
    """
    backend: Backend = "tensorflow"
    if known.record and not job.explain:
        backend = known.record.spec.backend
    installed = importlib.util.find_spec(backend) is not None
    return Errand(backend if installed else "tensorflow", _deadline_s(len(job.rows)))


def _deadline_s(images: int) -> float:
    return _START_S + _PER_IMAGE_S * images
