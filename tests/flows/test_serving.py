"""`lungbench serve`: real server, real worker, a schedule that fires, and an end in order.

The server has a password, so that all that happens here happens with it.
"""

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from prefect_server import client_of
from waiting import wait_for
from webhook import receiving

from flows.draining import drain
from flows.serving import CLIENT_PASSWORD, PASSWORD, Address
from lungbench.executions.execution import executions
from lungbench.record import read_record, run_folders
from lungbench.run.lock import FOLDER_VARIABLE, host_lock

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
LUNGBENCH = (sys.executable, "-c", "from flows.cli import main; main()")

LOGIN = ("lab", "hunter2-zq")
Serving = tuple["subprocess.Popen[str]", httpx.Client]


@pytest.fixture(scope="module")
def serving(lab_folder: Path, lab_environment: dict[str, str]) -> Iterator[Serving]:
    """The command in that folder, once its worker waits; and a client of its server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    api = f"http://127.0.0.1:{port}/api"
    serve = subprocess.Popen(
        [*LUNGBENCH, "serve", "--port", str(port)],
        cwd=lab_folder,
        env=lab_environment | {PASSWORD: ":".join(LOGIN)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert serve.stderr is not None
        said = [serve.stderr.readline() for _ in range(2)]
        assert said[0] == f"Prefect's UI: http://127.0.0.1:{port}\n", said
        assert "A worker waits for runs" in said[1], said
        with logged_in(api) as client:
            yield serve, client
    finally:
        serve.send_signal(signal.SIGINT)
        serve.communicate(timeout=120)


def logged_in(api: str) -> httpx.Client:
    """Return a client that has the password, and a token against forged requests."""
    asked = httpx.get(f"{api}/csrf-token", params={"client": "tests"}, auth=LOGIN, timeout=30)
    token = asked.raise_for_status().json()["token"]
    headers = {"Prefect-Csrf-Client": "tests", "Prefect-Csrf-Token": token}
    return client_of(api, auth=LOGIN, headers=headers)


def ask(client: httpx.Client, path: str, **body: Any) -> Any:
    return client.post(path, json=body).raise_for_status().json()


def deployment(client: httpx.Client, name: str) -> Any:
    found = ask(client, "deployments/filter")
    return next(each for each in found if each["name"] == name)


def test_everything_is_deployed_and_nothing_runs_by_itself(serving: Serving) -> None:
    _, client = serving
    found = {each["name"]: each for each in ask(client, "deployments/filter")}
    executions = {"on-demand", "nightly-quick", "weekly-paper"}
    assert set(found) == executions | {"train-on-host"}
    for each in found.values():
        assert each["description"]
        assert "lungbench" in each["tags"]
        assert each["work_pool_name"] == "lungbench"
        assert not any(schedule["active"] for schedule in each["schedules"])
        # A slot of the deployment's own would have to be renewed: see docs/decisions.md.
        assert each["global_concurrency_limit"] is None
    queues = ask(client, "work_pools/lungbench/queues/filter")
    limits = {each["name"]: each["concurrency_limit"] for each in queues}
    assert limits == dict.fromkeys(executions, 1) | {"default": None}
    assert {name: found[name]["work_queue_name"] for name in executions} == {
        name: name for name in executions
    }
    crons = {
        name: [s["schedule"]["cron"] for s in each["schedules"]] for name, each in found.items()
    }
    assert crons == {
        "on-demand": [],
        "nightly-quick": ["0 2 * * *"],
        "weekly-paper": ["0 6 * * 6"],
        "train-on-host": [],
    }
    # The form of the experiment that the UI shows is made of this.
    form = found["on-demand"]["parameter_openapi_schema"]
    assert {"DataSettings", "TrainSettings", "Matrix"} <= set(form["definitions"])


def test_the_ui_asks_the_address_where_a_browser_found_it(serving: Serving) -> None:
    _, client = serving
    settings = httpx.get(client.base_url.copy_with(path="/ui-settings"), timeout=30).json()
    assert settings["api_url"] == "/api"


def test_the_ui_is_the_one_that_asks_nothing_of_the_internet(serving: Serving) -> None:
    _, client = serving
    page = httpx.get(client.base_url.copy_with(path="/"), timeout=30, follow_redirects=True)
    assert page.status_code == 200
    assert not page.url.path.startswith("/v2")


def test_nobody_comes_in_without_the_password(serving: Serving) -> None:
    _, client = serving
    pool, runs = f"{client.base_url}work_pools/lungbench", f"{client.base_url}flow_runs/filter"
    asked = [httpx.get(pool), httpx.post(runs, json={}, headers=client.headers)]
    assert [answer.status_code for answer in asked] == [401, 401]
    # Nor does a page of another site that the browser of somebody with the password shows.
    assert httpx.post(runs, json={}, auth=LOGIN).status_code == 403


def test_a_schedule_fires_and_leaves_a_report(serving: Serving, lab_folder: Path) -> None:
    _, client = serving
    nightly = deployment(client, "nightly-quick")
    switched_on = client.patch(
        f"deployments/{nightly['id']}",
        json={
            "parameters": {"file": "tiny.toml"},
            "schedules": [
                {"slug": "every-night", "schedule": {"cron": "* * * * *"}, "active": True}
            ],
        },
    )
    assert switched_on.is_success, switched_on.text

    def ended() -> Any:
        runs = ask(client, "flow_runs/filter")
        return next((run for run in runs if run["state_name"] == "Completed"), None)

    run = wait_for(ended, seconds=240)
    assert run["name"] == "tiny"
    assert "auto-scheduled" in run["tags"]
    # No further run, but for one that may have begun.
    client.patch(f"deployments/{nightly['id']}", json={"paused": True})
    execution = executions(lab_folder / "results")[0]
    assert (execution / "report.html").is_file()
    index = lab_folder / "results" / "index.html"
    assert f'href="./tiny/{execution.name}/report.html"' in index.read_text()
    assert [read_record(each).status for each in run_folders(execution)] == ["completed"]


def test_a_run_without_a_worker_is_a_missed_schedule_and_one_that_waits_its_turn_is_not(
    serving: Serving, lab_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, client = serving
    weekly = deployment(client, "weekly-paper")
    monkeypatch.setenv(FOLDER_VARIABLE, lab_environment[FOLDER_VARIABLE])
    with receiving() as (address, received), host_lock("another training", threading.Event()):
        tell(client, lab_environment | {"LUNGBENCH_ALARMS": address, "LUNGBENCH_OVERDUE_S": "60"})
        running = due(client, weekly["id"])
        wait_for(lambda: state_of(client, running) == "Running", seconds=180)
        waiting = due(client, weekly["id"])
        wait_for(lambda: state_of(client, waiting) == "Late", seconds=60)
        # Its time begins to count later, so that of the one that waits is over when this one's is.
        due(client, without_a_worker(client, weekly["flow_id"]))
        wait_for(lambda: received, seconds=180)
        assert state_of(client, waiting) == "Late"
        assert received == [
            {"text": "A run of unattended has been due for 1 minute, and none has run since."}
        ]
        set_state(client, waiting, "CANCELLED")
        set_state(client, running, "CANCELLING")
        wait_for(lambda: state_of(client, running) == "Cancelled", seconds=120)


def tell(client: httpx.Client, environment: dict[str, str]) -> None:
    """Have alarms sent as the environment says."""
    server = {
        "PREFECT_API_URL": str(client.base_url).rstrip("/"),
        CLIENT_PASSWORD: ":".join(LOGIN),
    }
    command = [sys.executable, "-m", "flows.notifying"]
    subprocess.run(command, env=environment | server, cwd=ROOT, check=True, timeout=100)


def due(client: httpx.Client, deployment_id: str) -> str:
    """Let a deployment run now, as its schedule would; return the flow run."""
    now = ask(
        client,
        f"deployments/{deployment_id}/create_flow_run",
        parameters={"file": "tiny.toml"},
        state={"type": "SCHEDULED"},
    )
    return str(now["id"])


def state_of(client: httpx.Client, flow_run: str) -> str:
    answer = client.get(f"flow_runs/{flow_run}").raise_for_status()
    return str(answer.json()["state_name"])


def set_state(client: httpx.Client, flow_run: str, state: str) -> None:
    ask(client, f"flow_runs/{flow_run}/set_state", state={"type": state})


def without_a_worker(client: httpx.Client, flow_id: str) -> str:
    """Make a deployment in a pool that nobody works for."""
    ask(client, "work_pools/", name="nobody", type="process")
    made = ask(
        client,
        "deployments/",
        name="unattended",
        flow_id=flow_id,
        work_pool_name="nobody",
        tags=["lungbench"],
    )
    return str(made["id"])


def test_stopping_it_ends_the_training_in_a_true_state(serving: Serving, lab_folder: Path) -> None:
    serve, client = serving
    nightly = deployment(client, "nightly-quick")
    before = len(executions(lab_folder / "results"))
    run = ask(
        client,
        f"deployments/{nightly['id']}/create_flow_run",
        parameters={"file": "tiny.toml", "settings": ["train.epochs=500"]},
        state={"type": "SCHEDULED"},
    )
    wait_for(lambda: _newest_trains(lab_folder / "results", before), seconds=180)
    family = psutil.Process(serve.pid).children(recursive=True)
    serve.send_signal(signal.SIGTERM)
    state: list[str] = []

    def state_of_the_run() -> bool:
        try:
            answer = client.get(f"flow_runs/{run['id']}", timeout=5).json()
        except httpx.TransportError:
            return True
        state.append(answer["state_type"])
        return state[-1] in {"CANCELLED", "CRASHED", "FAILED"}

    wait_for(state_of_the_run, seconds=90)
    assert state[-1] in {"CANCELLED", "CRASHED"}, state
    assert serve.wait(120) == 130
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive
    execution = executions(lab_folder / "results")[-1]
    assert [read_record(each).status for each in run_folders(execution)] == ["interrupted"]


def _newest_trains(results: Path, before: int) -> bool:
    found = executions(results)
    return len(found) > before and bool(list(found[-1].glob("runs/*/epochs.jsonl")))


def test_the_password_is_written_nowhere_and_no_result_is_kept(
    serving: Serving, lab_folder: Path, lab_environment: dict[str, str]
) -> None:
    home = Path(lab_environment["PREFECT_HOME"])  # with the server's database
    written = [path for at in (lab_folder, home) for path in at.rglob("*") if path.is_file()]
    assert {"prefect-server.log", "prefect-worker.log", "prefect.db"} <= {
        path.name for path in written
    }
    assert [path for path in written if LOGIN[1].encode() in path.read_bytes()] == []
    # Prefect would write pickles there; each execution's own folder is what stays.
    assert list(home.glob("storage/*")) == []


def test_draining_a_worker_that_is_gone_does_nothing() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    drain(gone.pid)


@pytest.mark.parametrize(
    ("problem", "rule"),
    [
        ("no prefect.yaml", "prefect.yaml lies"),
        ("port taken", "port must be free"),
        ("no password", "needs a password"),
    ],
)
def test_what_cannot_be_served_is_one_line(
    problem: str, rule: str, lab_folder: Path, lab_environment: dict[str, str], tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1] if problem == "port taken" else 1
        host = "0.0.0.0" if problem == "no password" else "127.0.0.1"
        ended = subprocess.run(
            [*LUNGBENCH, "serve", "--port", str(port), "--host", host],
            cwd=tmp_path if problem == "no prefect.yaml" else lab_folder,
            env=lab_environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert ended.returncode == 3
    assert len(ended.stderr.splitlines()) == 1
    assert rule in ended.stderr


@pytest.mark.parametrize(
    ("host", "loopback", "here"),
    [
        ("127.0.0.1", True, "http://127.0.0.1:4200"),
        ("localhost", True, "http://localhost:4200"),
        ("::1", True, "http://[::1]:4200"),
        ("127.8.9.1", True, "http://127.8.9.1:4200"),
        ("0.0.0.0", False, "http://127.0.0.1:4200"),
        ("::", False, "http://[::1]:4200"),
        ("192.168.0.7", False, "http://192.168.0.7:4200"),
        ("lab.example", False, "http://lab.example:4200"),
    ],
)
def test_only_loopback_is_this_machine_alone(host: str, loopback: bool, here: str) -> None:
    address = Address(host)
    assert (address.is_loopback, address.here) == (loopback, here)
