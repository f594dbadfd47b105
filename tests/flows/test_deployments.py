"""`prefect.yaml`, deployed as it stands to a real server, and who uses what it deploys."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

# What the flow that reports does first with a work pool, and then with a training.
ORDERS = """
import json
from flows.pool_server import ENVIRON, PoolServer
from flows.training import FLOW_NAME
from lungbench.delivery.order import Order
from lungbench.experiment import Experiment, Matrix
from prefect.client.orchestration import get_client

experiment = Experiment.model_validate({
    "name": "tiny", "matrix": {"models": ["cnn10"], "devices": ["cpu:threads=2"]},
    "hosts": {"cpu": "lungbench"}, "delivery": {"location": "/nowhere"},
})
order = Order(
    execution="tiny/20261123T000000Z", experiment=experiment, pool="lungbench",
    fingerprint="f" * 64, run_id=experiment.runs()[0].run_id, versions={},
)
with PoolServer() as server:
    server.make_ready("lungbench", ["trainings"])
    flow_run = server.order(order, "trainings")
with get_client(sync_client=True) as client:
    ordered = client.read_flow_run(flow_run)
    flow = client.read_flow_by_name(FLOW_NAME)
    deployments = [each for each in client.read_deployments() if each.flow_id == flow.id]
    print(json.dumps({
        "ordered": str(ordered.deployment_id),
        "deployments": {each.name: str(each.id) for each in deployments
                        if each.work_pool_name == "lungbench"},
        "queue": ordered.work_queue_name,
        "order": ordered.parameters["order"] == order.model_dump(mode="json"),
        "environments": [each.job_variables["env"] == ENVIRON for each in client.read_deployments()
                         if each.work_pool_name == "lungbench"],
    }))
"""


@pytest.fixture(scope="module")
def python(lab_folder: Path, lab_environment: dict[str, str], prefect_api: str) -> Any:
    """Run Python in the lab's folder, with its server; what it must not fail at."""
    environment = lab_environment | {"PREFECT_API_URL": prefect_api, "PWD": str(lab_folder)}

    def run(*arguments: str) -> str:
        ended = subprocess.run(
            [sys.executable, *arguments],
            env=environment,
            cwd=lab_folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    run("-m", "prefect", "work-pool", "create", "lungbench", "--type", "process", "--overwrite")
    run("-m", "prefect", "--no-prompt", "deploy", "--all")
    return run


def test_the_flow_that_reports_trains_by_the_deployment_of_the_file(python: Any) -> None:
    found = json.loads(python("-c", ORDERS))
    assert list(found["deployments"]) == ["train-on-host"]
    assert found["ordered"] == found["deployments"]["train-on-host"]
    assert (found["queue"], found["order"]) == ("trainings", True)
    # What lungbench deploys by itself in another pool is told as much as what the file deploys.
    assert found["environments"] == [True] * 4
