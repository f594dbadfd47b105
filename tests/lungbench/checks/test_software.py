import json
import platform
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from lungbench.checks import prefect_api, software
from lungbench.checks.question import Answer, ask

Serve = Callable[..., str]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put metadata of packages first on the path, as if these versions were installed."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(name: str, version: str, *lines: str) -> None:
        folder = tmp_path / f"{name}-{version}.dist-info"
        folder.mkdir()
        text = "\n".join(("Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines))
        (folder / "METADATA").write_text(text + "\n")

    return install


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start real servers on this machine that answer one thing."""
    servers: list[ThreadingHTTPServer] = []

    def start(status: int, body: Any) -> str:
        class Reply(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = self.path == "/api/health"
                self.send_response(status if found else 404)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_: object) -> None:
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Reply))
        threading.Thread(target=servers[-1].serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/api"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_this_python_is_new_enough(asked: Any) -> None:
    (check,) = software.python(asked())
    assert check.outcome == "pass"
    assert platform.python_version() in check.found


def test_a_python_that_is_too_old_is_a_failure(asked: Any, installed: Any) -> None:
    installed("lungbench", "0.1.0", "Requires-Python: >=9.9")
    (check,) = software.python(asked())
    assert check.outcome == "fail"
    assert ">=9.9 is required" in check.found


def test_a_project_that_is_not_installed_is_a_failure(
    asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(name: str) -> Any:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "metadata", nothing)
    monkeypatch.setattr(metadata, "requires", nothing)
    (check,) = software.python(asked())
    assert (check.outcome, check.advice) == ("fail", "run `make setup`.")
    assert list(software.dependencies(asked())) == []


def test_what_is_installed_here_fits(asked: Any) -> None:
    (check,) = software.dependencies(asked())
    assert check.outcome == "pass", check


@pytest.mark.parametrize(
    ("name", "version", "reason"),
    [
        ("fastapi", "0.155.0", "newer ones can't start Prefect's server"),
        ("sqlalchemy", "2.1.0", "2.1 and newer stop Prefect's scheduler"),
    ],
)
def test_a_version_that_breaks_prefect_is_a_failure_with_its_reason(
    asked: Any, installed: Any, name: str, version: str, reason: str
) -> None:
    installed(name, version)
    (check,) = software.dependencies(asked())
    assert (check.name, check.outcome) == (f"dependency {name}", "fail")
    assert version in check.found
    assert reason in check.found
    assert check.advice


def test_a_dependency_that_is_absent_is_a_failure(asked: Any, installed: Any) -> None:
    installed("lungbench", "0.1.0", "Requires-Dist: no-such-package>=1")
    (check,) = software.dependencies(asked())
    assert (check.name, check.outcome, check.found) == (
        "dependency no-such-package",
        "fail",
        "not installed",
    )


def test_requirements_of_extras_and_of_other_machines_are_left_out(
    asked: Any, installed: Any
) -> None:
    installed(
        "lungbench",
        "0.1.0",
        "Requires-Dist: numpy>=1",
        "Requires-Dist: no-such-package; extra == 'cuda'",
        "Requires-Dist: no-such-package; python_version < '3'",
    )
    (check,) = software.dependencies(asked())
    assert check.found == "all 1 are inside their ranges"


def test_a_server_that_answers_is_fine(
    asked: Any, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", serve(200, body=True))
    (check,) = software.server(asked())
    assert check.outcome == "pass"


@pytest.mark.parametrize(("status", "body"), [(500, True), (404, True), (200, {"other": 1})])
def test_a_server_that_is_not_well_or_not_prefects_is_a_failure(
    asked: Any, serve: Serve, monkeypatch: pytest.MonkeyPatch, status: int, body: Any
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", serve(status, body))
    (check,) = software.server(asked())
    assert check.outcome == "fail"
    assert check.advice == "start it with `prefect server start`, or unset PREFECT_API_URL."


def test_a_server_that_is_silent_is_a_failure(asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefect_api, "_TIMEOUT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/api"
        monkeypatch.setenv("PREFECT_API_URL", url)
        (check,) = software.server(asked())
    assert check.outcome == "fail"
    assert "timed out" in check.found


@pytest.mark.parametrize("text", [None, "no certificate\n"], ids=["absent", "no certificate"])
def test_a_file_of_certificates_that_is_none_is_named(
    asked: Any, serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None
) -> None:
    file = tmp_path / "lab.pem"
    if text is not None:
        file.write_text(text)
    monkeypatch.setenv("PREFECT_API_URL", serve(200, body=True))
    monkeypatch.setenv("PREFECT_API_SSL_CERT_FILE", str(file))
    (check,) = software.server(asked())
    assert check.outcome == "fail"
    assert f"PREFECT_API_SSL_CERT_FILE is {file}, no file of certificates" in check.found


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/api", "file:///etc", "nonsense"])
def test_an_address_without_a_server_is_a_failure(
    asked: Any, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", url)
    (check,) = software.server(asked())
    assert check.outcome == "fail"
    assert url in check.found


@pytest.mark.slow
def test_prefects_server_can_be_built_from_what_is_installed() -> None:
    answer = ask(software._SERVER, software._QUIET, timeout_s=300)
    assert software._startable(answer).outcome == "pass", answer.messages


@pytest.mark.slow
def test_a_fastapi_that_breaks_prefects_server_is_found_out(tmp_path: Path) -> None:
    (tmp_path / "fastapi.py").write_text("raise TypeError('Body() got min_items')")
    answer = ask(software._SERVER, {"PYTHONPATH": str(tmp_path)}, timeout_s=300)
    check = software._startable(answer)
    assert check.outcome == "fail"
    assert "Body() got min_items" in check.found


def test_a_server_that_takes_too_long_is_a_warning() -> None:
    assert software._startable(Answer(late=True)).outcome == "warn"
