"""Rows 6, 7 and 31 to 34: Prefect's flow dies, or its server, and the trainings are whole."""

import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import psutil
from fault_lab import LONG, MARK_VARIABLE, Outcome, images, nothing_left, wait_for
from fault_suite import FIRST, THREE_MODELS, Suite, all_done, end_of, one_clear_line

from lungbench.executions.repair import repair_all
from lungbench.record import RECORD_FILE, read_record
from lungbench.training.checkpoint import CHECKPOINT_FILE, read_checkpoint

LOCKED_S = 60.0 if LONG else 3.0
NOBODY = "http://127.0.0.1:9/api"  # the port of a service that no machine offers any more


class Server:
    """A Prefect server in a process of its own, which can be killed and started again.

    Args:
        home: Its folder, with its database.
    """

    def __init__(self, home: Path) -> None:
        self.database, self._log = home / "prefect.db", home / "server.log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/api"
        self._command = [
            *(sys.executable, "-m", "prefect", "server", "start"),
            *("--port", str(port), "--no-ui"),
        ]
        settings = {
            "PREFECT_HOME": str(home),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            # No flow here has any, and a third of the time of its first start goes into them.
            "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
        }
        home.mkdir(exist_ok=True)
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT")}
        self._environment = inherited | settings
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_for(self._is_healthy)

    def kill(self) -> None:
        for process in psutil.Process(self._process.pid).children(recursive=True):
            process.kill()
        self._process.kill()
        self._process.wait()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep everybody from the database."""
        with closing(sqlite3.connect(self.database, timeout=30, isolation_level=None)) as database:
            database.execute("BEGIN EXCLUSIVE")
            yield
            database.execute("ROLLBACK")

    def states(self) -> list[str]:
        """Return the states of all flow runs, the oldest first."""
        body = {"sort": "EXPECTED_START_TIME_ASC"}
        answer = httpx.post(f"{self.url}/flow_runs/filter", json=body, timeout=20)
        return [run["state_type"] for run in answer.json()]

    def _is_healthy(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()
        try:
            return httpx.get(f"{self.url}/health", timeout=2).status_code == 200
        except httpx.TransportError:
            return False


def is_whole(suite: Suite, model: str, whole: dict[str, Outcome]) -> None:
    """Wait until a training has ended, and assert that it has its result."""
    run_dir = suite.run_dir(FIRST.replace("cnn10", model))
    wait_for((run_dir / RECORD_FILE).exists)
    assert read_record(run_dir).status == "completed"
    assert Outcome.of(run_dir) == whole[run_dir.name]


def main(folder: Path) -> None:
    """Let Prefect fail in every way, and assert that no training is held up or lost.

    Args:
        folder: Where everything is written.
    """
    source, mark = images(folder / "xrays"), f"commands in {folder}"
    suite = Suite(folder / "suite", source, **{MARK_VARIABLE: mark})
    nobody = Suite(folder / "nobody", source, NOBODY)
    text = suite.file.read_text().partition("models = ")[0] + THREE_MODELS
    for each in (suite, nobody):
        each.file.write_text(text)

    # 31: no server at the address; what goes on without Prefect is what an undisturbed run gives
    refused = nobody.start("run")
    server = Server(folder / "server")
    tell("the server is there")
    one_clear_line(end_of(refused), 1, "The Prefect server must answer", "--no-prefect")
    nobody.prefect, suite.prefect = None, server.url
    resumed = nobody.start("resume")
    dies_with_children(suite, server, mark)
    ended, whole = end_of(resumed), nobody.outcomes
    all_done(nobody, ended, whole)
    tell("31 was refused, 6 and 7 were killed")

    loses_its_server(suite, server, whole)
    server.kill()
    if LONG:
        server.start()
        loses_its_server_for_good(Suite(folder / "alone", source, server.url), server, text, whole)


def dies_with_children(suite: Suite, server: Server, mark: str) -> None:
    """Kill the flow's process while its training has children, for rows 6 and 7."""
    suite.held(at={"built": "family"})
    suite.killed()
    nothing_left(mark)
    assert server.states()[-1] == "RUNNING"
    kept = read_checkpoint(suite.run_dir() / CHECKPOINT_FILE).header
    assert (len(kept.epochs), kept.batches) == (1, 0)
    assert [each.runs for each in repair_all(suite.results)] == [(FIRST,)]
    record = read_record(suite.run_dir())
    assert record.reason
    assert (record.status, record.reason.kind) == ("interrupted", "lost")


def loses_its_server(suite: Suite, server: Server, whole: dict[str, Outcome]) -> None:
    """Go on with what was killed, while its server is harmed in each training in another way."""
    # 33: the database is locked during the first
    process = suite.held(command="resume", only="")
    with server.locked():
        began = time.monotonic()
        suite.let_go()
        is_whole(suite, "cnn10", whole)
        time.sleep(max(0.0, LOCKED_S - (time.monotonic() - began)))
    tell("33 was locked")

    # 32: the server is killed during the second, and stays away until the third has begun
    suite.wait_until_held()
    assert server.states()[-2:] == ["CRASHED", "RUNNING"]
    server.kill()
    suite.let_go()
    is_whole(suite, "vgg16", whole)
    suite.wait_until_held()
    tell("32 was killed, and the next training began without a server")
    server.start()
    tell("32 was started again")

    # 34: the database is deleted during the third
    for each in server.database.parent.glob("prefect.db*"):
        each.unlink()
    suite.let_go()
    is_whole(suite, "mobilenetv2", whole)
    all_done(suite, end_of(process), whole)
    tell("34 was deleted")


def loses_its_server_for_good(
    suite: Suite, server: Server, text: str, whole: dict[str, Outcome]
) -> None:
    """Kill the server and leave it so; the records and the report are there all the same."""
    suite.file.write_text(text)
    process = suite.held()
    server.kill()
    suite.let_go()
    ended = end_of(process)
    all_done(suite, ended, whole)
    assert "Prefect could not be told how this ended" in ended.err
    tell("32 was killed for good")


def tell(what: str) -> None:
    """Say how far the story is; it is shown where it doesn't come to its end."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {what}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
