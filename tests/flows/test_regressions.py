"""Who is told that an execution is worse than those before it, and of what, exactly once."""

import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from golden import CPU_HOST, PAPERS_CLASSES, Lab

from flows import history
from flows.alarms import FAILED, REGRESSED, Alarm, raise_alarms, regressions
from lungbench.executions.execution import Execution
from lungbench.metrics import metrics_of
from lungbench.record import RunRecord
from reports.over_time import past
from reports.summaries.summary import write_summary

ROOT = Path(__file__).parents[2]
CELLS = ["10-layer CNN on cpu:threads=1", "10-layer CNN on cpu:threads=2"]
Change = Callable[[RunRecord], RunRecord | None]


def slowed(number: int, factor: float = 1.0) -> Change:
    """Give every run the speed of its night, 1 % off at most."""

    def change(record: RunRecord) -> RunRecord:
        assert record.timing is not None
        pace = factor * (1 + 0.01 * Random(f"{number}{record.run_id}").uniform(-1, 1))
        timing = record.timing.model_copy(update={"steady_epoch_s": 4 * pace})
        return record.model_copy(update={"timing": timing})

    return change


def diagnosing(correct: int) -> Change:
    """Let every run diagnose so many of the 40 images of each class."""
    wrong = 40 - correct
    rows = ((correct, wrong, 0), (0, correct, wrong), (wrong, 0, correct))

    def change(record: RunRecord) -> RunRecord:
        return record.model_copy(update={"metrics": metrics_of(rows, PAPERS_CLASSES)})

    return change


class Nights:
    """One execution a night, of one run a cell unless asked otherwise, as `nightly-quick` has."""

    def __init__(self, root: Path) -> None:
        self.lab = Lab(root)
        self.number = 0

    def pass_by(self, *factors: float, **asked: Any) -> Execution:
        """Let nights pass, each so many times as slow as usual; return the last execution."""
        for factor in factors:
            found = self.one(slowed(self.number, factor), **asked)
        return found

    def one(self, change: Change, **asked: Any) -> Execution:
        self.number += 1
        defaults: dict[str, Any] = {"models": ("cnn10",), "samples": False}
        folder = self.lab.execution(
            f"202611{self.number:02d}T020000Z", change=change, **defaults | asked
        )
        write_summary(folder)
        return Execution.open(folder)


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return Nights(tmp_path / "results")


def told(execution: Execution) -> list[Alarm]:
    """Return what an execution raises, once the command and the index page have agreed with it."""
    found = list(regressions(execution))
    results = execution.folder.parent.parent
    assert history.history(results, as_json=True) == bool(found)
    calm = "The newest execution of no experiment is shown to be worse"
    assert (calm in (results / "index.html").read_text()) == (not found)
    return found


@pytest.mark.parametrize("repeats", [1, 3])
def test_a_night_that_is_twice_as_slow_is_one_alarm_with_its_cells_and_figures(
    nights: Nights, repeats: int
) -> None:
    [alarm] = told(nights.pass_by(1, 1, 1, 1, 2, repeats=repeats))
    assert alarm.event == REGRESSED
    assert sorted(alarm.runs) == CELLS
    figures = re.compile(
        r"2026-11-05 02:00: slower, \+(\d+\.\d)% \[\+(\d+\.\d)%, \+(\d+\.\d)%\], "
        r"not confirmed yet; compared with 4 earlier executions\."
    )
    for words in alarm.runs.values():
        found = figures.fullmatch(words)
        assert found
        change, low, high = map(float, found.groups())
        assert low < change < high
        assert 95 < change < 105  # twice as slow, and nights are within 1 % of each other
    assert alarm.message.startswith("quick: 10-layer CNN on cpu:threads=")
    assert figures.search(alarm.message)
    assert alarm.message.endswith(" Worse too: 1 other cell.")


@pytest.mark.parametrize(
    "factors",
    [
        pytest.param((1, 1, 1, 1, 1, 1), id="nothing changed"),
        pytest.param((1, 1, 1, 1, 0.5), id="faster"),
        pytest.param((2,), id="no earlier execution"),
        pytest.param((1, 2), id="one earlier execution, so no spread between nights"),
    ],
)
def test_nobody_is_told_where_nothing_is_shown_to_be_worse(
    nights: Nights, factors: tuple[float, ...]
) -> None:
    assert told(nights.pass_by(*factors)) == []


def test_a_step_is_told_of_when_it_is_found_and_when_it_is_confirmed_and_then_no_more(
    nights: Nights,
) -> None:
    nights.pass_by(1, 1, 1)
    said = [told(nights.pass_by(factor)) for factor in (1, 2, 2, 2, 2)]
    assert [len(each) for each in said] == [0, 1, 1, 0, 0]
    assert "not confirmed yet" in said[1][0].message
    # It is still the fifth night that is told of.
    assert "2026-11-05 02:00: slower" in said[2][0].message
    assert "confirmed by the next one" in said[2][0].message


def test_a_host_whose_nights_alternate_with_anothers_confirms_its_own_step(nights: Nights) -> None:
    other = CPU_HOST.model_copy(update={"hostname": "ward8"})
    for factor in (1, 1, 1, 1, 2):
        nights.pass_by(factor)
        nights.pass_by(3, host=other)
    [alarm] = told(nights.pass_by(2))
    assert "2026-11-09 02:00: slower" in alarm.message


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param({"host": CPU_HOST.model_copy(update={"hostname": "ward8"})}, id="host"),
        pytest.param({"fingerprint": "77aa"}, id="images"),
        pytest.param({"epochs": 9}, id="settings"),
    ],
)
def test_what_cannot_be_compared_is_no_alarm(nights: Nights, asked: dict[str, Any]) -> None:
    nights.pass_by(1, 1, 1, 1)
    assert told(nights.pass_by(2, **asked)) == []


def test_other_versions_are_an_alarm_that_names_them(nights: Nights) -> None:
    nights.pass_by(1, 1, 1, 1)
    versions = CPU_HOST.versions | {"keras": "3.16.0"}
    [alarm] = told(nights.pass_by(2, host=CPU_HOST.model_copy(update={"versions": versions})))
    assert alarm.message.endswith("Changed by then: keras 3.15.1 → 3.16.0.")


def test_a_network_that_diagnoses_worse_by_its_whole_interval_is_one_alarm(nights: Nights) -> None:
    for _ in range(4):
        nights.one(diagnosing(38))
    [alarm] = told(nights.one(diagnosing(20)))
    assert sorted(alarm.runs) == CELLS
    # 20 of 40 images of each class instead of 38: 45 of 100, and the whole interval is below 0.
    figures = re.compile(r"less accurate, -45\.0 points \[-\d+\.\d, -\d+\.\d\]")
    for words in alarm.runs.values():
        assert figures.search(words.replace("\N{MINUS SIGN}", "-"))


def test_a_difference_that_so_few_test_images_leave_open_is_no_alarm(nights: Nights) -> None:
    for _ in range(4):
        nights.one(diagnosing(38))
    assert told(nights.one(diagnosing(37))) == []


def test_an_execution_without_a_result_repeats_nothing(nights: Nights) -> None:
    slow = nights.pass_by(1, 1, 1, 1, 2)
    empty = nights.one(lambda _: None)
    assert list(regressions(empty)) == []
    assert history.history(empty.folder.parent, as_json=True) == 1  # what is known stays so
    assert len(list(regressions(slow))) == 1


def test_an_execution_that_is_resumed_is_judged_by_what_was_before_it(nights: Nights) -> None:
    slow = nights.pass_by(1, 1, 1, 1, 2)
    before = list(regressions(slow))
    nights.pass_by(1, 1)
    assert list(regressions(slow)) == before
    assert len(before) == 1


def test_a_history_that_cannot_be_read_keeps_nobody_from_being_told_of_failures(
    nights: Nights, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(record: RunRecord) -> RunRecord:
        return record.model_copy(update={"status": "failed", "metrics": None, "timing": None})

    def torn(_: Path) -> past.Past:
        raise RuntimeError("it broke")

    sent: list[str] = []
    monkeypatch.setattr("flows.alarms.emit_event", lambda event, **_: sent.append(event))
    monkeypatch.setattr(past, "read_past", torn)
    nights.pass_by(1, 1)
    raise_alarms(nights.one(fail))
    assert sent == [FAILED]
    assert "it broke" in caplog.text


RAISE = """
import sys
from pathlib import Path
from flows.alarms import raise_alarms
from lungbench.executions.execution import Execution
raise_alarms(Execution.open(Path(sys.argv[1])))
"""


@pytest.mark.slow
def test_a_server_gets_one_event_of_the_slow_night_and_none_of_the_others(
    nights: Nights, prefect_api: str, environment: dict[str, str]
) -> None:
    last = nights.pass_by(1, 1, 1, 1)
    slow = nights.pass_by(2)
    for execution in (last, slow):  # each process ends when its events have been sent
        subprocess.run(
            [sys.executable, "-c", RAISE, str(execution.folder)],
            env=environment | {"PREFECT_API_URL": prefect_api},
            cwd=ROOT,
            check=True,
            timeout=200,
        )
    [event] = received(prefect_api)
    assert event["resource"]["prefect.resource.id"] == "lungbench.experiment.quick"
    assert event["payload"]["execution"] == slow.folder.name
    assert event["payload"]["report"] == str(slow.folder / "report.html")
    [alarm] = regressions(slow)
    assert (event["payload"]["message"], event["payload"]["runs"]) == (alarm.message, alarm.runs)


def received(api: str) -> list[Any]:
    """Return the regressions that the server has got, once there is one."""
    asked = {"filter": {"event": {"name": [REGRESSED]}}}
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        answer = httpx.post(f"{api}/events/filter", json=asked, timeout=30)
        if found := answer.raise_for_status().json()["events"]:
            return list(found)
        time.sleep(0.3)
    raise TimeoutError
