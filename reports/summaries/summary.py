"""What the report's first screen says, as `summary.json`, for scripts and for the terminal."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from lungbench.executions.execution import SUMMARY_FILE
from lungbench.files import write_atomically
from lungbench.frozen import Frozen
from lungbench.guards.judging import Guard
from reports.comparing.comparison import compare
from reports.comparing.guarding import guards_of
from reports.comparing.quality import EQUIVALENCE_MARGIN
from reports.results.load import Results, load
from reports.summaries.cells import across_models, axis_figures, cell_figures
from reports.summaries.figures import (
    AcrossModels,
    AxisFigures,
    CellFigures,
    FailureFigures,
    GuardFigures,
)

CONFIDENCE = 0.95


class Summary(Frozen):
    """Everything that the report's first screen says."""

    schema_version: Literal[1] = 1
    executions: tuple[str, ...]
    baseline_device: str | None
    confidence: float = CONFIDENCE
    equivalence_margin: float = EQUIVALENCE_MARGIN
    cells: tuple[CellFigures, ...]
    across_models: tuple[AcrossModels, ...]
    axes: tuple[AxisFigures, ...] = ()
    guards: tuple[GuardFigures, ...] = ()
    failures: tuple[FailureFigures, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """All verdict sentences, for the terminal."""
        verdicts = (*(cell.verdict for cell in self.cells), *(axis.verdict for axis in self.axes))
        return tuple(sentence for verdict in verdicts for sentence in verdict)


def write_summary(results: Path) -> Summary:
    """Write `summary.json` into an execution folder and return what it says.

    Raises:
        LungbenchError: `results` is no execution folder.
        OSError: It can't be written.
    """
    summary = summarise([load(results)])
    write_atomically(results / SUMMARY_FILE, summary.model_dump_json(indent=2) + "\n")
    return summary


def read_summary(results: Path) -> Summary | None:
    """Return what an execution's `summary.json` says; None where none is there that can be read."""
    try:
        return Summary.model_validate_json((results / SUMMARY_FILE).read_bytes())
    except (OSError, ValidationError):
        return None


def summarise(executions: Sequence[Results]) -> Summary:
    """Sum up executions that were read."""
    study = compare(executions)
    return Summary(
        executions=tuple(execution.name for execution in executions),
        baseline_device=study.baseline_device,
        cells=tuple(cell_figures(each) for each in study.comparisons),
        across_models=across_models(study.comparisons),
        axes=tuple(axis_figures(each) for each in study.axes),
        guards=tuple(_guard(each) for each in guards_of(executions, study)),
        failures=tuple(
            FailureFigures(run_id=each.run_id, status=each.status, reason=each.reason)
            for execution in executions
            for each in execution.failures
        ),
    )


def _guard(guard: Guard) -> GuardFigures:
    return GuardFigures(
        name=guard.name,
        status=guard.outcome,
        found=guard.found,
        advice=guard.advice,
        runs=len(set(guard.runs)),
    )
