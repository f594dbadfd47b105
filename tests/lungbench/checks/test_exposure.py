"""Who can reach Prefect's server, as the doctor says it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer

import pytest

from lungbench.checks import Asked, Check
from lungbench.checks.exposure import exposure
from lungbench.host import describe_host

Serve = Callable[[str, int], int]


@contextmanager
def answering(host: str, status: int) -> Iterator[int]:
    """Serve this status for every address; yield the port."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with TCPServer((host, 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:
        yield lambda host, status: stack.enter_context(answering(host, status))


def check() -> Check:
    [found] = exposure(Asked(None, Path(), describe_host(gpus=False)))
    return found


@pytest.mark.parametrize(
    ("host", "status", "outcome", "words"),
    [
        ("127.0.0.1", 200, "pass", "for this machine alone, and asks for no password"),
        ("127.0.0.1", 401, "pass", "for this machine alone, and asks for a password"),
        ("0.0.0.0", 200, "fail", "other machines can reach it, and asks for no password"),
        ("0.0.0.0", 401, "warn", "asks for a password, in clear text"),
    ],
)
def test_a_server_is_as_open_as_its_address_and_its_password(
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    status: int,
    outcome: str,
    words: str,
) -> None:
    port = serve(host, status)
    monkeypatch.setenv("PREFECT_API_URL", f"http://lab:secret@127.0.0.1:{port}/api")
    found = check()
    assert found.outcome == outcome, found
    assert words in found.found
    assert host in found.found
    assert "secret" not in str(found)


def test_a_server_of_another_machine_is_reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lungbench.checks.exposure._asks_for_a_password", lambda _: False)
    monkeypatch.setenv("PREFECT_API_URL", "https://prefect.lab.example/api")
    assert check().outcome == "fail"
    monkeypatch.setattr("lungbench.checks.exposure._asks_for_a_password", lambda _: True)
    assert check().outcome == "pass"  # with a password, and TLS


@pytest.mark.parametrize(
    ("url", "outcome"),
    [(None, "pass"), ("http://127.0.0.1:9/api", "warn"), ("file:///etc/passwd", "fail")],
)
def test_without_a_server_nothing_is_exposed(
    monkeypatch: pytest.MonkeyPatch, url: str | None, outcome: str
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    if url:
        monkeypatch.setenv("PREFECT_API_URL", url)
    assert check().outcome == outcome
