"""What was trained and tested on."""

from collections.abc import Sequence
from dataclasses import dataclass

from lungbench.counted import counted
from lungbench.data.dataset import PreparedData
from lungbench.record import DataFacts
from lungbench.settings import DataSettings
from reports.comparing.leaks import leak_sentence
from reports.drawings.brightness import greys_figure
from reports.forms import format as fmt
from reports.forms.blocks import Fact, Figure, Table, table
from reports.results.load import Results
from reports.sections.sample_images import MOST_BYTES, Sample, samples_of

_SPLITS = (("train", "#Training"), ("validation", "#Validation"), ("test", "#Test"))
_MOST_SKIPPED = 50


@dataclass(frozen=True, slots=True)
class DataOf:
    """One set of images, on which one or several executions trained.

    Attributes:
        title: Names of the executions.
        leak: What test images say that were trained on; None where there are none.
        counts: Images per class and split; None where no run recorded them.
        collections: Images of each collection and class; None where there is one only.
        skipped: Image files not used, with the reason of each; None where there are none.
        more_skipped: How many more there are than the table names, in words; None if none.
        brightness: How bright the images are, kept and discarded; None where that isn't known.
        reasons: How many were left out for each reason; None where none was.
        samples: Some of the images that were used; none where pictures are left out or gone.
    """

    title: str
    facts: tuple[Fact, ...]
    leak: str | None
    counts: Table | None
    collections: Table | None
    skipped: Table | None
    more_skipped: str | None
    brightness: Figure | None
    reasons: Table | None
    samples: tuple[Sample, ...]


def data(executions: Sequence[Results], *, pictures: bool = True) -> tuple[DataOf, ...]:
    """Describe every set of images once, however many executions trained on it.

    Args:
        executions: What was read.
        pictures: Whether some of the images are shown.
    """
    by_data: dict[str, list[Results]] = {}
    for execution in executions:
        by_data.setdefault(_identity(execution), []).append(execution)
    room = MOST_BYTES // max(1, len(by_data)) if pictures else 0
    return tuple(_data_of(alike, at, room) for at, alike in enumerate(by_data.values()))


def _identity(execution: Results) -> str:
    """Return what executions on the same images share; the folder where that isn't known."""
    described = execution.data or _recorded(execution)
    return described.fingerprint if described else str(execution.folder)


def _recorded(execution: Results) -> DataFacts | None:
    return next((run.record.data for run in execution.runs), None)


def _data_of(alike: Sequence[Results], number: int, room: int) -> DataOf:
    """Describe what all of them trained on, by the one that left the most of it on record."""
    execution = max(alike, key=_on_record)
    known = _recorded(execution)
    skipped = execution.skipped_images
    leaks = (sentence for each in alike if (sentence := leak_sentence(each)))
    return DataOf(
        title=fmt.listed([each.name for each in alike]),
        facts=_all_facts(alike),
        leak=next(leaks, None),
        counts=_counts(known, _folds(execution)) if known else None,
        collections=_collections(execution.data) if execution.data else None,
        skipped=_skipped(execution) if skipped else None,
        more_skipped=(
            f"{counted(len(skipped) - _MOST_SKIPPED, 'more file')}: see data_images.csv."
            if len(skipped) > _MOST_SKIPPED
            else None
        ),
        brightness=_brightness(execution, number),
        reasons=_reasons(execution) if skipped else None,
        samples=samples_of(execution, room) if room else (),
    )


def _on_record(execution: Results) -> int:
    """Count which of its run records, data and images an execution still has."""
    left = (_recorded(execution), execution.data, execution.images.histograms)
    return sum(bool(each) for each in left)


def _all_facts(alike: Sequence[Results]) -> tuple[Fact, ...]:
    """Return each fact once, with every value that it has in one of the executions."""
    values: dict[str, dict[str, None]] = {}
    for execution in alike:
        for fact in _facts(execution, _recorded(execution)):
            values.setdefault(fact.name, {})[fact.value] = None
    return tuple(Fact(name, fmt.listed(list(found))) for name, found in values.items())


def _brightness(execution: Results, number: int) -> Figure | None:
    histograms = execution.images.histograms
    asked = execution.experiment.data.brightness if execution.experiment else None
    if not histograms:
        return None
    return greys_figure(histograms, asked, prefix=f"greys{number}")


def _reasons(execution: Results) -> Table:
    rows = [(reason, fmt.count(number)) for reason, number in execution.images.reasons]
    return table("Why image files were left out", ("Reason", "#Files"), rows[:_MOST_SKIPPED])


def _facts(execution: Results, known: DataFacts | None) -> list[Fact]:
    prepared, experiment = execution.data, execution.experiment
    facts = []
    if described := prepared or known:
        facts += [
            Fact("Source", described.source),
            Fact("Fingerprint", described.fingerprint),
            Fact("Classes", fmt.listed(described.classes)),
        ]
    if experiment:
        size = experiment.data.image_size
        facts += [Fact("Image size", f"{fmt.pixels(size)}, grey"), Fact("Split", _split(execution))]
    return facts + (_prepared_facts(prepared) if prepared else [])


def _split(execution: Results) -> str:
    asked = execution.experiment.data if execution.experiment else DataSettings()
    crossed = f", {asked.kfold}-fold cross-validation" if asked.kfold else ""
    return f"{asked.split}, seed {asked.split_seed}{crossed}"


def _prepared_facts(prepared: PreparedData) -> list[Fact]:
    facts = [
        Fact("Images found", fmt.count(prepared.images_found)),
        Fact("Images skipped", fmt.count(prepared.images_skipped)),
    ]
    if prepared.images_left_out:
        facts.append(Fact("Images not asked for", fmt.count(prepared.images_left_out)))
    if prepared.grouped:
        said = f"{counted(prepared.grouped, 'image')} of one patient or one picture as another"
        facts.append(Fact("Kept together", said))
    if prepared.remark:
        facts.append(Fact("Note", prepared.remark))
    return facts


def _folds(execution: Results) -> int:
    return len(execution.data.folds) if execution.data else 0


def _collections(prepared: PreparedData) -> Table | None:
    if len(prepared.collections) < 2:  # noqa: PLR2004 - one collection is no choice
        return None
    rows = [
        (name, *_row([counts.get(each, 0) for each in prepared.classes]))
        for name, counts in prepared.collections.items()
    ]
    titles = ("Collection", *(f"#{name}" for name in prepared.classes), "#All")
    return table("Images used of each collection and class", titles, rows)


def _counts(known: DataFacts, folds: int) -> Table:
    rows = [
        (name, *_row([known.counts.get(split, {}).get(name, 0) for split, _ in _SPLITS]))  # type: ignore[call-overload]
        for name in known.classes
    ]
    totals = [sum(known.counts.get(split, {}).values()) for split, _ in _SPLITS]  # type: ignore[call-overload]
    titles = ("Class", *(title for _, title in _SPLITS), "#All")
    caption = "Images of each class and split" + (f", first of {folds} folds" if folds else "")
    return table(caption, titles, (*rows, ("All", *_row(totals))))


def _row(counts: Sequence[int]) -> tuple[str, ...]:
    return (*(fmt.count(each) for each in counts), fmt.count(sum(counts)))


def _skipped(execution: Results) -> Table:
    rows = [(each.path, each.reason) for each in execution.skipped_images[:_MOST_SKIPPED]]
    return table("Image files that were not used", ("File", "Reason"), rows)
