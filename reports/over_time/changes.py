"""Two executions of the same work, cell by cell: what became faster or slower, better or worse.

Both sides of a cell must have done the same work: images, settings, network. Where they did not,
nothing is compared and what differs is named. Versions and machines may differ, since that is
what one compares executions for; they are listed beside the figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lungbench.errors import Refused
from lungbench.record import RunRecord
from lungbench.stats.intervals import Combined, Interval, Speedup, relative, speedup
from reports.comparing.cells import Cell, CellKey, Name, names
from reports.comparing.comparison import Comparison
from reports.comparing.comparison import compare as study_of
from reports.comparing.quality import QualityVerdict, adjusted, judge
from reports.comparing.work import work_of
from reports.forms import format as fmt
from reports.results.load import Failure, Results, load
from reports.results.predictions import pair_up
from reports.summaries.measured import Changed, changed, facts_of


@dataclass(frozen=True, slots=True)
class CellChange:
    """One cell, old and new.

    Attributes:
        label: Its network and device, and what else tells it from the others.
        refused: What differs in their work; nothing is compared where anything does.
        marked: Versions and facts of the machine that differ.
        time: Old over new steady epoch time: above 1, the new one is faster. None where it is
            refused, or a side has no steady epoch.
        verdict: The new accuracy minus the old one; None where it is refused or a side was not
            evaluated.
        gain: The new speed-up over the baseline device as a multiple of the old one; None where
            either side has none.
    """

    label: str
    old: Comparison
    new: Comparison
    refused: tuple[Changed, ...] = ()
    marked: tuple[Changed, ...] = ()
    time: Speedup | None = None
    verdict: QualityVerdict | None = None
    gain: Combined | None = None

    @property
    def time_ratio(self) -> Combined | None:
        """New over old steady epoch time: above 1, the new one is slower."""
        if self.time is None:
            return None
        interval = self.time.interval
        turned = interval and Interval(1 / interval.high, 1 / interval.low)
        return Combined(1 / self.time.estimate, turned)

    @property
    def repeats(self) -> int:
        """Evaluated repeats of the side that has fewer."""
        sides = (self.old.cell.quality, self.new.cell.quality)
        return min(len(side.accuracies) if side else 0 for side in sides)


@dataclass(frozen=True, slots=True)
class Lost:
    """A cell that only one side has results of.

    Attributes:
        only_in: `OLD` or `NEW`.
        why: What became of it on the other side.
    """

    label: str
    only_in: str
    why: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed between two executions.

    Attributes:
        cells: Those that both sides have results of, in the order of the new experiment.
        lost: Those that one side lacks.
    """

    old: Results
    new: Results
    cells: tuple[CellChange, ...]
    lost: tuple[Lost, ...]

    @property
    def compared(self) -> tuple[CellChange, ...]:
        """The cells whose work was the same."""
        return tuple(cell for cell in self.cells if not cell.refused)

    @property
    def marked(self) -> tuple[Changed, ...]:
        """The versions and facts of machines that differ in any cell, each once."""
        return tuple(dict.fromkeys(each for cell in self.compared for each in cell.marked))


def changes_of(old: Path, new: Path) -> Changes:
    """Compare two execution folders.

    Raises:
        Refused: No cell of theirs can be compared; what differs is named.
        LungbenchError: One of them is no execution.
    """
    found = changes_between(load(old), load(new))
    if not found.compared:
        raise Refused(
            "Two executions are compared by cells that did the same work.",
            received=_why_nothing(found),
            expected="the same images, settings and networks on both sides",
        )
    return found


def changes_between(old: Results, new: Results) -> Changes:
    """Compare two executions that were read."""
    before, now = study_of([old]).comparisons, study_of([new]).comparisons
    name = _labels([each.cell for each in (*before, *now)])
    cells = [
        _change(name(each.cell), found, each)
        for each in now
        if (found := _counterpart(each, before))
    ]
    verdicts = adjusted([each.verdict for each in cells])
    return Changes(
        old=old,
        new=new,
        cells=tuple(
            replace(each, verdict=verdict) for each, verdict in zip(cells, verdicts, strict=True)
        ),
        lost=(
            *(_lost(name(each.cell), each, "OLD", new) for each in _missing(before, now)),
            *(_lost(name(each.cell), each, "NEW", old) for each in _missing(now, before)),
        ),
    )


def _change(label: str, old: Comparison, new: Comparison) -> CellChange:
    refused = _other_work(old.cell.runs, new.cell.runs)
    if refused:
        return CellChange(label, old, new, refused=refused)
    before, now = facts_of(old.cell.runs), facts_of(new.cell.runs)
    change = CellChange(
        label,
        old,
        new,
        marked=(*changed(before.versions, now.versions), *changed(before.machine, now.machine)),
        verdict=judge(
            old.cell.quality, new.cell.quality, pair_up(old.cell.outcomes, new.cell.outcomes)
        ),
        gain=relative(new.speedup, old.speedup) if new.speedup and old.speedup else None,
    )
    if not old.cell.steady_epochs_s or not new.cell.steady_epochs_s:
        return change
    return replace(change, time=speedup(old.cell.steady_epochs_s, new.cell.steady_epochs_s))


def _other_work(old: Sequence[RunRecord], new: Sequence[RunRecord]) -> tuple[Changed, ...]:
    """Return what differs in the work of any two runs of both sides."""
    one, every = work_of(old[0]), facts_of((*old, *new)).work
    before, now = facts_of(old).work, facts_of(new).work
    return tuple(Changed(key, before[key], now[key]) for key in every if every[key] != one.get(key))


def _axes(key: CellKey) -> tuple[str, ...]:
    return key.model, key.precision, key.backend, key.pipeline, key.device


def _counterpart(wanted: Comparison, among: Sequence[Comparison]) -> Comparison | None:
    """Return the same cell of the other side, on the same host where there are several."""
    alike = [each for each in among if _axes(each.cell.key) == _axes(wanted.cell.key)]
    host = wanted.cell.key.hostname
    return max(alike, key=lambda each: each.cell.key.hostname == host, default=None)


def _missing(here: Sequence[Comparison], there: Sequence[Comparison]) -> list[Comparison]:
    return [each for each in here if _counterpart(each, there) is None]


def _lost(label: str, cell: Comparison, only_in: str, other: Results) -> Lost:
    start = "-".join(cell.cell.runs[0].spec.cell_parts)
    failures = [each for each in other.failures if each.run_id.startswith(f"{start}-r")]
    return Lost(label, only_in, _why_lost(failures))


def _why_lost(failures: Sequence[Failure]) -> str:
    if not failures:
        return "was not asked for there"
    reasons = dict.fromkeys(f"{each.status}: {each.reason}" for each in failures)
    return "; ".join(reasons)


def _labels(cells: Sequence[Cell]) -> "_Labels":
    keys = [_anywhere(cell.key) for cell in cells]
    hosts = {(cell.key.execution, *_axes(cell.key)): set[str]() for cell in cells}
    for cell in cells:
        hosts[cell.key.execution, *_axes(cell.key)].add(cell.key.hostname)
    return _Labels({key: names(keys)(key) for key in keys}, any(len(x) > 1 for x in hosts.values()))


@dataclass(frozen=True, slots=True)
class _Labels:
    """How cells are called among those of both sides.

    Attributes:
        named: By what they are, wherever they ran.
        with_host: Whether a side has the same cell on several hosts.
    """

    named: dict[CellKey, Name]
    with_host: bool

    def __call__(self, cell: Cell) -> str:
        label = f"{cell.title} on {self.named[_anywhere(cell.key)]}"
        return f"{label}, {cell.key.hostname}" if self.with_host else label


def _anywhere(key: CellKey) -> CellKey:
    return replace(key, execution="", hostname="")


def _why_nothing(found: Changes) -> str:
    """Say what differs in every cell, each difference once."""
    if not found.cells:
        return "no cell that both have results of"
    return fmt.listed(
        [str(each) for each in dict.fromkeys(one for cell in found.cells for one in cell.refused)]
    )
