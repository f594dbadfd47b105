"""Write the report of an execution, whatever became of its runs."""

from pathlib import Path

from prefect import task

from lungbench.executions.execution import Execution
from reports.publish import publish


@task(name="report", task_run_name="report", persist_result=False)
def report(folder: Path) -> str:
    """Write `summary.json` and `report.html`; return the report's path."""
    return str(publish(Execution.open(folder).folder))
