"""A Prefect server for a benchmark: its own home, a free port of this machine, ended with it."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

_STARTS_S = 120
_ANSWERS_S = 300
"""A server on SQLite may stand still for more than a minute and go on (docs/decisions.md)."""
_LOCKED_S = (1, 5, 20, 60, 60)


@dataclass(frozen=True, slots=True)
class PrefectServer:
    """A server that answers.

    Attributes:
        api: What `PREFECT_API_URL` names.
        pid: Its process.
    """

    api: str
    pid: int

    def ask(self, path: str, **body: object) -> Any:
        """Post a question, again while the server's database is locked; return the answer.

        Raises:
            httpx.HTTPError: The server doesn't answer, or refuses.
        """
        for pause_s in _LOCKED_S:
            answer = httpx.post(f"{self.api}/{path}", json=body, timeout=_ANSWERS_S)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            time.sleep(pause_s)
        answer.raise_for_status()
        return answer.json()


@contextmanager
def prefect_server(environ: Mapping[str, str], home: Path) -> Iterator[PrefectServer]:
    """Run a server while the body runs.

    Args:
        environ: More variables than `own_environment` has.
        home: Its folder, with its database.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    prefect = str(Path(sys.executable).with_name("prefect"))
    server = subprocess.Popen(
        [prefect, "server", "start", "--host", "127.0.0.1", "--port", str(port)],
        env={
            **own_environment(),
            **environ,
            "PREFECT_HOME": str(home),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        api = f"http://127.0.0.1:{port}/api"
        _wait_for(f"{api}/health")
        yield PrefectServer(api, server.pid)
    finally:
        server.terminate()
        server.wait()


def own_environment() -> dict[str, str]:
    """Return the environment without what the user's own Prefect is told."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + _STARTS_S
    while time.monotonic() < deadline:
        with suppress(OSError), urllib.request.urlopen(address, timeout=5):  # noqa: S310 - our own
            return
        time.sleep(0.5)
    raise SystemExit(f"Prefect's server didn't answer within {_STARTS_S} s")
