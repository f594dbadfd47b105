"""What the command says of a pruning, and what it leaves of the index page."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.pruning import prune
from lungbench.errors import Refused
from lungbench.executions import prune as pruning
from lungbench.executions.execution import EXPERIMENT_FILE, REPORT_FILE, Execution
from lungbench.experiment import Experiment, Matrix
from lungbench.host import describe_host
from lungbench.record import DataFacts, RunRecord, write_record
from reports.over_time.index_page import INDEX_FILE, rebuild_index

EXPERIMENT = Experiment(name="tiny", matrix=Matrix(models=("cnn10",), devices=("cpu",)))
DAYS = ("20261101T000000Z", "20261102T000000Z", "20261103T000000Z")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Three executions with their reports, and the index that links them."""
    [spec] = EXPERIMENT.runs()
    for day in DAYS:
        folder = tmp_path / "tiny" / day
        folder.mkdir(parents=True)
        (folder / EXPERIMENT_FILE).write_text(EXPERIMENT.model_dump_json())
        (folder / REPORT_FILE).write_text("a report")
        record = RunRecord(
            run_id=spec.run_id,
            status="completed",
            started=datetime(2026, 11, 1, tzinfo=UTC),
            spec=spec,
            host=describe_host(gpus=False),
            data=DataFacts(fingerprint="f", source="x", classes=("a", "b"), counts={}),
        )
        run_dir = Execution.open(folder).run_dir(spec)
        run_dir.mkdir(parents=True)
        write_record(record, run_dir)
    rebuild_index(tmp_path)
    assert linked(tmp_path) == list(DAYS)
    return tmp_path


def linked(results: Path) -> list[str]:
    """The executions whose reports the index links."""
    page = (results / INDEX_FILE).read_text()
    return [day for day in DAYS if f'href="./tiny/{day}/{REPORT_FILE}"' in page]


def test_the_index_links_no_report_that_was_removed(results: Path) -> None:
    said = prune(results, 1, really=True, as_json=False)
    assert said.endswith("removed.")
    assert linked(results) == [DAYS[-1]]


def test_looking_at_what_would_go_changes_nothing(results: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in results.rglob("*")}
    assert "add --yes to do it" in prune(results, 1, really=False, as_json=False)
    assert {path: path.stat().st_mtime_ns for path in results.rglob("*")} == before


def test_the_index_is_true_where_only_a_part_could_be_removed(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused_in_the_second(folder: Path) -> None:
        if folder.name == DAYS[1]:
            raise Refused("What is pruned must be removable.", received=folder)
        erase(folder)

    erase = pruning._erase
    monkeypatch.setattr(pruning, "_erase", refused_in_the_second)
    with pytest.raises(Refused):
        prune(results, 1, really=True, as_json=False)
    assert linked(results) == list(DAYS[1:])


def test_scripts_are_told_the_same(results: Path) -> None:
    said = json.loads(prune(results, 2, really=True, as_json=True))
    assert [(Path(each["folder"]).name, each["stays"]) for each in said] == [
        (DAYS[0], False),
        (DAYS[1], True),
        (DAYS[2], True),
    ]
    assert linked(results) == list(DAYS[1:])
