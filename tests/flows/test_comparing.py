"""`compare` and `history` as the command line calls them: what is printed, and the exit codes."""

import importlib.util
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from flows.comparing import compare
from flows.history import history
from lungbench.errors import LungbenchError
from lungbench.record import RunRecord
from reports.summaries.summary import write_summary

_LAB = Path(__file__).parents[1] / "reports" / "conftest.py"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five executions of one cell, the last two half as fast."""
    spec = importlib.util.spec_from_file_location("executions_of_a_lab", _LAB)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    lab: Any = module.Lab(tmp_path_factory.mktemp("lab") / "results")
    for number in range(5):
        folder = lab.execution(
            f"2026110{number + 1}T020000Z",
            models=("cnn10",),
            repeats=3,
            samples=False,
            change=_paced(number),
        )
        write_summary(folder)
    return Path(lab.root)


def _paced(number: int) -> Any:
    def change(record: RunRecord) -> RunRecord:
        noise = 1 + 0.01 * Random(f"{number}{record.run_id}").uniform(-1, 1)
        assert record.timing is not None
        steady = 4 * noise * (2 if number > 2 else 1)
        timing = record.timing.model_copy(update={"steady_epoch_s": steady})
        return record.model_copy(update={"timing": timing})

    return change


def sides(results: Path, old: int, new: int) -> tuple[Path, Path]:
    first, second = (results / "quick" / f"2026110{each}T020000Z" for each in (old, new))
    return first, second


def test_a_regression_ends_in_1_and_no_rule_in_0(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare(*sides(results, 1, 4), (), "table", None) == 0
    assert "slower" in capsys.readouterr().out
    assert compare(*sides(results, 1, 4), ("time:+5%",), "table", None) == 1
    printed = capsys.readouterr()
    assert "2 regressions; 0 undecided, 0 untested, 0 kept." in printed.err
    assert compare(*sides(results, 4, 1), ("time:+5%",), "table", None) == 0


def test_scripts_read_the_same_as_json(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compare(*sides(results, 1, 4), ("time:+5%", "accuracy:-1pp"), "json", None)
    read = json.loads(capsys.readouterr().out)
    assert read["regressions"] == 2
    assert [each["outcome"] for each in read["rulings"]].count("regression") == 2
    [first, _] = read["cells"]
    assert first["time_ratio"]["interval"]["low"] < 2 < first["time_ratio"]["interval"]["high"]


def test_markdown_holds_tables_whose_rows_are_as_wide_as_their_header(
    results: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    compare(*sides(results, 1, 2), ("time:+5%",), "markdown", tmp_path / "compare.html")
    printed = capsys.readouterr()
    blocks = [block.splitlines() for block in printed.out.split("\n\n") if block[:1] == "|"]
    assert len(blocks) == 4
    assert all(len({line.count(" | ") for line in block}) == 1 for block in blocks)
    assert (tmp_path / "compare.html").exists()


def test_a_wrong_rule_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(LungbenchError) as refusal:
        compare(tmp_path / "absent", tmp_path / "absent", ("speed:-5%",), "table", None)
    assert refusal.value.exit_code == 2


def test_history_ends_in_1_where_the_newest_is_worse_and_writes_the_index(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert history(results, as_json=True) == 1
    printed = capsys.readouterr()
    read = json.loads(printed.out)
    assert read["regressions"] == 2
    assert [len(each["executions"]) for each in read["experiments"]] == [5]
    assert (results / "index.html").exists()
    assert "index.html" in printed.err


def test_the_history_of_one_experiment_writes_nothing(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert history(results / "quick", as_json=False) == 1
    assert "10-layer CNN on cpu:threads=1" in capsys.readouterr().out
    assert not (results / "quick" / "index.html").exists()
