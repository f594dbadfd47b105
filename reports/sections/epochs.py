"""Where a steady epoch goes, and how hard the hardware worked in it."""

from collections.abc import Sequence
from dataclasses import dataclass

from lungbench.record import RunRecord
from lungbench.stats.intervals import geometric_mean
from reports.comparing.comparison import Cell, Study
from reports.forms import format as fmt
from reports.forms.blocks import Table, table

TITLE = "What limits each cell"

EPOCHS_READING = (
    "After each training the same process trained on one batch that was there already "
    "(arithmetic), and then asked for images without training (images alone). What an epoch "
    "takes beyond its arithmetic, as far as its images explain it, is waiting. A matrix product "
    "on the spot gives the fastest that the device could multiply in this precision."
)

# Below a twentieth of the epoch, waiting is within what the control legs scatter.
_STARVED = 0.05
# More than half of an epoch is what limits it: without the rest, it would be twice as fast at most.
_HALF = 0.5
# Of a share, in a percentage with one decimal.
_DECIMALS = 3


@dataclass(frozen=True, slots=True)
class EpochUse:
    """What became of the epochs.

    Attributes:
        sentences: What limits each cell, one each.
    """

    reading: str
    sentences: tuple[str, ...]
    parts: Table | None
    work: Table | None


def epochs(study: Study) -> EpochUse:
    """Return where the epochs of every cell went."""
    cells = [each.cell for each in study.comparisons if _waiting(each.cell) is not None]
    return EpochUse(
        reading=EPOCHS_READING,
        sentences=tuple(_sentence(cell) for cell in cells) if cells else (),
        parts=_parts(cells),
        work=_work(cells),
    )


def _sentence(cell: Cell) -> str:
    """Say what limits a cell, as far as the control legs tell."""
    waiting, computing = _waiting(cell) or 0.0, _computing(cell) or 0.0
    name = f"{cell.title} on {cell.label}"
    if waiting >= _HALF:
        return (
            f"{name} is limited by its images: it waits for them {fmt.share(waiting)} of an epoch. "
            "Faster arithmetic would gain little."
        )
    if computing >= _HALF:
        return (
            f"{name} is limited by its arithmetic, {_of_epoch(computing)}"
            f"{_pace(cell)}; {_waits(waiting)}."
        )
    return (
        f"{name} is limited by no single thing: arithmetic takes {fmt.share(computing)} of an "
        f"epoch and waiting for images {fmt.share(waiting)}."
    )


def _of_epoch(share: float) -> str:
    """Write a share of the epoch; a control leg that was disturbed takes longer than the epoch."""
    whole = round(share, _DECIMALS) >= 1
    return "which takes all of an epoch" if whole else f"{fmt.share(share)} of an epoch"


def _waits(waiting: float) -> str:
    if waiting < _STARVED:
        return "it does not wait for images"
    return f"it waits {fmt.share(waiting)} of the epoch for images"


def _pace(cell: Cell) -> str:
    """Say how near to its fastest the device multiplied."""
    achieved, peak = _rates(cell)
    if not achieved or not peak:
        return ""
    return f", at {fmt.share(achieved / peak)} of this device's fastest matrix product"


def _computing(cell: Cell) -> float | None:
    """Return the mean share of the epoch that was spent in arithmetic."""
    return _mean(
        [
            run.timing.epoch_parts.compute_s / run.timing.steady_epoch_s
            for run in cell.timed_runs
            if run.timing and run.timing.epoch_parts and run.timing.steady_epoch_s
        ]
    )


def _rates(cell: Cell) -> tuple[float | None, float | None]:
    """Return the operations a second that were done, and the most that the device can do."""
    achieved = [value for run in cell.timed_runs if (value := achieved_flops_per_s(run))]
    peaks = [run.controls.matmul_flops_per_s for run in cell.runs if run.controls]
    return (
        geometric_mean(achieved) if achieved else None,
        geometric_mean(peaks) if peaks else None,
    )


def _waiting(cell: Cell) -> float | None:
    """Return the mean share of the epoch that was spent waiting for images."""
    shares = [
        run.timing.epoch_parts.stall_s / run.timing.steady_epoch_s
        for run in cell.timed_runs
        if run.timing and run.timing.epoch_parts and run.timing.steady_epoch_s
    ]
    return sum(shares) / len(shares) if shares else None


def _parts(cells: Sequence[Cell]) -> Table | None:
    figures = ("#Steady epoch", "#Arithmetic", "#Waiting", "#Rest", "#Images alone")
    rows = [(cell.title, cell.label, *_part_texts(cell)) for cell in cells]
    caption = "Where a steady epoch goes (means of the runs)"
    return table(caption, ("Network", "Device", *figures), rows) if rows else None


def _part_texts(cell: Cell) -> tuple[str, ...]:
    timings = [run.timing for run in cell.timed_runs if run.timing]
    parts = [timing.epoch_parts for timing in timings if timing.epoch_parts]
    loaders = [run.controls.loader_s for run in cell.runs if run.controls]
    means = (
        cell.steady_epoch_s,
        _mean([part.compute_s for part in parts]),
        _mean([part.stall_s for part in parts]),
        _mean([part.rest_s for part in parts]),
        _mean(loaders),
    )
    return tuple(fmt.seconds(mean) for mean in means)


def _work(cells: Sequence[Cell]) -> Table | None:
    titles = (
        "Network",
        "Device",
        "#Operations an image",
        "#Images/s",
        "#Achieved",
        "#Matrix product",
        "#Share of it",
        "#Images a joule",
    )
    rows = [(cell.title, cell.label, *_work_texts(cell)) for cell in cells]
    caption = "How hard the hardware worked while training (means of the runs)"
    return table(caption, titles, rows, only_known=True) if rows else None


def _work_texts(cell: Cell) -> tuple[str, ...]:
    rate, peak = _rates(cell)
    operations = cell.runs[0].model.training_flops if cell.runs[0].model else None
    return (
        fmt.operations(operations),
        fmt.significant(cell.mean_images_per_s),
        fmt.operations_per_s(rate),
        fmt.operations_per_s(peak),
        fmt.share(rate / peak if rate and peak else None),
        fmt.significant(_mean([value for run in cell.runs if (value := images_per_j(run))])),
    )


def achieved_flops_per_s(run: RunRecord) -> float | None:
    """Return the operations a second that a run's steady epochs did."""
    if not (run.model and run.model.training_flops and run.timing and run.timing.images_per_s):
        return None
    return run.model.training_flops * run.timing.images_per_s


def images_per_j(run: RunRecord) -> float | None:
    """Return the images trained per joule of the GPUs over the whole run.

    None without a meter, and of a resumed run, whose meter saw its last attempt only.
    """
    if not (run.resources and run.resources.energy_j) or run.resumption:
        return None
    return len(run.epochs) * sum(run.data.counts["train"].values()) / run.resources.energy_j


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
