"""What was trained and tested on."""

from collections.abc import Sequence
from dataclasses import dataclass

from lungbench.record import DataFacts
from reports import format as fmt
from reports.blocks import Fact, Table, table
from reports.load import Results

_SPLITS = (("train", "#Training"), ("validation", "#Validation"), ("test", "#Test"))
_MOST_SKIPPED = 50


@dataclass(frozen=True, slots=True)
class DataOf:
    """The data of one execution.

    Attributes:
        title: The execution's name.
        counts: Images per class and split; None where no run recorded them.
        skipped: Image files not used, with the reason of each; None where there are none.
        more_skipped: How many more there are than the table names, in words; None if none.
    """

    title: str
    facts: tuple[Fact, ...]
    counts: Table | None
    skipped: Table | None
    more_skipped: str | None


def data(executions: Sequence[Results]) -> tuple[DataOf, ...]:
    """Describe the data of every execution."""
    return tuple(_data_of(execution) for execution in executions)


def _data_of(execution: Results) -> DataOf:
    known = next((run.record.data for run in execution.runs), None)
    skipped = execution.skipped_images
    return DataOf(
        title=execution.name,
        facts=tuple(_facts(execution, known)),
        counts=_counts(known) if known else None,
        skipped=_skipped(execution) if skipped else None,
        more_skipped=(
            f"{fmt.plural(len(skipped) - _MOST_SKIPPED, 'more file')}: see data_images.csv."
            if len(skipped) > _MOST_SKIPPED
            else None
        ),
    )


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
        split = f"{experiment.data.split}, seed {experiment.data.split_seed}"
        facts += [Fact("Image size", f"{fmt.pixels(size)}, grey"), Fact("Split", split)]
    if prepared:
        facts += [
            Fact("Images found", fmt.count(prepared.images_found)),
            Fact("Images skipped", fmt.count(prepared.images_skipped)),
        ]
    return facts


def _counts(known: DataFacts) -> Table:
    rows = [
        (name, *_row([known.counts.get(split, {}).get(name, 0) for split, _ in _SPLITS]))  # type: ignore[call-overload]
        for name in known.classes
    ]
    totals = [sum(known.counts.get(split, {}).values()) for split, _ in _SPLITS]  # type: ignore[call-overload]
    titles = ("Class", *(title for _, title in _SPLITS), "#All")
    return table("Images of each class and split", titles, (*rows, ("All", *_row(totals))))


def _row(counts: Sequence[int]) -> tuple[str, ...]:
    return (*(fmt.count(each) for each in counts), fmt.count(sum(counts)))


def _skipped(execution: Results) -> Table:
    rows = [(each.path, each.reason) for each in execution.skipped_images[:_MOST_SKIPPED]]
    return table("Image files that could not be used", ("File", "Reason"), rows)
