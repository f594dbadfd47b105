"""What the tests of the command line and the flow share: a folder of X-rays, a Prefect server."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from lungbench.data.synthetic import synthesize

TINY = """
name = "tiny"
[data]
source = "{source}"
image_size = 32
[train]
epochs = 2
batch_size = 8
weights = "none"
[matrix]
models = ["cnn10"]
devices = {devices}
"""


STAND_IN = Path(__file__).with_name("stand_in_child.py")
# The command line with a stand-in for the training child. A report takes seconds and is tested
# elsewhere, so it is left out as well.
WITH_STAND_IN = f"""
import sys, types
from lungbench.run import child
child.COMMAND = (sys.executable, {str(STAND_IN)!r})
def render(folders, page, redact=False, pictures=True):
    page.write_text("a report")
    return page
def publish(folder):
    return render([folder], folder / "report.html")
sys.modules["reports.publish"] = types.SimpleNamespace(publish=publish)
sys.modules["reports.page.render"] = types.SimpleNamespace(render=render)
from flows.cli import main
main()
"""


@pytest.fixture(scope="session")
def lungbench_with_stand_in() -> list[str]:
    """The command `lungbench`, which trains by `stand_in_child.py`."""
    return [sys.executable, "-c", WITH_STAND_IN]


@pytest.fixture(scope="session")
def xrays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty drawn X-rays of three classes, as image files."""
    folder = tmp_path_factory.mktemp("drawn") / "xrays"
    synthesize(folder, 10, 0)
    return folder


@pytest.fixture
def experiment_file(tmp_path: Path, xrays: Path) -> Path:
    """An experiment that trains in seconds, twice."""
    file = tmp_path / "tiny.toml"
    file.write_text(TINY.format(source=xrays, devices='["cpu:threads=1", "cpu"]'))
    return file


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of Prefect's own, apart from the user's."""
    return tmp_path_factory.mktemp("prefect")


@pytest.fixture
def environment(tmp_path: Path, prefect_home: Path) -> dict[str, str]:
    """Variables for a command that shares nothing with the user's own runs."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT")}
    return inherited | {
        "PREFECT_HOME": str(prefect_home),
        "LUNGBENCH_LOCKS": str(tmp_path / "locks"),
        "PYTHONWARNINGS": "default",
    }


@pytest.fixture(scope="session")
def prefect_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Prefect server on this machine, for the whole session."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = tmp_path_factory.mktemp("server")
    settings = {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    command = [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)]
    with (home / "server.log").open("wb") as log:
        server = subprocess.Popen(
            command, env=os.environ | settings, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
    try:
        url = f"http://127.0.0.1:{port}/api"
        _wait_until_healthy(url, server)
        yield url
    finally:
        server.terminate()
        server.wait(30)


def _wait_until_healthy(url: str, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert server.poll() is None, "the server ended"
        try:
            if httpx.get(f"{url}/health", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.3)
    raise TimeoutError("the server did not become healthy")
