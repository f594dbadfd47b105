"""What the tests of the command line and the flow share: a folder of X-rays, a Prefect server."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lungbench.data.synthetic import synthesize

# Tests are no package; what they share lies here, and the browser beside the reports.
sys.path.extend([str(Path(__file__).parent), str(Path(__file__).parents[1] / "reports")])

from chromium import browser
from migrated import fill
from prefect_server import Server

__all__ = ["browser"]  # a fixture, for every module here

ROOT = Path(__file__).parents[2]
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
# elsewhere, so it is left out as well, and so is a second's look at a host that seems busy.
WITH_STAND_IN = f"""
import sys, types
from lungbench.resources import disturbance
from lungbench.run import child
disturbance._LOOK_S = 0.01
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


@pytest.fixture
def waits(tmp_path: Path) -> Path:
    """While this file exists, trainings wait after their first epoch."""
    path = tmp_path / "waits"
    path.touch()
    return path


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


@pytest.fixture(scope="module")
def lab_folder(tmp_path_factory: pytest.TempPathFactory, xrays: Path) -> Path:
    """A lab's folder: what is deployed, and an experiment that trains in seconds, once."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copy(ROOT / "prefect.yaml", folder)
    (folder / "tiny.toml").write_text(TINY.format(source=xrays, devices='["cpu"]'))
    return folder


@pytest.fixture(scope="session")
def new_home(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Make homes of Prefect, apart from the user's and from each other."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    return lambda: fill(tmp_path_factory.mktemp("prefect"), shared)


@pytest.fixture(scope="module")
def lab_environment(
    new_home: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Variables for a lab's processes, which share nothing with the user's own."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT")}
    return inherited | {
        "PREFECT_HOME": str(new_home()),
        "LUNGBENCH_LOCKS": str(tmp_path_factory.mktemp("locks")),
        "PREFECT_WORKER_QUERY_SECONDS": "2",
    }


@pytest.fixture(scope="session")
def prefect_home(new_home: Callable[[], Path]) -> Path:
    """A home of Prefect's, for the whole session."""
    return new_home()


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
def prefect_api(new_home: Callable[[], Path]) -> Iterator[str]:
    """A real Prefect server on this machine, for the whole session."""
    # Else the UI in a browser looks for the server at port 4200.
    settings = {"PREFECT_SERVER_UI_API_URL": "/api"}
    server = Server(new_home(), **settings)
    try:
        server.start()
        yield server.api
    finally:
        server.stop()
