"""The guide's two services, run by a real systemd: started, restarted and killed while one trains.

Where a systemd can't be started, which takes root and a control group, nothing here can be shown.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from guide import GUIDE
from lab import AT_START, Lab
from prefect_server import free_port
from service_manager import Systemd, systemd
from waiting import wait_for

pytestmark = pytest.mark.slow

HERE = "/srv/lungbench/app"
SERVER, WORKER = "lungbench-server", "lungbench-worker"


@pytest.fixture(scope="module")
def lab(
    lab_folder: Path, lab_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Lab:
    """A lab's folder, and where its server will be."""
    start = tmp_path_factory.mktemp("start")
    (start / "sitecustomize.py").write_text(AT_START)
    api = f"http://127.0.0.1:{free_port()}/api"
    return Lab(lab_folder, api, lab_environment | {"PYTHONPATH": str(start)})


@pytest.fixture(scope="module")
def services(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Systemd]:
    """Both services, begun at once as the guide does it, and a deployment."""
    folder = tmp_path_factory.mktemp("systemd")
    with systemd(units(lab, folder / "lungbench.env"), folder) as found:
        if found is None:
            pytest.skip("systemd can't be started here")
        found.systemctl("start", SERVER, WORKER)
        wait_for(lambda: "lungbench" in pools(lab), seconds=300)  # its worker makes it
        deploy(lab)
        yield found
        found.systemctl("stop", WORKER, SERVER)


def units(lab: Lab, variables: Path) -> dict[str, str]:
    """The guide's units, with this user, this folder, this port and these variables."""
    own = ("LUNGBENCH_LOCKS", "PREFECT_HOME", "PREFECT_WORKER_QUERY_SECONDS", "PYTHONPATH")
    values = {name: lab.environment[name] for name in (*own, "STAND_IN_WAITS")}
    variables.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    port = lab.api.split(":")[2].removesuffix("/api")
    found = re.findall(r"`/etc/systemd/system/(\S+)`:\n\n```ini\n(.*?)```", GUIDE, re.DOTALL)
    for_the_guides = {
        "User=lab": "User=root",
        f"{HERE}/.venv/bin": str(Path(sys.executable).parent),
        HERE: str(lab.folder),
        "/etc/lungbench.env": str(variables),
        "4200": port,
    }
    for old, new in for_the_guides.items():
        found = [(name, text.replace(old, new)) for name, text in found]
    return dict(found)


def deploy(lab: Lab) -> None:
    """Make the one deployment that is needed here, as `prefect.yaml` has it."""
    lab.ask(
        "deployments/",
        name="nightly-quick",
        flow_id=lab.ask("flows/", name="benchmark-file")["id"],
        entrypoint="flows.scheduled.benchmark_file",
        work_pool_name="lungbench",
        job_variables={"working_dir": str(lab.folder)},
        pull_steps=[],
    )


def pools(lab: Lab) -> list[str]:
    """Return the names of the work pools; none where no server answers."""
    try:
        return [each["name"] for each in lab.ask("work_pools/filter")]
    except httpx.HTTPError:
        return []


def test_a_restart_of_the_worker_ends_its_training_in_a_true_state(
    services: Systemd, lab: Lab
) -> None:
    flow_run = lab.begin()
    assert lab.trainings()
    before = services.main(WORKER)
    services.systemctl("restart", WORKER)
    assert not lab.trainings()
    assert lab.state(flow_run) in {"CANCELLED", "CRASHED"}
    assert lab.statuses() == ["interrupted"]
    running = {"state": {"type": {"any_": ["RUNNING", "PENDING", "CANCELLING"]}}}
    assert lab.ask("flow_runs/filter", flow_runs=running) == []
    assert services.main(WORKER) != before


def test_a_server_that_is_killed_comes_back(services: Systemd, lab: Lab) -> None:
    killed = services.main(SERVER)
    killed.kill()
    wait_for(lambda: services.value(SERVER, "NRestarts") == "1")
    wait_for(lambda: pools(lab), seconds=300)
    assert services.main(SERVER) != killed
    assert services.value(WORKER, "ActiveState") == "active"


def test_both_end_in_order(services: Systemd, lab: Lab) -> None:
    services.systemctl("stop", WORKER, SERVER)
    assert [services.value(each, "Result") for each in (WORKER, SERVER)] == ["success"] * 2
    assert pools(lab) == []
