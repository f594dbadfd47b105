"""Where the paper contradicts itself: one sentence each, its figures taken from the paper's data.

Every check looks before it speaks: with other figures it stays silent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations

from lungbench.metrics import RATE_NAMES
from lungbench.models import MODELS
from lungbench.paper.published import (
    CLASSES,
    PublishedRun,
    Statements,
    four_decimals,
    published,
    recomputed,
    statements,
)
from lungbench.stats.intervals import wilson

EpochTimes = Mapping[tuple[str, str], float]

# Most totals are called approximate; the five that fit lie within 7.2 % of their epochs.
_TOTAL_TOLERANCE = 0.10
# Between epoch times on one CPU: beyond what caches and small layers make of equal arithmetic.
_FAR_HEAVIER = 2.0


@dataclass(frozen=True, slots=True)
class Paper:
    """What can contradict itself: the six runs and what the prose states."""

    runs: tuple[PublishedRun, ...]
    text: Statements


def contradictions() -> tuple[str, ...]:
    """Return the paper's contradictions, one sentence each."""
    return contradictions_in(Paper(published(), statements()))


def contradictions_in(paper: Paper) -> tuple[str, ...]:
    """Return the contradictions among these figures and statements."""
    return tuple(sentence for check in _CHECKS for sentence in check(paper))


def _training_time(paper: Paper) -> list[str]:
    epochs = paper.text.epochs
    return [
        f"Section IV, {_name(run)}: {epochs} epochs of {run.epoch_s:g} s make "
        f"{epochs * run.epoch_s / 60:g} min, but the stated total is {run.total_s_stated / 60:g} "
        "min."
        for run in paper.runs
        if not _total_fits(run, epochs)
    ]


def _total_fits(run: PublishedRun, epochs: int) -> bool:
    shortest, longest = run.epoch_s_range or (run.epoch_s, run.epoch_s)
    lowest, highest = shortest * (1 - _TOTAL_TOLERANCE), longest * (1 + _TOTAL_TOLERANCE)
    return lowest <= run.total_s_stated / epochs <= highest


def _best_model(paper: Paper) -> list[str]:
    named = paper.text.best_model
    best = max(paper.runs, key=lambda run: run.overall_accuracy)
    leads_everywhere = all(
        best.macro[rate] == max(run.macro[rate] for run in paper.runs) for rate in RATE_NAMES
    )
    if best.model == named or not leads_everywhere:
        return []
    accuracies = [str(run.overall_accuracy) for run in paper.runs if run.model == named]
    return [
        f"Table VII, section V: {_name(best)} leads in all {len(RATE_NAMES)} rates, but the "
        f"conclusion names the {MODELS[named].title} the best; its overall accuracies are "
        f"{' and '.join(accuracies)} against {best.overall_accuracy}."
    ]


def _general_precision(paper: Paper) -> list[str]:
    overall = sum(
        run.overall_accuracy == four_decimals(recomputed(run).overall_accuracy)
        for run in paper.runs
    )
    precision = sum(run.overall_accuracy == run.macro["precision"] for run in paper.runs)
    if overall <= precision:
        return []
    return [
        f"Tables I to VI: General Precision is overall accuracy in {overall} of {len(paper.runs)} "
        f"tables, and the mean precision of Table VII in {precision} of them."
    ]


def _two_accuracies(paper: Paper) -> list[str]:
    apart = [run for run in paper.runs if run.macro["accuracy"] != run.overall_accuracy]
    return [
        f"Table VII and abstract, {_name(run)}: Accuracy is {run.macro['accuracy']}, a mean of "
        f"{len(CLASSES)} one-against-the-rest accuracies, but the abstract calls "
        f"{run.overall_accuracy} accuracy, the share of {run.correct} in {run.images} images "
        "diagnosed rightly."
        for run in apart[:1]
    ]


def _test_images(paper: Paper) -> list[str]:
    available = paper.text.images // len(CLASSES)
    train, validation = paper.text.train_images_per_class, paper.text.validation_images_per_class
    if train + validation < available:
        return []
    return [
        f"Section III.B: {train} training and {validation} validation images are all {available} "
        f"of a class, so that the {paper.runs[0].images // len(CLASSES)} test images are taken "
        f"from {' and '.join(paper.text.test_images_taken_from)} and measure no generalisation."
    ]


def _training_images(paper: Paper) -> list[str]:
    abstract = paper.text.training_images_in_the_abstract
    section_iv = paper.text.training_images_in_section_iv
    if abstract == section_iv:
        return []
    return [f"The abstract trains on {abstract:,} images, section IV.A on {section_iv:,}."]


def _tensorflow_versions(paper: Paper) -> list[str]:
    versions = paper.text.tensorflow_versions
    if len(versions) == 1:
        return []
    return [
        f"Section III.C: TensorFlow {' and '.join(versions)} are named, the first for the GPU, so "
        "that the two sides of a speed-up may not have run the same software."
    ]


def _file_names(paper: Paper) -> list[str]:
    return [
        f"Section IV: {_name(first)} and {_name(second)} are both saved as {first.saved_as}, so "
        "that one may have replaced the other."
        for first, second in combinations(paper.runs, 2)
        if first.saved_as is not None and first.saved_as == second.saved_as
    ]


def _accuracy_across_devices(paper: Paper) -> list[str]:
    return [
        f"Tables {first.table} and {second.table}: with another device the overall accuracy of "
        f"{MODELS[first.model].title} goes from {first.overall_accuracy:.2%} to "
        f"{second.overall_accuracy:.2%}, further than chance in {first.images} images explains "
        "(95% Wilson intervals apart)."
        for first, second in combinations(paper.runs, 2)
        if first.model == second.model and _apart(first, second)
    ]


def _apart(first: PublishedRun, second: PublishedRun) -> bool:
    one, other = (wilson(run.correct, run.images) for run in (first, second))
    return one.high < other.low or other.high < one.low


def _epochs_on_the_gpu(paper: Paper) -> list[str]:
    """Find networks far heavier than the lightest on the CPU, and no slower on the GPU."""
    epoch_s: EpochTimes = {(run.model, run.device): run.epoch_s for run in paper.runs}
    models = dict.fromkeys(run.model for run in paper.runs)
    light = min(models, key=lambda model: epoch_s[model, "cpu"])
    return [
        f"Section IV: {MODELS[heavy].title} takes {_times(epoch_s, heavy, light):.1f} times as "
        f"long as the {MODELS[light].title} on the CPU, but {epoch_s[heavy, 'gpu']:g} against "
        f"{epoch_s[light, 'gpu']:g} s on the GPU, so that an epoch there is more than arithmetic."
        for heavy in models
        if _times(epoch_s, heavy, light) >= _FAR_HEAVIER
        and epoch_s[heavy, "gpu"] <= epoch_s[light, "gpu"]
    ]


def _times(epoch_s: EpochTimes, heavy: str, light: str) -> float:
    return epoch_s[heavy, "cpu"] / epoch_s[light, "cpu"]


def _name(run: PublishedRun) -> str:
    return f"{MODELS[run.model].title} on the {run.device.upper()}"


_CHECKS: tuple[Callable[[Paper], list[str]], ...] = (
    _training_time,
    _best_model,
    _general_precision,
    _two_accuracies,
    _test_images,
    _training_images,
    _tensorflow_versions,
    _file_names,
    _accuracy_across_devices,
    _epochs_on_the_gpu,
)
