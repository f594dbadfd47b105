"""What may be compared with what, by how much they differ, and why the rest may not.

Along each axis of the matrix, every cell is set against the cell of that axis' first value that
did the same work otherwise; where something else differs, there is no speed-up but the list of
what differs.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from lungbench.stats.intervals import Combined, Speedup, combined, speedup
from reports.comparing.cells import Axis, Cell, CellKey, asked_of, baseline_of, cells_of
from reports.comparing.quality import QualityVerdict, adjusted, judge
from reports.comparing.work import Difference, differences
from reports.results.load import Results
from reports.results.predictions import pair_up

__all__ = [
    "AxisStudy",
    "Cell",
    "Comparison",
    "Study",
    "combined_by_label",
    "compare",
]

# Besides the device, in the order of the page.
_AXES: tuple[Axis, ...] = ("precision", "pipeline", "backend")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One cell beside its baseline.

    Attributes:
        baseline: None where no completed run of the baseline fits.
        differences: Why there is no speed-up although both sides have runs.
        missing: Why there is nothing to compare, in words.
        speedup: None for the baseline itself and where a speed-up is refused.
        axis: What the two sides differ in by intent.
    """

    cell: Cell
    is_baseline: bool
    baseline: Cell | None = None
    differences: tuple[Difference, ...] = ()
    missing: str | None = None
    speedup: Speedup | None = None
    verdict: QualityVerdict | None = None
    axis: Axis = "device"

    @property
    def refusal(self) -> str | None:
        """Why no speed-up is shown, in one sentence; None where one is, and for the baseline."""
        what = "no speed-up" if self.axis == "device" else f"no speed-up by {self.axis}"
        if self.differences:
            return f"{what}: {'; '.join(str(each) for each in self.differences)}."
        return None if self.missing is None else f"{what}: {self.missing}"

    @property
    def other_host(self) -> bool:
        """Whether the two sides trained on different machines."""
        return self.baseline is not None and self.baseline.key.hostname != self.cell.key.hostname

    @property
    def timed_only(self) -> tuple[Cell, ...]:
        """The sides that were timed for a few epochs only and diagnose nothing."""
        sides = (self.baseline, self.cell)
        return tuple(side for side in sides if side is not None and side.timing_only)


@dataclass(frozen=True, slots=True)
class AxisStudy:
    """All cells along one axis besides the device.

    Attributes:
        baseline: The axis' first value, which the others are compared with.
        comparisons: One a cell of another value; tests are adjusted over these.
    """

    axis: Axis
    baseline: str
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True)
class Study:
    """All cells of a report, set against their baselines.

    Attributes:
        baseline_device: The first device of the first experiment.
        comparisons: One a cell, along the devices: models together, in the order of the experiment.
        axes: The other axes along which cells can be compared.
    """

    baseline_device: str | None
    comparisons: tuple[Comparison, ...]
    axes: tuple[AxisStudy, ...] = ()

    @property
    def every(self) -> tuple[Comparison, ...]:
        """The comparisons along all axes, those along the devices first."""
        return (*self.comparisons, *(each for axis in self.axes for each in axis.comparisons))


def compare(executions: Sequence[Results]) -> Study:
    """Set every cell against the baselines that did the same work."""
    cells = cells_of(executions)
    studies = (_axis_study(axis, executions, cells) for axis in _AXES)
    return Study(
        baseline_device=baseline_of(executions, "device"),
        comparisons=_along("device", baseline_of(executions, "device"), cells),
        axes=tuple(study for study in studies if study),
    )


def combined_by_label(
    comparisons: Iterable[Comparison],
) -> dict[str, tuple[Combined, tuple[str, ...]]]:
    """Return the geometric mean over models, and their titles, of each label with several.

    Args:
        comparisons: All along one axis.
    """
    groups: dict[str, list[tuple[str, Speedup]]] = defaultdict(list)
    for each in comparisons:
        if each.speedup is not None:
            groups[each.cell.label].append((each.cell.title, each.speedup))
    return {
        label: (
            combined(speedup for _, speedup in group),
            tuple(title for title, _ in group),
        )
        for label, group in groups.items()
        if len(group) > 1
    }


def _axis_study(
    axis: Axis, executions: Sequence[Results], cells: Sequence[Cell]
) -> AxisStudy | None:
    """Compare along an axis; None where nothing varies that could be compared."""
    baseline = baseline_of(executions, axis)
    found = [each for each in _along(axis, baseline, cells) if not each.is_baseline]
    asked = any(len(asked_of(execution, axis)) > 1 for execution in executions)
    if baseline is None or not found or not (asked or any(each.baseline for each in found)):
        return None
    return AxisStudy(axis, baseline, tuple(found))


def _along(axis: Axis, first: str | None, cells: Sequence[Cell]) -> tuple[Comparison, ...]:
    baselines: dict[tuple[str, ...], list[Cell]] = defaultdict(list)
    for cell in cells:
        if cell.key.value(axis) == first:
            baselines[_shared(cell.key, axis)].append(cell)
    compared = [
        Comparison(cell, is_baseline=True, axis=axis)
        if cell.key.value(axis) == first
        else _compared(cell, baselines[_shared(cell.key, axis)], axis)
        for cell in cells
    ]
    verdicts = adjusted([each.verdict for each in compared])
    return tuple(
        replace(each, verdict=verdict) for each, verdict in zip(compared, verdicts, strict=True)
    )


def _compared(cell: Cell, candidates: Sequence[Cell], axis: Axis) -> Comparison:
    if not candidates:
        return Comparison(cell, is_baseline=False, missing=_MISSING[axis], axis=axis)
    baseline = max(candidates, key=lambda each: _likeness(each.key, cell.key, axis))
    beside = Comparison(cell, is_baseline=False, baseline=baseline, axis=axis)
    if found := differences(baseline.runs, cell.runs, axis):
        return replace(beside, differences=found)
    if not baseline.steady_epochs_s or not cell.steady_epochs_s:
        return replace(beside, missing=_NO_STEADY_EPOCH)
    return replace(
        beside,
        speedup=speedup(baseline.steady_epochs_s, cell.steady_epochs_s),
        verdict=judge(baseline.quality, cell.quality, pair_up(baseline.outcomes, cell.outcomes)),
    )


_MISSING: dict[Axis, str] = {
    "device": "no run of the baseline device completed.",
    "precision": "no run of the baseline precision completed on this device.",
    "pipeline": "no run of the baseline pipeline completed on this device.",
    "backend": "no run of the baseline backend completed on this device.",
}
_NO_STEADY_EPOCH = (
    "a side has no steady epoch; the first one holds tracing and compilation, so train 2 or more."
)


def _shared(key: CellKey, axis: Axis) -> tuple[str, ...]:
    """Return what two cells have in common that can be sides of a comparison along an axis."""
    return (key.model,) if axis == "device" else (key.model, key.device)


def _likeness(one: CellKey, other: CellKey, axis: Axis) -> tuple[bool, ...]:
    """Rank baselines: the same variant first, then the same folder, then the same machine."""
    rest = [name for name in _AXES if name != axis]
    return (
        [one.value(name) for name in rest] == [other.value(name) for name in rest],
        one.execution == other.execution,
        one.hostname == other.hostname,
    )
