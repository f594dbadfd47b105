"""Whether the networks are better than what needs no lungs to be seen, image by image."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from lungbench.data.shortcut_baselines import Baseline, ShortcutBaselines
from lungbench.stats.intervals import Interval, wilson
from reports.comparing.comparison import Cell, Study
from reports.comparing.quality import SIGNIFICANCE, Quality, QualityVerdict, adjusted, judge
from reports.results.load import Results
from reports.results.predictions import Outcomes, pair_up

Shown = Literal["better", "not shown to be better", "worse"]


@dataclass(frozen=True, slots=True)
class Contest:
    """One cell beside the best shortcut baseline on the same images.

    Attributes:
        execution: Whose images they are.
        verdict: The network's accuracy minus the baseline's; None where it can't be compared.
    """

    cell: Cell
    execution: Results
    baselines: ShortcutBaselines
    verdict: QualityVerdict | None

    @property
    def shown(self) -> Shown | None:
        """What is shown, by interval and adjusted test; None where nothing can be compared."""
        verdict = self.verdict
        if verdict is None:
            return None
        sure = verdict.paired is None or verdict.paired.p_adjusted <= SIGNIFICANCE
        if sure and verdict.interval.low > 0:
            return "better"
        return "worse" if sure and verdict.interval.high < 0 else "not shown to be better"


def contests(executions: Sequence[Results], study: Study) -> tuple[Contest, ...]:
    """Set every cell against the best shortcut baseline; tests are adjusted over all of them."""
    by_folder = {str(execution.folder): execution for execution in executions}
    found = [
        contest
        for each in study.comparisons
        if (contest := _contest(each.cell, by_folder[each.cell.key.execution]))
    ]
    verdicts = adjusted([each.verdict for each in found])
    return tuple(
        replace(each, verdict=verdict) for each, verdict in zip(found, verdicts, strict=True)
    )


def beats_guessing(baselines: ShortcutBaselines) -> bool:
    """Return whether the best shortcut is shown to beat the better of two ways to guess."""
    return interval_of(baselines, baselines.best_baseline).low > max(
        baselines.chance, baselines.majority
    )


def interval_of(baselines: ShortcutBaselines, baseline: Baseline) -> Interval:
    """Return Wilson's interval of a baseline's accuracy."""
    return wilson(baseline.right, len(baselines.test))


def _contest(cell: Cell, execution: Results) -> Contest | None:
    baselines = execution.audit.facts.shortcuts if execution.audit else None
    if baselines is None or not _same_images(cell, execution):
        return None
    quality, outcomes = _quality(baselines), _outcomes(baselines, execution)
    # The baseline's diagnoses of the images that each network tested, which differ by fold.
    beside = {
        turn: {path: outcomes[path] for path in there}
        for turn, there in cell.outcomes.items()
        if there.keys() <= outcomes.keys()
    }
    pairs = pair_up(beside, cell.outcomes)
    comparable = cell.quality is not None and cell.quality.images == quality.images
    verdict = judge(quality, cell.quality, pairs) if comparable else None
    return Contest(cell, execution, baselines, verdict)


def _same_images(cell: Cell, execution: Results) -> bool:
    audited = execution.audit.fingerprint if execution.audit else None
    return all(run.data.fingerprint == audited for run in cell.runs)


def _quality(baselines: ShortcutBaselines) -> Quality:
    tested, best = len(baselines.test), baselines.best_baseline
    return Quality(
        accuracy=best.right / tested,
        interval=interval_of(baselines, best),
        accuracies=(best.right / tested,),
        images=tested,
        largest_class=max(baselines.true.count(label) for label in set(baselines.true)) / tested,
    )


def _outcomes(baselines: ShortcutBaselines, execution: Results) -> Outcomes:
    """Return whether the best baseline names each test image rightly, by its path."""
    paths = execution.data.paths if execution.data else ()
    if max(baselines.test) >= len(paths):
        return {}
    told = zip(baselines.test, baselines.true, baselines.best_baseline.predicted, strict=True)
    return {paths[position]: true == predicted for position, true, predicted in told}
