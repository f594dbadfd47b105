"""What a real Prefect server shows of trainings and may do to them; the child is a stand-in."""

import json
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from prefect_server import ask
from waiting import wait_for
from webhook import receiving

from lungbench.executions.execution import newest_execution
from lungbench.record import read_record, run_folders

pytestmark = pytest.mark.slow

Start = Callable[..., "subprocess.Popen[str]"]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def start(
    lungbench_with_stand_in: list[str], environment: dict[str, str], tmp_path: Path, waits: Path
) -> Start:
    def start(*arguments: object, **variables: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*lungbench_with_stand_in, *map(str, arguments)],
            env=environment | {"STAND_IN_WAITS": str(waits)} | variables,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def newest_flow_run(api: str) -> Any:
    return ask(api, "flow_runs/filter", sort="EXPECTED_START_TIME_DESC", limit=1)[0]


def artifacts(api: str, kind: str, **flow_run: Any) -> list[Any]:
    return list(
        ask(
            api,
            "artifacts/filter",
            artifacts={"type": {"any_": [kind]}},
            flow_runs={"id": {"any_": [flow_run["id"]]}},
        )
    )


def epochs(folder: Path) -> list[Path]:
    return list(folder.glob("results/*/*/runs/*/epochs.jsonl"))


def statuses(folder: Path) -> list[str]:
    execution = newest_execution(folder / "results")
    return [read_record(run_dir).status for run_dir in run_folders(execution)]


def test_a_table_fills_in_while_trainings_run_and_is_one_history_over_executions(
    prefect_api: str, experiment_file: Path, start: Start, waits: Path, tmp_path: Path
) -> None:
    with start("run", experiment_file, PREFECT_API_URL=prefect_api) as process:
        wait_for(lambda: epochs(tmp_path), process)
        flow_run = newest_flow_run(prefect_api)

        def table() -> Any:
            [shown] = artifacts(prefect_api, "table", **flow_run)
            first, second = json.loads(shown["data"])
            trains = first["state"] == "training" and first["epoch"] == "1/2"
            return (first, second, shown) if trains else None

        first, second, shown = wait_for(table, process)
        assert (first["training"], first["loss"], first["images/s"]) == (
            "cnn10 on cpu:threads=1 #1",
            "1.0000",
            "24.0",
        )
        assert second["state"] == "waiting"
        assert shown["description"] == "0 of 2 done: 1 training, 1 waiting"
        [progress] = artifacts(prefect_api, "progress", **flow_run)
        assert progress["data"] == 50.0
        waits.unlink()
        _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    [shown] = artifacts(prefect_api, "table", **flow_run)
    assert [row["state"] for row in json.loads(shown["data"])] == ["completed"] * 2
    done = artifacts(prefect_api, "progress", **flow_run)
    assert [each["data"] for each in done] == [100.0] * 2

    with start("run", experiment_file, PREFECT_API_URL=prefect_api) as process:
        process.communicate(timeout=120)
    [again] = artifacts(prefect_api, "table", **newest_flow_run(prefect_api))
    assert (again["key"], again["id"] != shown["id"]) == (shown["key"], True)


def test_a_run_that_waits_for_the_host_says_for_whom(
    prefect_api: str, experiment_file: Path, start: Start, waits: Path, tmp_path: Path
) -> None:
    with start("run", experiment_file, "--no-prefect") as holder:
        wait_for(lambda: epochs(tmp_path), holder)
        with start(
            "run", experiment_file, "--results", "other", PREFECT_API_URL=prefect_api
        ) as process:

            def waiting() -> Any:
                flow_run = newest_flow_run(prefect_api)
                shown = artifacts(prefect_api, "progress", **flow_run)
                return [each for each in shown if "waiting for this host" in each["description"]]

            [shown] = wait_for(waiting, process)
            assert "held by cnn10 on cpu:threads=1 #1 (process " in shown["description"]
            waits.unlink()
            holder.communicate(timeout=120)
            _, err = process.communicate(timeout=120)
    assert (holder.returncode, process.returncode) == (0, 0), err


def test_a_flow_run_without_a_worker_obeys_a_cancel(
    prefect_api: str, experiment_file: Path, start: Start, tmp_path: Path
) -> None:
    with start("run", experiment_file, PREFECT_API_URL=prefect_api) as process:
        wait_for(lambda: epochs(tmp_path), process)
        flow_run = newest_flow_run(prefect_api)
        family = psutil.Process(process.pid).children(recursive=True)
        cancelling = {"type": "CANCELLING", "name": "Cancelling"}
        ask(prefect_api, f"flow_runs/{flow_run['id']}/set_state", state=cancelling)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "lungbench resume" in err.splitlines()[-1]
    assert not [child for child in family if child.is_running()]
    assert statuses(tmp_path) == ["interrupted"] * 2
    assert newest_flow_run(prefect_api)["state_type"] == "CANCELLED"
    alarm = {"filter": _of("lungbench.execution.unfinished")}
    [event] = wait_for(lambda: ask(prefect_api, "events/filter", **alarm)["events"])
    assert event["payload"]["message"] == "tiny: 2 of 2 trainings are left."


def test_a_failed_training_reaches_a_webhook(
    prefect_api: str, experiment_file: Path, start: Start, environment: dict[str, str]
) -> None:
    here = {"PREFECT_API_URL": prefect_api}
    with receiving() as (address, received):
        subprocess.run(
            [sys.executable, "-m", "flows.notifying"],
            env=environment | here | {"LUNGBENCH_ALARMS": address},
            cwd=ROOT,
            check=True,
            timeout=100,
        )
        with start("run", experiment_file, "--set", "measure.timeout_s=0.5", **here) as process:
            _, err = process.communicate(timeout=120)
        assert process.returncode == 1, err
        wait_for(lambda: received)
    assert received == [{"text": "tiny: 2 of 2 trainings failed."}]


def _of(event: str) -> dict[str, Any]:
    return {"event": {"prefix": [event]}, "order": "DESC"}


class Withholding:
    """Stand before a server and, when asked to, keep back all that it answers."""

    def __init__(self, api: str) -> None:
        parts = urlsplit(api)
        self._server = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.api = f"http://127.0.0.1:{self._listener.getsockname()[1]}/api"
        self._passing = threading.Event()
        self._passing.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def withhold(self) -> None:
        self._passing.clear()

    def release(self) -> None:
        self._passing.set()

    def close(self) -> None:
        self.release()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._server) as server, suppress(OSError):
            others = {client: server, server: client}
            while True:
                for source in select.select(list(others), [], [])[0]:
                    if not (data := source.recv(65536)):
                        return
                    if source is server:
                        self._passing.wait()
                    others[source].sendall(data)


@pytest.fixture
def withholding(prefect_api: str) -> Iterator[Withholding]:
    between = Withholding(prefect_api)
    yield between
    between.close()


def test_a_server_that_answers_nothing_holds_up_no_training(
    withholding: Withholding, experiment_file: Path, start: Start, waits: Path, tmp_path: Path
) -> None:
    with start("run", experiment_file, PREFECT_API_URL=withholding.api) as process:
        wait_for(lambda: epochs(tmp_path), process)
        withholding.withhold()
        waits.unlink()
        # Both trainings end, and the second one begins, while not a byte comes back.
        wait_for(lambda: statuses(tmp_path) == ["completed"] * 2, process)
        withholding.release()
        _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "Traceback" not in err


SECRET = "hunter2-zq"
PLANTED = {
    "PREFECT_API_KEY": SECRET,
    "PREFECT_API_AUTH_STRING": f"lab:{SECRET}",
    "PREFECT_SERVER_API_AUTH_STRING": f"lab:{SECRET}",
    "PREFECT_API_DATABASE_CONNECTION_URL": f"postgresql+asyncpg://lab:{SECRET}@127.0.0.1/prefect",
    "AWS_SECRET_ACCESS_KEY": SECRET,
}
# As `stand_in_child.py` does nothing of the kind, this child writes down all that it was given.
TELLS = "import os, pprint; pprint.pprint({k: v for k, v in os.environ.items() if 'AWS' not in k})"


def test_no_password_of_prefects_comes_into_records_logs_or_messages(
    prefect_api: str, experiment_file: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    api = prefect_api.replace("http://", f"http://lab:{SECRET}@")
    program = (
        "import sys; from lungbench.run import child\n"
        f"child.COMMAND = (sys.executable, '-c', {TELLS!r})\n"
        "from flows.cli import main; main()"
    )

    # This child trains nothing, so the run fails; the doctor finds all well.
    for code, arguments in ((1, ("run", str(experiment_file))), (0, ("doctor", "--json"))):
        ended = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            env=environment | PLANTED | {"PREFECT_API_URL": api},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )
        assert ended.returncode == code, ended.stderr
        assert SECRET not in ended.stdout + ended.stderr
    assert statuses(tmp_path) == ["failed"] * 2
    written = [path for path in (tmp_path / "results").rglob("*") if path.is_file()]
    logs = [path for path in written if path.name == "log.txt"]
    assert all("PATH" in path.read_text() for path in logs)  # the child did write
    assert [path for path in written if SECRET.encode() in path.read_bytes()] == []


def test_nothing_is_kept_in_prefects_result_storage(prefect_home: Path) -> None:
    storage = prefect_home / "storage"
    assert not storage.exists() or not list(storage.iterdir())


def test_a_flow_run_that_dies_without_a_word_is_crashed_by_the_automation(
    prefect_api: str,
    experiment_file: Path,
    start: Start,
    environment: dict[str, str],
    tmp_path: Path,
) -> None:

    here = {"PREFECT_API_URL": prefect_api, "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}
    subprocess.run(
        [sys.executable, "-m", "flows.heartbeat"],
        env=environment | here,
        check=True,
        timeout=100,
        cwd=ROOT,
    )
    with start("run", experiment_file, **here) as process:
        wait_for(lambda: epochs(tmp_path), process)
        flow_run = newest_flow_run(prefect_api)
        mine = {"resource": {"id": [f"prefect.flow-run.{flow_run['id']}"]}}
        beats = _of("prefect.flow-run.heartbeat") | mine
        wait_for(lambda: ask(prefect_api, "events/filter", filter=beats)["events"], process)
        os.kill(process.pid, 9)
        process.communicate()
    assert newest_flow_run(prefect_api)["state_type"] == "RUNNING"
    wait_for(lambda: newest_flow_run(prefect_api)["state_type"] != "RUNNING", seconds=200)
    answer = httpx.get(f"{prefect_api}/flow_runs/{flow_run['id']}", timeout=20).json()
    assert answer["state"]["type"] == "CRASHED"
    assert "No heartbeat for 90 s" in answer["state"]["message"]
