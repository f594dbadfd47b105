"""What every execution ends with: its summary and its report, beside its runs."""

from pathlib import Path

from lungbench.executions.execution import REPORT_FILE
from reports.render import render
from reports.summary import write_summary


def publish(execution: Path) -> Path:
    """Write `summary.json` and `report.html` into an execution's folder; return the report."""
    write_summary(execution)
    return render([execution], execution / REPORT_FILE)
