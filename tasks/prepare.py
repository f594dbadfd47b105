"""Decode and split the images of an execution."""

from pathlib import Path

from prefect import task

from lungbench.executions.execution import Execution


@task(name="prepare", task_run_name="prepare", persist_result=False)
def prepare(folder: Path) -> dict[str, int]:
    """Prepare the data of an execution; return the images per split."""
    data = Execution.open(folder).prepare()
    return {split: len(rows) for split, rows in data.rows.items()}
