"""`lungbench serve`: real server, real worker, a schedule that fires, and an end in order."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from flows.draining import drain
from flows.serving import Address
from lungbench.executions.execution import executions
from lungbench.record import read_record, run_folders

pytestmark = pytest.mark.slow

LUNGBENCH = (sys.executable, "-c", "from flows.cli import main; main()")

Serving = tuple["subprocess.Popen[str]", str]


@pytest.fixture(scope="module")
def serving(lab_folder: Path, lab_environment: dict[str, str]) -> Iterator[Serving]:
    """The command in that folder, once its worker waits; and its server's address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve = subprocess.Popen(
        [*LUNGBENCH, "serve", "--port", str(port)],
        cwd=lab_folder,
        env=lab_environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert serve.stderr is not None
        said = [serve.stderr.readline() for _ in range(2)]
        assert said[0] == f"Prefect's UI: http://127.0.0.1:{port}\n", said
        assert "A worker waits for runs" in said[1], said
        yield serve, f"http://127.0.0.1:{port}/api"
    finally:
        serve.send_signal(signal.SIGINT)
        serve.communicate(timeout=120)


def ask(api: str, path: str, **body: Any) -> Any:
    answer = httpx.post(f"{api}/{path}", json=body, timeout=30)
    answer.raise_for_status()
    return answer.json()


def deployment(api: str, name: str) -> Any:
    found = ask(api, "deployments/filter")
    return next(each for each in found if each["name"] == name)


def wait_for(condition: Callable[[], Any], seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.5)
    raise TimeoutError


def test_everything_is_deployed_and_nothing_runs_by_itself(serving: Serving) -> None:
    _, api = serving
    found = {each["name"]: each for each in ask(api, "deployments/filter")}
    executions = {"on-demand", "nightly-quick", "weekly-paper"}
    assert set(found) == executions | {"train-on-host"}
    for each in found.values():
        assert each["description"]
        assert "lungbench" in each["tags"]
        assert each["work_pool_name"] == "lungbench"
        assert not any(schedule["active"] for schedule in each["schedules"])
        # A slot of the deployment's own would have to be renewed: see docs/decisions.md.
        assert each["global_concurrency_limit"] is None
    queues = ask(api, "work_pools/lungbench/queues/filter")
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


def test_a_schedule_fires_and_leaves_a_report(serving: Serving, lab_folder: Path) -> None:
    _, api = serving
    nightly = deployment(api, "nightly-quick")
    switched_on = httpx.patch(
        f"{api}/deployments/{nightly['id']}",
        json={
            "parameters": {"file": "tiny.toml"},
            "schedules": [
                {"slug": "every-night", "schedule": {"cron": "* * * * *"}, "active": True}
            ],
        },
        timeout=30,
    )
    assert switched_on.is_success, switched_on.text

    def ended() -> Any:
        runs = ask(api, "flow_runs/filter")
        return next((run for run in runs if run["state_name"] == "Completed"), None)

    run = wait_for(ended, 240)
    assert run["name"] == "tiny"
    assert "auto-scheduled" in run["tags"]
    # No further run: the next test's is to be the only one.
    httpx.patch(f"{api}/deployments/{nightly['id']}", json={"paused": True}, timeout=30)
    execution = executions(lab_folder / "results")[0]
    assert (execution / "report.html").is_file()
    assert [read_record(each).status for each in run_folders(execution)] == ["completed"]


def test_stopping_it_ends_the_training_in_a_true_state(serving: Serving, lab_folder: Path) -> None:
    serve, api = serving
    nightly = deployment(api, "nightly-quick")
    before = len(executions(lab_folder / "results"))
    run = ask(
        api,
        f"deployments/{nightly['id']}/create_flow_run",
        parameters={"file": "tiny.toml", "settings": ["train.epochs=500"]},
        state={"type": "SCHEDULED"},
    )
    wait_for(lambda: _newest_trains(lab_folder / "results", before), 180)
    family = psutil.Process(serve.pid).children(recursive=True)
    serve.send_signal(signal.SIGTERM)
    state: list[str] = []

    def state_of_the_run() -> bool:
        try:
            answer = httpx.get(f"{api}/flow_runs/{run['id']}", timeout=5).json()
        except httpx.TransportError:
            return True
        state.append(answer["state_type"])
        return state[-1] in {"CANCELLED", "CRASHED", "FAILED"}

    wait_for(state_of_the_run, 90)
    assert state[-1] in {"CANCELLED", "CRASHED"}, state
    assert serve.wait(120) == 130
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive
    execution = executions(lab_folder / "results")[-1]
    assert [read_record(each).status for each in run_folders(execution)] == ["interrupted"]


def _newest_trains(results: Path, before: int) -> bool:
    found = executions(results)
    return len(found) > before and bool(list(found[-1].glob("runs/*/epochs.jsonl")))


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
