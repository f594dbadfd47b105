"""What the tests of the faults share; see `docs/reliability.md`.

The short form runs with all the other tests; FAULTS=long (`make faults`) takes every point.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# Tests are no package; what they share lies beside them.
sys.path.append(str(Path(__file__).parent))

from fault_lab import (
    LONG,
    MARK_VARIABLE,
    Forks,
    Lab,
    Outcome,
    images,
    nothing_left,
)
from fault_points import Plan
from fault_story import Story
from fault_suite import Suite
from fault_tally import Fault, Tally

TALLY = Tally()
HEADING = "faults: tried and survived"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fault(*numbers): shows that these kinds are survived")
    config.addinivalue_line("markers", "story(script): needs this script to be run beside it")
    config.addinivalue_line("markers", "long: takes minutes; runs where FAULTS=long")


@pytest.fixture(scope="session")
def locks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("locks")


@pytest.fixture(scope="session", autouse=True)
def stories(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Story]]:
    """Start every story that a test will ask for; they run beside all other tests."""
    items = (each for each in request.session.items if LONG or not each.get_closest_marker("long"))
    markers = (item.get_closest_marker("story") for item in items)
    scripts = dict.fromkeys(marker.args[0] for marker in markers if marker)
    started = {script: Story(script, tmp_path_factory.mktemp("story")) for script in scripts}
    yield started
    for story in started.values():
        story.end()


@pytest.fixture
def story(request: pytest.FixtureRequest, stories: dict[str, Story]) -> Story:
    """The story of a test."""
    return stories[request.node.get_closest_marker("story").args[0]]


@pytest.fixture(autouse=True)
def mark(
    request: pytest.FixtureRequest, locks: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Mark every process that a test starts; none may be left after it."""
    name = f"{os.getpid()} {request.node.name}"
    monkeypatch.setenv(MARK_VARIABLE, name)
    monkeypatch.setenv("LUNGBENCH_LOCKS", str(locks))
    monkeypatch.delenv("FAULT_PLAN", raising=False)
    # how busy the host was before a run is of no interest here, and takes a second
    monkeypatch.setattr("lungbench.resources.disturbance._GLANCE_S", 0.01)
    monkeypatch.setattr("lungbench.resources.disturbance._LOOK_S", 0.01)
    yield name
    nothing_left(name)


@pytest.fixture
def faults(request: pytest.FixtureRequest) -> list[Fault]:
    """The rows of the table that a test belongs to."""
    child = getattr(request.node, "callspec", None)
    real = bool(child and child.params.get("child") == "real")
    marker = request.node.get_closest_marker("fault")
    return [Fault(TALLY.rows[number], real) for number in marker.args]


@pytest.fixture
def fault(faults: list[Fault]) -> Fault:
    """The row of a test that belongs to one only."""
    [only] = faults
    return only


@pytest.fixture
def child(request: pytest.FixtureRequest) -> str:
    """Which training is harmed: `tiny`, or `real`, which is one with Keras."""
    return str(getattr(request, "param", "tiny"))


@pytest.fixture
def lab(child: str, tmp_path: Path) -> Lab:
    return Lab(tmp_path / "lab", real=child == "real")


@pytest.fixture(scope="session")
def wholes(tmp_path_factory: pytest.TempPathFactory) -> dict[Any, Outcome]:
    """The outcomes of uninterrupted runs, by what was asked for."""
    return {}


@pytest.fixture
def whole(wholes: dict[Any, Outcome], lab: Lab, tmp_path: Path) -> Any:
    """Return what the lab's run computes when nothing happens to it."""

    def of(state_bytes: int = 4096) -> Outcome:
        key = lab.real, lab.spec.model_dump_json(), state_bytes
        if key not in wholes:
            run_dir = tmp_path / f"whole {state_bytes}"
            record = lab.launch(run_dir, Plan(state_bytes=state_bytes))
            assert record.status == "completed", record.reason
            wholes[key] = Outcome.of(run_dir)
        return wholes[key]

    return of


@pytest.fixture(scope="session")
def strace() -> str:
    """The program, where it is installed and may trace."""
    found = shutil.which("strace")
    if (
        not found
        or subprocess.run([found, "-qq", "true"], check=False, capture_output=True).returncode
    ):
        pytest.skip("strace isn't installed, or may not trace here")
    return found


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    server = Forks()
    yield server
    server.close()


@pytest.fixture(scope="session")
def xrays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Image files of three classes; nobody changes them."""
    return images(tmp_path_factory.mktemp("xrays") / "xrays")


@pytest.fixture
def suite(tmp_path: Path, xrays: Path) -> Suite:
    return Suite(tmp_path / "suite", xrays)


@pytest.fixture(scope="session")
def finished_suite(tmp_path_factory: pytest.TempPathFactory, xrays: Path, locks: Path) -> Suite:
    """A suite to which nothing has happened; nobody changes it."""
    suite = Suite(tmp_path_factory.mktemp("whole") / "suite", xrays, LUNGBENCH_LOCKS=str(locks))
    ended = suite.do("run")
    assert ended.code == 0, ended
    return suite


@pytest.fixture(scope="session")
def whole_suite(finished_suite: Suite) -> dict[str, Outcome]:
    """What the suite's runs compute when nothing happens to them."""
    return finished_suite.outcomes


@pytest.fixture
def finished(finished_suite: Suite, tmp_path: Path, xrays: Path) -> Suite:
    """A copy of it for one test."""
    shutil.copytree(finished_suite.folder, tmp_path / "suite")
    return Suite(tmp_path / "suite", xrays)


@pytest.fixture(scope="session")
def killed_suite(tmp_path_factory: pytest.TempPathFactory, xrays: Path, locks: Path) -> Path:
    """The folder of a suite whose command was killed after an epoch of its first training."""
    folder = tmp_path_factory.mktemp("killed")
    mine = {"LUNGBENCH_LOCKS": str(locks), MARK_VARIABLE: str(folder)}
    suite = Suite(folder / "suite", xrays, **mine)
    suite.killed()
    nothing_left(str(folder))
    return suite.folder


@pytest.fixture
def interrupted(killed_suite: Path, tmp_path: Path, xrays: Path) -> Suite:
    """A copy of it for one test."""
    shutil.copytree(killed_suite, tmp_path / "suite")
    return Suite(tmp_path / "suite", xrays)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Remember what was skipped, and what failed."""
    report = yield
    marker = item.get_closest_marker("fault")
    for number in marker.args if marker else ():
        row = TALLY.rows[number]
        if report.skipped and not hasattr(report, "wasxfail"):
            row.skipped.add(str(report.longrepr[2]).removeprefix("Skipped: "))
        elif report.failed or hasattr(report, "wasxfail"):
            row.failed.append(item.name)
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave most of the real trainings to the long form."""
    for item in items:
        if item.get_closest_marker("long") and not LONG:
            item.add_marker(pytest.mark.skip(reason="in the long form only"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave the table; a worker gives it to the process that prints."""
    if not TALLY.touched:
        return
    if folder := os.environ.get("FAULTS_OUT"):
        TALLY.write(Path(folder))
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["told"] = {HEADING: list(TALLY.lines())}


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not TALLY.touched:
        return
    terminalreporter.section(HEADING)
    for line in TALLY.lines():
        terminalreporter.write_line(line)
