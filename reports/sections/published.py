"""The paper's own figures, and where they contradict themselves."""

from dataclasses import dataclass

from lungbench.models import MODELS
from lungbench.paper import recomputed as paper
from lungbench.paper.contradictions import contradictions
from lungbench.stats.intervals import wilson
from reports.forms import format as fmt
from reports.forms.blocks import Table, table

_TITLES = (
    "Network",
    "Device",
    "#Epoch",
    "#Overall accuracy [95%]",
    "#Accuracy",
    "#Precision",
    "#Recall",
    "#Specificity",
    "#F1",
)


@dataclass(frozen=True, slots=True)
class Published:
    """The section on the paper.

    Attributes:
        runs: Its six runs: Table VII, the overall accuracies and the epoch times.
        speedups: What its epoch times come to.
        contradictions: Where its figures and its words disagree.
    """

    runs: Table
    speedups: Table
    contradictions: tuple[str, ...]


def published() -> Published:
    """Build the section."""
    speedup_rows = [
        (MODELS[each.model].title, fmt.ratio(each.estimate), _range(each))
        for each in paper.speedups()
    ]
    return Published(
        runs=table(
            "Published: one run a row, macro means, 507 test images of which many were trained on",
            _TITLES,
            [_row(run) for run in paper.published()],
        ),
        speedups=table(
            "Published epoch times, CPU over GPU; one run a side, so there is no interval",
            ("Network", "#Speed-up", "From the shortest and longest epoch"),
            speedup_rows,
        ),
        contradictions=contradictions(),
    )


def _row(run: paper.PublishedRun) -> tuple[str, ...]:
    macro = (run.macro[name] for name in ("accuracy", "precision", "recall", "specificity", "f1"))
    return (
        MODELS[run.model].title,
        run.device,
        fmt.seconds(run.epoch_s),
        fmt.share_with_interval(float(run.overall_accuracy), wilson(run.correct, run.images)),
        *(fmt.rate(float(value)) for value in macro),
    )


def _range(speedup: paper.PublishedSpeedup) -> str:
    if speedup.lowest is None or speedup.highest is None:
        return fmt.MISSING
    return f"{fmt.ratio(speedup.lowest)} to {fmt.ratio(speedup.highest)}"
