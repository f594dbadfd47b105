"""Flow runs whose process is killed, against a real Prefect server; and the embedded one's end."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest
from process_family import family_with
from waiting import wait_for

from lungbench.executions.execution import FLOW_FILE, newest_execution
from lungbench.record import read_record, run_folders

pytestmark = pytest.mark.slow

OPEN = {"RUNNING", "PENDING", "SCHEDULED"}

Environment = dict[str, str]


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(lungbench_with_stand_in: list[str], environment: Environment, tmp_path: Path) -> Start:
    """Start a command whose training waits after its first epoch while `waits` exists."""
    stand_in = {"STAND_IN_WAITS": str(tmp_path / "waits")}

    def start(*arguments: object, **variables: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*lungbench_with_stand_in, *map(str, arguments)],
            env=environment | stand_in | variables,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def state(api: str, kind: str, run_id: str) -> tuple[str, str]:
    found = httpx.get(f"{api}/{kind}/{run_id}", timeout=20).json()["state"]
    return found["type"], found["message"] or ""


def task_states(api: str, flow_run: str) -> dict[str, str]:
    body = {"flow_runs": {"id": {"any_": [flow_run]}}}
    found = httpx.post(f"{api}/task_runs/filter", json=body, timeout=20).json()
    return {each["name"]: each["state_type"] for each in found}


def noted(execution: Path) -> list[dict[str, str]]:
    return list(json.loads((execution / FLOW_FILE).read_bytes())["flow_runs"])


def test_a_resume_finishes_the_runs_of_a_killed_flow_and_ends_it_on_the_server(
    prefect_api: str, experiment_file: Path, start: Start, tmp_path: Path
) -> None:
    waits = tmp_path / "waits"
    waits.touch()
    with start("run", experiment_file, PREFECT_API_URL=prefect_api) as process:
        wait_for(lambda: [*tmp_path.glob("results/*/*/runs/*/epochs.jsonl")], process)
        [flow_run] = noted(newest_execution(tmp_path / "results"))
        training = "train cnn10 on cpu:threads=1 #1"
        wait_for(lambda: task_states(prefect_api, flow_run["id"]).get(training) == "RUNNING")
        process.kill()
        process.communicate()
    waits.unlink()
    assert flow_run["api"] == prefect_api
    assert state(prefect_api, "flow_runs", flow_run["id"])[0] == "RUNNING"

    with start("resume", "results", PREFECT_API_URL=prefect_api) as process:
        _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert state(prefect_api, "flow_runs", flow_run["id"]) == (
        "CRASHED",
        "Its process ended without a word; lungbench noticed later.",
    )
    tasks = task_states(prefect_api, flow_run["id"])
    assert (tasks["prepare"], tasks[training]) == ("COMPLETED", "CRASHED")
    assert not OPEN & set(tasks.values())

    execution = newest_execution(tmp_path / "results")
    records = [read_record(folder) for folder in run_folders(execution)]
    assert [record.status for record in records] == ["completed"] * 2
    first, second = noted(execution)
    assert first == flow_run
    assert state(prefect_api, "flow_runs", second["id"])[0] == "COMPLETED"


END_ZOMBIES = """
import logging, pathlib, sys
logging.basicConfig(level=logging.INFO, format="%(message)s")
from flows.zombies import end_zombies
end_zombies(pathlib.Path(sys.argv[1]))
"""


def end_zombies(results: Path, environment: Environment) -> str:
    command = [sys.executable, "-c", END_ZOMBIES, str(results)]
    end = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert end.returncode == 0, end.stderr
    return end.stderr


def note(results: Path, flow_run: str, api: str, host: str) -> None:
    folder = results / "tiny" / "20261122T211100Z"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "experiment.json").touch()
    text = json.dumps({"flow_runs": [{"id": flow_run, "api": api, "host": host}]})
    (folder / FLOW_FILE).write_text(text)


NOBODY = "http://127.0.0.1:9/api"


def test_a_server_that_is_down_stops_nothing(environment: Environment, tmp_path: Path) -> None:
    flow_run = "00000000-0000-0000-0000-000000000001"
    note(tmp_path, flow_run, NOBODY, socket.gethostname())
    said = end_zombies(tmp_path, environment | {"PREFECT_API_URL": NOBODY})
    assert "Prefect may show flow runs as Running that have died" in said
    assert "Traceback" not in said


def test_flow_runs_of_other_hosts_servers_and_living_processes_are_left_alone(
    prefect_api: str, environment: Environment, tmp_path: Path
) -> None:
    flow = httpx.post(f"{prefect_api}/flows/", json={"name": "benchmark"}, timeout=20).json()
    body = {"flow_id": flow["id"], "state": {"type": "RUNNING", "name": "Running"}}
    flow_run = httpx.post(f"{prefect_api}/flow_runs/", json=body, timeout=20).json()["id"]
    environment = environment | {"PREFECT_API_URL": prefect_api}
    here = socket.gethostname()

    note(tmp_path, flow_run, prefect_api, "elsewhere.example")
    end_zombies(tmp_path, environment)
    assert state(prefect_api, "flow_runs", flow_run)[0] == "RUNNING"

    note(tmp_path, flow_run, NOBODY, here)
    end_zombies(tmp_path, environment)
    assert state(prefect_api, "flow_runs", flow_run)[0] == "RUNNING"

    note(tmp_path, flow_run, prefect_api, here)
    holding = (
        "import pathlib, sys, time; from lungbench.executions.hold import hold\n"
        "with hold(pathlib.Path(sys.argv[1]), 'x'): print('here', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", holding, str(tmp_path / "tiny" / "20261122T211100Z")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        end_zombies(tmp_path, environment)
        assert state(prefect_api, "flow_runs", flow_run)[0] == "RUNNING"
        holder.kill()
        holder.wait()
        assert "is set to Crashed" in end_zombies(tmp_path, environment)
    assert state(prefect_api, "flow_runs", flow_run)[0] == "CRASHED"


def test_the_embedded_server_ends_with_a_process_that_is_killed(
    experiment_file: Path, start: Start
) -> None:
    with start("run", experiment_file) as process:
        flow = psutil.Process(process.pid)
        wait_for(lambda: family_with("uvicorn", flow) and family_with("read -r", flow), process)
        [server] = family_with("uvicorn", flow)
        process.kill()
        process.communicate()  # returns when the server, too, has let go of the output
    wait_for(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE)
