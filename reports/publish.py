"""What every execution ends with: its summary and its report, and the index of all results."""

from pathlib import Path

from lungbench.executions.execution import REPORT_FILE, executions
from reports.drawings.engine import own_process
from reports.over_time.index_page import rebuild_index
from reports.page.render import render
from reports.summaries.summary import write_summary


def publish(execution: Path) -> Path:
    """Write `summary.json` and `report.html` into an execution's folder; return the report.

    `index.html` of the results folder is written again, where the execution lies in one; that it
    can't be is a warning.
    """
    with own_process():
        write_summary(execution)
        report = render([execution], execution / REPORT_FILE)
    results = execution.absolute().parent.parent
    if execution.absolute() in executions(results):
        rebuild_index(results)
    return report
