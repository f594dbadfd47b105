"""Execute an experiment file of the worker's machine: what a schedule runs, night after night.

Reads: an experiment file, its images. Writes: one folder `results/<experiment>/<started>/`.
Runs: as the deployments of `prefect.yaml`, by a worker whose folder holds the file.
"""

from pathlib import Path

from prefect import flow
from prefect.client.schemas.objects import State

from flows.benchmark import executed
from lungbench.experiment_file import load_experiment


@flow(
    name="benchmark-file",
    flow_run_name="{file.stem}",
    persist_result=False,
)
def benchmark_file(
    file: Path, settings: tuple[str, ...] = (), results: Path = Path("results")
) -> State:
    """Execute an experiment file as it is when the run begins.

    Args:
        file: The experiment file; a relative path starts at the worker's folder.
        settings: `section.key=value` texts that replace what the file says, as with
            `lungbench run --set`, e.g. `data.source=/srv/xrays`.
        results: Where the execution's folder is made.
    """
    return executed(load_experiment(file, settings), results)
