"""`prefect.yaml`, deployed as it stands to a real server, and who uses what it deploys."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect_server import client_of

pytestmark = pytest.mark.slow

SET_UP = "from flows.cli import main; main()", "serve", "--set-up-only"  # of the guide for labs

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

    # As a worker does that is started first.
    with client_of(prefect_api) as client:
        pool = client.post("work_pools/", json={"name": "lungbench", "type": "process"})
    # The server is shared: another module may have had a worker.
    assert pool.status_code in {httpx.codes.CREATED, httpx.codes.CONFLICT}
    run("-c", *SET_UP)
    return run


def test_the_flow_that_reports_trains_by_the_deployment_of_the_file(python: Any) -> None:
    found = json.loads(python("-c", ORDERS))
    assert list(found["deployments"]) == ["train-on-host"]
    assert found["ordered"] == found["deployments"]["train-on-host"]
    assert (found["queue"], found["order"]) == ("trainings", True)
    # What lungbench deploys by itself in another pool is told as much as what the file deploys.
    assert found["environments"] == [True] * 4


def test_what_people_set_in_the_ui_outlives_setting_up_again(python: Any, prefect_api: str) -> None:
    with client_of(prefect_api) as client:
        before = nightly(client)
        at_3 = {"cron": "0 3 * * *", "timezone": "Asia/Tokyo"}
        switched_on = {"slug": "every-night", "schedule": at_3, "active": True}
        theirs = {"file": "tiny.toml", "settings": ["data.source=/srv/xrays"]}
        change = {"schedules": [switched_on], "parameters": theirs, "paused": True}
        client.patch(f"deployments/{before['id']}", json=change).raise_for_status()
        changed = nightly(client)
        client.patch(f"deployments/{before['id']}", json={"description": "old"}).raise_for_status()
        python("-c", *SET_UP)
        after = nightly(client)
    assert [what_is_theirs(each) for each in (after, changed)] == [
        (theirs, True, [("every-night", "0 3 * * *", "Asia/Tokyo", True)])
    ] * 2
    assert after["description"] == before["description"]


def nightly(client: httpx.Client) -> Any:
    found = client.post("deployments/filter", json={}).raise_for_status().json()
    return next(each for each in found if each["name"] == "nightly-quick")


def what_is_theirs(deployment: Any) -> tuple[Any, ...]:
    schedules = [
        (each["slug"], each["schedule"]["cron"], each["schedule"]["timezone"], each["active"])
        for each in deployment["schedules"]
    ]
    return deployment["parameters"], deployment["paused"], schedules


def test_setting_up_limits_the_queues_and_ends_dead_flow_runs(
    python: Any, prefect_api: str
) -> None:
    with client_of(prefect_api) as client:
        queues = client.post("work_pools/lungbench/queues/filter", json={}).json()
        automations = client.post("automations/filter", json={}).json()
    limits = {each["name"]: each["concurrency_limit"] for each in queues}
    assert {limits[name] for name in ("on-demand", "nightly-quick", "weekly-paper")} == {1}
    assert [each["name"] for each in automations if each["enabled"]] == [
        "lungbench: end flow runs without a heartbeat"
    ]


@pytest.mark.parametrize(
    ("api", "code", "rule"),
    [("", 3, "must be a server"), ("http://127.0.0.1:1/api", 1, "must succeed")],
)
def test_what_cannot_be_set_up_is_one_line(
    api: str, code: int, rule: str, lab_folder: Path, lab_environment: dict[str, str]
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", *SET_UP],
        env=lab_environment | ({"PREFECT_API_URL": api} if api else {}),
        cwd=lab_folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert ended.returncode == code
    assert len(ended.stderr.splitlines()) == 1
    assert rule in ended.stderr
