"""A paragraph on methods, ready for a paper: from the records alone, with what was not done."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lungbench import __version__
from lungbench.counted import counted
from lungbench.environment import decisive_packages
from lungbench.record import Host, RunRecord
from lungbench.settings import Augmentation
from reports.comparing.comparison import Study
from reports.comparing.quality import EQUIVALENCE_MARGIN
from reports.forms import format as fmt
from reports.results.load import Results

_SPLITS = {"train": "training", "validation": "validation", "test": "testing"}


@dataclass(frozen=True, slots=True)
class Citation:
    """How to cite.

    Attributes:
        text: As a reference list has it.
        bibtex: For LaTeX.
    """

    text: str
    bibtex: str


def citation(now: datetime) -> Citation:
    """Return how this version is cited."""
    text = (
        f"lungbench, version {__version__} [software], {now.year}. Licence: Apache-2.0. Please "
        "cite also the paper whose comparison it repeats: Comparison Analysis of Convolutional "
        "Neural Networks Using CPU and GPU in the Diagnosis of Lung Diseases. LACCEI, 2025."
    )
    bibtex = (
        f"@software{{lungbench,\n  title = {{lungbench}},\n  version = {{{__version__}}},\n"
        f"  year = {{{now.year}}},\n  license = {{Apache-2.0}}\n}}"
    )
    return Citation(text, bibtex)


def methods(executions: Sequence[Results], study: Study) -> str:
    """Describe what was measured and how, and what was not."""
    runs = [run.record for each in executions for run in each.completed]
    if not runs:
        return "No run completed, so there are no methods to describe."
    said = (
        _what(runs, study),
        _data(executions, runs),
        _training(runs),
        _machines(runs),
        _statistics(runs, study),
        _not_done(executions, runs),
    )
    return " ".join(filter(None, said))


def _distinct(values: Sequence[str]) -> str:
    return fmt.listed(list(dict.fromkeys(values)))


def _what(runs: Sequence[RunRecord], study: Study) -> str:
    titles = list(dict.fromkeys(each.cell.title for each in study.comparisons))
    models = fmt.listed(titles)
    verb = "was" if len(titles) == 1 else "were"
    repeats = [len(each.cell.runs) for each in study.comparisons]
    return (
        f"{models} {verb} trained on {_distinct([str(run.spec.device) for run in runs])} in "
        f"{_distinct([run.spec.precision for run in runs])} with "
        f"{_distinct([run.spec.backend for run in runs])} (input pipeline: "
        f"{_distinct([run.spec.pipeline for run in runs])}), {fmt.count_range(repeats)} "
        f"independent {'run' if max(repeats) == 1 else 'runs'} a configuration, each in a process "
        "of its own; each repeat has its own seed, the same in every configuration."
    )


def _data(executions: Sequence[Results], runs: Sequence[RunRecord]) -> str:
    sentences = []
    for facts in {run.data.fingerprint: run.data for run in runs}.values():
        counts = [
            f"{fmt.count(sum(of_split.values()))} for {_SPLITS.get(name, name)}"
            for name, of_split in facts.counts.items()
        ]
        leak = (
            f" {fmt.count(facts.leaked)} test images were also trained on." if facts.leaked else ""
        )
        sentences.append(
            f"The images ({fmt.listed(facts.classes)}) were split into {fmt.listed(counts)} "
            f"(fingerprint {fmt.short_hash(facts.fingerprint)}).{leak}"
        )
    splits = _distinct([each.experiment.data.split for each in executions if each.experiment])
    kept = f" The split was “{splits}”." if splits else ""
    grouped = sum(each.data.grouped for each in executions if each.data)
    together = (
        " Copies, near-copies and the images of one patient, as far as known, were kept in one "
        "part."
        if grouped
        else ""
    )
    return " ".join(sentences) + kept + together


def _training(runs: Sequence[RunRecord]) -> str:
    specs = [run.spec for run in runs]
    sizes = _distinct([fmt.pixels(spec.image_size) for spec in specs])
    weights = _distinct([run.model.weights if run.model else run.spec.weights for run in runs])
    return (
        f"Training took {_distinct([counted(spec.epochs, 'epoch') for spec in specs])} at "
        f"{sizes} in batches of {_distinct([fmt.count(spec.batch_size) for spec in specs])} by "
        f"{_distinct([spec.optimizer.capitalize() for spec in specs])} with a learning rate of "
        f"{_distinct([f'{spec.learning_rate:g}' for spec in specs])}; images were "
        f"{_augmented([spec.augmentation for spec in specs])}. Initial weights: {weights}."
    )


def _augmented(each: Sequence[Augmentation]) -> str:
    """Say how the training images were changed; where runs differ, in how many of them."""
    found = Counter(map(_changes, each))
    if len(found) == 1:
        return next(iter(found))
    return "; ".join(f"{words} in {counted(runs, 'run')}" for words, runs in found.items())


def _changes(augmentation: Augmentation) -> str:
    said = []
    if augmentation.shear_degrees:
        said.append(f"sheared by up to {augmentation.shear_degrees:g} degrees")
    if augmentation.zoom:
        said.append(f"zoomed by up to {augmentation.zoom:.0%}")
    if augmentation.horizontal_flip:
        said.append("mirrored")
    return fmt.listed(said) if said else "not augmented"


def _machines(runs: Sequence[RunRecord]) -> str:
    hosts = [run.host for run in runs]
    found = {
        name: [host.versions[name] for host in hosts if name in host.versions]
        for name in decisive_packages()
    }
    described = dict.fromkeys(map(_machine, hosts))
    versions = [f"{name} {_distinct(numbers)}" for name, numbers in found.items() if numbers]
    return f"Hardware: {'; '.join(described)}. Software: {', '.join(versions)}."


def _machine(host: Host) -> str:
    gpus = "".join(f", {gpu.name or 'a GPU'}" for gpu in host.gpus)
    return (
        f"{host.cpu_model or 'a CPU of unknown model'} ({host.cpu_usable} of {host.cpu_logical} "
        f"logical processors, {fmt.size(host.memory_bytes)} of memory{gpus}, {host.os})"
    )


def _statistics(runs: Sequence[RunRecord], study: Study) -> str:
    said = [
        "An epoch's time is that of its training steps on a monotonic clock, the first epoch left "
        "out."
    ]
    if any(each.speedup for each in study.every):
        said.append(
            "Speed-ups are ratios of geometric means over runs with Welch's 95% interval on "
            "logarithms."
        )
    if any(run.metrics for run in runs):
        said.append("Accuracies have Wilson's 95% intervals.")
    if any(each.verdict and each.verdict.paired for each in study.every):
        said.append(
            "Sides were compared image by image by exact McNemar tests, adjusted by Holm's method, "
            "and by paired intervals against a margin of "
            f"{EQUIVALENCE_MARGIN * 100:g} percentage points."
        )
    return " ".join(said)


def _not_done(executions: Sequence[Results], runs: Sequence[RunRecord]) -> str:
    """Name what a reader might take for done."""
    said = []
    failures = sum(len(each.failures) for each in executions)
    if failures:
        said.append(f"{counted(failures, 'run')} of the experiment left no result")
    cells = Counter((run.host.hostname, run.spec.cell_parts) for run in runs)
    if 1 in cells.values():
        said.append("configurations with one run have no interval")
    if not any(each.experiment and each.experiment.data.kfold for each in executions):
        said.append("there was no cross-validation")
    if any(each.experiment and each.experiment.data.split != "folders" for each in executions):
        said.append("the test images are of the same collections as the training images")
    if any(run.timing and run.timing.predicted for run in runs):
        said.append("some times of all epochs are predicted from a few, and those runs not tested")
    if not any(each.audit for each in executions):
        said.append("the images were not audited for copies and shortcuts")
    if any(run.timing and run.timing.resumed for run in runs):
        said.append("interrupted runs were resumed and their times left out")
    sentence = fmt.listed(said)
    return f"Not done, or to be known: {sentence}."
