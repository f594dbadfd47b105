"""A real Prefect server on this machine, which can be killed and started again."""

import os
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

_STARTS_S = 300  # on SQLite and a busy machine; a minute alone where it stands still
_ANSWERS_S = 120


class Server:
    """One server on a port of its own.

    Args:
        home: Its folder; on SQLite its database too.
        settings: Variables of its environment.

    Attributes:
        api: Its address, the same after every start.
    """

    def __init__(self, home: Path, **settings: str) -> None:
        self._home, self._port = home, free_port()
        self._environ = os.environ | settings | {
            "PREFECT_HOME": str(home),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
        }  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None
        self.api = f"http://127.0.0.1:{self._port}/api"

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [sys.executable, "-m", "prefect", "server", "start", "--port", str(self._port)]
        with (self._home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, env=self._environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        deadline = time.monotonic() + _STARTS_S
        while not self.answers():
            assert self._process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server did not become healthy"
            time.sleep(0.3)

    def answers(self) -> bool:
        """Say whether it is healthy now."""
        try:
            return httpx.get(f"{self.api}/health", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """End it without a word, with whatever it started."""
        assert self._process is not None
        process = psutil.Process(self._process.pid)
        for each in (process, *process.children(recursive=True)):
            each.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it in order, if it is there."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(30)


class _Patient(httpx.HTTPTransport):
    """Asks again where SQLite could not answer since somebody else was writing."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        deadline = time.monotonic() + _ANSWERS_S
        while True:
            answer = super().handle_request(request)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                return answer
            assert time.monotonic() < deadline, "the server answers nothing"
            answer.close()
            time.sleep(0.5)


def client_of(api: str, *, trusted: ssl.SSLContext | bool = True, **options: Any) -> httpx.Client:
    """Return a client of a server, as patient as Prefect's own, with more options of httpx's."""
    patient = _Patient(verify=trusted)
    return httpx.Client(base_url=api, timeout=_ANSWERS_S, transport=patient, **options)


def ask(api: str, path: str, **body: Any) -> Any:
    """Post a question to a server, and return its answer."""
    with client_of(api) as client:
        return client.post(path, json=body).raise_for_status().json()


def free_port() -> int:
    """Find a port of this machine that nobody uses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
