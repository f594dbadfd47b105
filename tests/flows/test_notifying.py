"""An alarm leaves a real Prefect server as an e-mail, through a server that speaks SMTP."""

import os
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_string, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


class Session(socketserver.StreamRequestHandler):
    """One client's conversation, as in RFC 5321, without extensions: no login, no encryption."""

    server: "Receiver"

    def handle(self) -> None:
        self.say("220 loopback")
        while line := self.line():
            match line.split(maxsplit=1)[0].upper():
                case "DATA":
                    self.say("354 go on")
                    self.server.received.append(self.message())
                    self.say("250 taken")
                case "QUIT":
                    self.say("221 bye")
                    return
                case "EHLO" | "HELO" | "MAIL" | "RCPT" | "RSET" | "NOOP":
                    self.server.said.append(line)
                    self.say("250 yes")
                case _:
                    self.say("502 not here")

    def message(self) -> EmailMessage:
        lines = []
        while (line := self.line()) != ".":
            lines.append(line.removeprefix("."))  # a dot at the beginning is sent twice
        text = "\n".join(lines)
        return message_from_string(text, policy=policy.default)  # type: ignore[return-value]

    def line(self) -> str:
        return self.rfile.readline().decode().rstrip("\r\n")

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class Receiver(socketserver.ThreadingTCPServer):
    """Take every message.

    Attributes:
        said: What clients said before their messages.
        received: The messages.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Session)
        self.said: list[str] = []
        self.received: list[EmailMessage] = []


@contextmanager
def receiving() -> Iterator[Receiver]:
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


def raise_alarm(api: str, message: str) -> None:
    """Send what a flow sends when a training has failed."""
    event = {
        "id": str(uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": "lungbench.execution.failed",
        "resource": {"prefect.resource.id": "lungbench.experiment.tiny"},
        "payload": {"message": message},
    }
    httpx.post(f"{api}/events", json=[event], timeout=30).raise_for_status()


def wait_for(condition: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)


def test_an_alarm_is_an_e_mail(prefect_api: str, environment: dict[str, str]) -> None:
    with receiving() as server:
        port = server.server_address[1]
        address = f"mailto://127.0.0.1:{port}?from=lungbench@lab.example&to=who@lab.example"
        subprocess.run(
            [sys.executable, "-m", "flows.notifying"],
            env=environment | {"PREFECT_API_URL": prefect_api, "LUNGBENCH_ALARMS": address},
            cwd=ROOT,
            check=True,
            timeout=100,
        )
        text = f"tiny: 1 of 2 trainings failed ({os.getpid()})."
        raise_alarm(prefect_api, text)
        wait_for(lambda: any(text in str(each) for each in server.received))
    [mail] = [each for each in server.received if text in str(each)]
    assert mail["Subject"] == "lungbench: alarms"
    assert "lungbench@lab.example" in mail["From"]
    assert "who@lab.example" in mail["To"]
    assert "RCPT TO:<who@lab.example>" in [each.replace("rcpt", "RCPT") for each in server.said]
