"""Alarms leave a real Prefect server as e-mails, through a server that speaks SMTP."""

import os
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from mail_server import NAME, MailServer, as_plain, certificate, serving
from prefect_server import Server, ask, client_of
from waiting import wait_for

from flows.notifying import main

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
WHO = "from=lungbench@lab.example&to=who@lab.example"
USER, PASSWORD = "lungbench", "p@ss/word-zq"


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A certificate that Prefect's server is told to trust."""
    return certificate(tmp_path_factory.mktemp("trusted"))


@pytest.fixture(scope="module")
def home(new_home: Callable[[], Path]) -> Path:
    return new_home()


@pytest.fixture(scope="module")
def api(home: Path, trusted: tuple[Path, ssl.SSLContext]) -> Iterator[str]:
    """The address of a Prefect server of this file's own, since its log is read."""
    server = Server(home, SSL_CERT_FILE=str(trusted[0]))
    try:
        server.start()
        yield server.api
    finally:
        server.stop()


@pytest.fixture
def tell(api: str, environment: dict[str, str]) -> Any:
    """Have alarms sent to an address."""

    def tell(address: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        told = {"PREFECT_API_URL": api, "LUNGBENCH_ALARMS": address} | variables
        return subprocess.run(
            [sys.executable, "-m", "flows.notifying"],
            env=environment | told,
            cwd=ROOT,
            check=False,
            capture_output=True,
            text=True,
            timeout=100,
        )

    return tell


def with_login(port: int, password: str = PASSWORD) -> str:
    return f"mailtos://{USER}:{quote(password, safe='')}@{NAME}:{port}?{WHO}"


def raise_alarm(api: str, message: str) -> None:
    """Send what a flow sends when a training has failed."""
    event = {
        "id": str(uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": "lungbench.execution.failed",
        "resource": {"prefect.resource.id": "lungbench.experiment.tiny"},
        "payload": {"message": message},
    }
    with client_of(api) as client:
        client.post("events", json=[event]).raise_for_status()


def failures(api: str) -> list[Any]:
    """Return the server's words on the messages that it couldn't send."""
    failed = {"event": {"prefix": ["prefect.automation.action.failed"]}}
    return list(ask(api, "events/filter", filter=failed)["events"])


def shown(api: str, home: Path) -> str:
    """Return all that the server shows without being asked for secrets, and its log."""
    pages = ("block_documents/filter", "automations/filter", "events/filter")
    asked = [str(ask(api, page)) for page in pages]
    return "".join([*asked, (home / "server.log").read_text()])


def assert_kept_secret(api: str, home: Path) -> None:
    text = shown(api, home)
    assert "lungbench-alarms" in text
    for secret in (PASSWORD, quote(PASSWORD, safe=""), as_plain(USER, PASSWORD), "mailtos:", WHO):
        assert secret not in text


def test_an_alarm_is_an_e_mail(api: str, tell: Any) -> None:
    with serving(MailServer()) as server:
        assert tell(f"mailto://127.0.0.1:{server.port}?{WHO}").returncode == 0
        text = f"tiny: 1 of 2 trainings failed ({os.getpid()})."
        raise_alarm(api, text)
        wait_for(lambda: server.received)
    [mail] = server.received
    assert text in str(mail)
    assert mail["Subject"] == "lungbench: alarms"
    assert "lungbench@lab.example" in mail["From"]
    assert "who@lab.example" in mail["To"]
    said = [line.upper() for _, line in server.said]
    assert "RCPT TO:<WHO@LAB.EXAMPLE>" in said


def test_a_login_is_made_after_starttls_and_shown_nowhere(
    api: str, tell: Any, trusted: tuple[Path, ssl.SSLContext], home: Path
) -> None:
    with serving(MailServer(trusted[1], (USER, PASSWORD))) as server:
        told = tell(with_login(server.port))
        assert told.returncode == 0, told.stderr
        assert "zq" not in told.stdout + told.stderr
        raise_alarm(api, "tiny: 1 of 2 trainings failed.")
        wait_for(lambda: server.received)
    assert len(server.received) == 1
    in_clear = [line.split()[0].upper() for encrypted, line in server.said if not encrypted]
    assert in_clear == ["EHLO", "STARTTLS"]
    assert (True, f"AUTH PLAIN {as_plain(USER, PASSWORD)}") in server.said
    assert_kept_secret(api, home)


@pytest.mark.parametrize("problem", ["no STARTTLS", "a certificate that nobody trusts"])
def test_no_login_is_made_where_it_would_not_be_kept_secret(
    problem: str, api: str, tell: Any, tmp_path: Path, home: Path
) -> None:
    tls = None if problem == "no STARTTLS" else certificate(tmp_path)[1]
    before = len(failures(api))
    with serving(MailServer(tls, (USER, PASSWORD))) as server:
        assert tell(with_login(server.port)).returncode == 0
        raise_alarm(api, "tiny: 1 of 2 trainings failed.")
        wait_for(lambda: len(failures(api)) > before)
    assert not server.received
    assert {line.split()[0].upper() for _, line in server.said} <= {"EHLO", "STARTTLS", "QUIT"}
    assert bool(server.refused) == (tls is not None)
    assert_kept_secret(api, home)


def test_a_wrong_password_changes_nothing_about_a_run(
    api: str,
    tell: Any,
    trusted: tuple[Path, ssl.SSLContext],
    home: Path,
    experiment_file: Path,
    lungbench_with_stand_in: list[str],
    environment: dict[str, str],
    waits: Path,
) -> None:
    before = len(failures(api))
    with serving(MailServer(trusted[1], (USER, "another"))) as server:
        assert tell(with_login(server.port)).returncode == 0
        ended = subprocess.run(
            [
                *lungbench_with_stand_in,
                "run",
                str(experiment_file),
                "--set",
                "measure.timeout_s=0.5",
            ],
            env=environment | {"PREFECT_API_URL": api, "STAND_IN_WAITS": str(waits)},
            cwd=experiment_file.parent,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert ended.returncode == 1, ended.stderr
        wait_for(lambda: len(failures(api)) > before)
    assert ended.stderr.count("failed: The run took longer than") == 2
    assert "Traceback" not in ended.stderr
    assert (True, f"AUTH PLAIN {as_plain(USER, PASSWORD)}") in server.said
    assert not server.received
    assert_kept_secret(api, home)


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # which Apprise imports
@pytest.mark.parametrize(
    ("address", "overdue_s", "rule"),
    [
        (None, None, "LUNGBENCH_ALARMS must name where alarms go"),
        (f"mailtos://{USER}:{PASSWORD}@{NAME}", None, "an address that Apprise can read"),
        ("carrier-pigeon://lab", None, "an address that Apprise can read"),
        ("http://127.0.0.1:9", "59", "LUNGBENCH_OVERDUE_S must be seconds, 60 or more, not '59'"),
        ("http://127.0.0.1:9", "1 h", "LUNGBENCH_OVERDUE_S must be seconds, 60 or more, not '1 h'"),
    ],
)
def test_what_cannot_be_told_of_is_one_line(
    address: str | None,
    overdue_s: str | None,
    rule: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.delenv("LUNGBENCH_ALARMS", raising=False)
    for name, value in (("LUNGBENCH_ALARMS", address), ("LUNGBENCH_OVERDUE_S", overdue_s)):
        if value:
            monkeypatch.setenv(name, value)
    monkeypatch.setattr("flows.notifying.install", lambda *_: None)
    with pytest.raises(SystemExit) as ended:
        main()
    said = str(ended.value)
    assert rule in said
    assert "\n" not in said
    assert "zq" not in said
    assert caplog.text == ""
