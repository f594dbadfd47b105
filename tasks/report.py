"""Write the report of an execution, whatever became of its runs, and say so in Prefect's UI."""

import os
import socket
from pathlib import Path

from prefect import task

from lungbench.executions.execution import Execution
from reports.artifact import as_markdown
from reports.publish import publish
from reports.summaries.summary import read_summary
from tasks.artifacts import key_of, show_once

ADDRESS_VARIABLE = "LUNGBENCH_REPORTS"
"""The web address under which a lab serves its results folder; the UI then links reports."""


@task(name="report", task_run_name="report", persist_result=False)
def report(folder: Path) -> str:
    """Write `summary.json` and `report.html`; return the report's path."""
    execution = Execution.open(folder)
    page = publish(execution.folder)
    if summary := read_summary(execution.folder):
        text = as_markdown(summary, place_of(page))
        show_once("markdown", key_of(execution.experiment.name, "report"), text)
    return str(page)


def place_of(page: Path) -> str:
    """Say in Markdown where a report is: a link where the lab serves it, else host and path."""
    if address := os.environ.get(ADDRESS_VARIABLE):
        path = page.relative_to(page.parents[2]).as_posix()
        return f"[{path}]({address.rstrip('/')}/{path})"
    return f"`{page}` on {socket.gethostname()}"
