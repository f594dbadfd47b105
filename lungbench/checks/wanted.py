"""Checks of what an experiment asks for: its images, devices, backends and weights."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from lungbench.checks import Asked, Check
from lungbench.counted import counted
from lungbench.data.decode import UnreadableImage, examine_bytes, read_bytes
from lungbench.data.file_table import IMAGE_SUFFIXES
from lungbench.data.keras_files import ADVICE, PAPER, in_words, passed_over, suffix_of
from lungbench.data.listing import FoundFile
from lungbench.data.sources import is_drawn, source_of
from lungbench.errors import LungbenchError
from lungbench.experiment import Experiment
from lungbench.host import why_unusable
from lungbench.models import MODELS
from lungbench.weights import keras_models_folder, missing_weights

_LOOKED_AT = 8  # of each class: a large folder of X-rays takes minutes to decode


def data(asked: Asked) -> Iterator[Check]:
    """See whether the image folder can be used: its classes, and some images of each."""
    if asked.experiment is None:
        return
    if is_drawn(asked.experiment.data):
        yield Check("data", "pass", "synthetic images are drawn")
        return
    try:
        source = source_of(asked.experiment.data)
        files = tuple(source.files)
    except LungbenchError as error:
        found = f"{error.rule} {error.received or ''}".strip()
        yield Check("data", "fail", found, error.hint or "correct data.source.")
        return
    yield _looked_at(source.root, files)
    if PAPER in asked.experiment.matrix.pipelines:
        yield from _read_by_keras(files)


def _read_by_keras(files: tuple[FoundFile, ...]) -> Iterator[Check]:
    """Warn of what is called an image and what the paper's pipeline would pass over."""
    paths = (file.path for file in files if not file.reason)
    if left_out := passed_over(path for path in paths if suffix_of(path) in IMAGE_SUFFIXES):
        found = f"{counted(left_out.total(), 'file')} that Keras passes over: {in_words(left_out)}"
        yield Check("paper pipeline", "fail", found, ADVICE)


def devices(asked: Asked) -> Iterator[Check]:
    """See whether this machine has the devices of the matrix, and the backends can use them."""
    if asked.experiment is None:
        return
    answers = why_unusable(asked.experiment.matrix, asked.host)
    reasons = dict.fromkeys(filter(None, answers))
    if not reasons:
        yield Check("devices", "pass", ", ".join(map(str, asked.experiment.matrix.devices)))
        return
    none_left = all(answers)
    advice = "change matrix.devices" + ("." if none_left else "; these runs are skipped.")
    yield Check("devices", "fail" if none_left else "warn", "; ".join(reasons), advice)


def backends(asked: Asked) -> Iterator[Check]:
    """See whether the frameworks of the matrix are installed."""
    if asked.experiment is None:
        return
    wanted = asked.experiment.matrix.backends
    absent = [backend for backend in wanted if backend not in asked.host.versions]
    if not absent:
        versions = (f"{backend} {asked.host.versions[backend]}" for backend in wanted)
        yield Check("backends", "pass", ", ".join(versions))
        return
    extras = ",".join(absent)
    advice = f'install the extra: pip install -c constraints.txt "lungbench[{extras}]".'
    none_left = len(absent) == len(wanted)
    yield Check(
        "backends", "fail" if none_left else "warn", f"{', '.join(absent)} not installed", advice
    )


def weights(asked: Asked) -> Iterator[Check]:
    """See whether the pretrained weights lie where Keras looks for them."""
    if asked.experiment is None:
        return
    if absent := _absent_files(asked.experiment):
        yield Check("weights", "fail", f"{', '.join(absent)} not found", "correct train.weights.")
    elif missing := missing_weights(asked.experiment):
        files = ", ".join(str(MODELS[name].weights_file) for name in missing)
        advice = (
            f"they are downloaded when a run starts; without a network put {files} "
            f'into {keras_models_folder()}, or set train.weights = "none".'
        )
        yield Check("weights", "warn", f"none yet for {', '.join(missing)}", advice)
    else:
        yield Check("weights", "pass", "all that is asked for is here")


def _absent_files(experiment: Experiment) -> list[str]:
    """Return the files of weights that are named and aren't there."""
    named = {experiment.train.weights_of(model) for model in experiment.matrix.models}
    files = sorted(named - {"imagenet", "none"})
    return [file for file in files if not Path(file).is_file()]


def _looked_at(source: Path, files: tuple[FoundFile, ...]) -> Check:
    """Decode some images of each class, spread over its files."""
    by_class: dict[str, list[FoundFile]] = defaultdict(list)
    for file in files:
        by_class[file.class_name].append(file)
    chosen = {name: _spread(of_class) for name, of_class in by_class.items()}
    bad = {name: _unreadable(source, some) for name, some in chosen.items()}
    looked_at, unreadable = sum(map(len, chosen.values())), sum(map(len, bad.values()))
    found = f"{len(files)} files in {len(by_class)} classes; {looked_at} looked at"
    if not unreadable:
        return Check("data", "pass", f"{found}, all readable")
    example = next(reason for reasons in bad.values() for reason in reasons)
    hopeless = any(len(bad[name]) == len(chosen[name]) for name in bad)
    advice = f"see every file with `lungbench data inspect {source}`."
    text = f"{found}, {unreadable} not usable, such as {example}"
    return Check("data", "fail" if hopeless else "warn", text, advice)


def _spread(files: list[FoundFile]) -> list[FoundFile]:
    return files[:: -(-len(files) // _LOOKED_AT)]


def _unreadable(source: Path, files: list[FoundFile]) -> list[str]:
    reasons = []
    for file in files:
        if file.reason:
            reasons.append(f"{file.path} ({file.reason})")
            continue
        try:
            examine_bytes(read_bytes(source / file.path))
        except UnreadableImage as error:
            reasons.append(f"{file.path} ({error.reason})")
    return reasons
