"""Chromium for the tests of pages: one tab, driven through its debugging protocol."""

import json
import shutil
import subprocess
import time
import urllib.request
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-component-update",
    "--disable-background-networking",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--remote-debugging-port=0",
)
START_S = 30.0
ANSWER_S = 300.0  # a busy machine looks through a long page for a minute


class Browser:
    """One tab; notes what is requested and what is logged."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._last = 0
        self.requested: list[str] = []
        self.logged: list[str] = []

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._last += 1
        self._socket.send(json.dumps({"id": self._last, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=ANSWER_S))
            if message.get("id") == self._last:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result
            self._note(message)

    def open(self, page: Path | str, *, width: int, height: int = 900, dark: bool = False) -> None:
        """Show a file, or what an address has, in a window of this size in CSS pixels."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        for domain in ("Page", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        self.go(page.as_uri() if isinstance(page, Path) else page)

    def go(self, address: str) -> None:
        """Navigate to an address and wait until its page is complete."""
        self.call("Page.navigate", url=address)
        end = time.monotonic() + START_S
        while self.value("document.readyState") != "complete" and time.monotonic() < end:
            time.sleep(0.05)

    def click(self, x: float, y: float) -> None:
        """Move the mouse to a point of the window, in CSS pixels, and press its left button."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        for event in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=event, x=x, y=y, button="left", clickCount=1)

    def violations(self, axe: str) -> list[Any]:
        """What axe-core finds wrong with the page: rule, how often, and the first element."""
        self.call("Runtime.evaluate", expression=axe)
        run = (
            "axe.run({resultTypes: ['violations']}).then(found => JSON.stringify("
            "found.violations.map(each => "
            "[each.id, each.nodes.length, each.nodes[0].html.slice(0, 200)])))"
        )
        answer = self.call(
            "Runtime.evaluate", expression=run, awaitPromise=True, returnByValue=True
        )
        found: list[Any] = json.loads(answer["result"]["value"])
        return found

    @contextmanager
    def without_script(self) -> Iterator[None]:
        """Open pages as where scripts are switched off; expressions are still evaluated."""
        self.call("Emulation.setScriptExecutionDisabled", value=True)
        try:
            yield
        finally:
            self.call("Emulation.setScriptExecutionDisabled", value=False)

    def printed(self) -> bytes:
        """The page as a PDF, on the paper that its style sheet asks for."""
        return b64decode(self.call("Page.printToPDF", preferCSSPageSize=True)["data"])

    def value(self, expression: str) -> Any:
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return result["result"].get("value")

    def _note(self, message: dict[str, Any]) -> None:
        if message.get("method") == "Network.requestWillBeSent":
            self.requested.append(message["params"]["request"]["url"])
        if message.get("method") == "Log.entryAdded":
            self.logged.append(message["params"]["entry"]["text"])


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("Chromium is not installed")
    profile = tmp_path_factory.mktemp("profile")
    process = subprocess.Popen(
        [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        # What a page requests meanwhile fills the queue, behind which no answer to a ping is read.
        tab = _tab(profile / "DevToolsActivePort")
        with connect(tab, max_size=None, ping_interval=None) as socket:
            yield Browser(socket)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _tab(port_file: Path) -> str:
    """Wait until Chromium says where it listens; return the address of its first tab."""
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if port_file.exists() and (lines := port_file.read_text().splitlines()):
            with urllib.request.urlopen(f"http://127.0.0.1:{lines[0]}/json") as answer:
                tabs = [tab for tab in json.load(answer) if tab["type"] == "page"]
            if tabs:
                return str(tabs[0]["webSocketDebuggerUrl"])
        time.sleep(0.05)
    pytest.skip("Chromium did not start")
