import json
from pathlib import Path
from typing import Any

import pytest

from lungbench.errors import LungbenchError
from lungbench.executions.execution import SUMMARY_FILE
from reports.summaries.summary import read_summary, write_summary


def test_a_summary_has_a_cell_for_every_model_and_device(lab: Any) -> None:
    folder = lab.execution(repeats=2)
    written = write_summary(folder)
    read = json.loads((folder / "summary.json").read_text())
    assert read == written.model_dump(mode="json")
    assert [(cell["model"], cell["device"], cell["repeats"]) for cell in read["cells"]] == [
        (model, device, 2)
        for model in ("cnn10", "inceptionv3", "vgg16")
        for device in ("cpu:threads=1", "cpu:threads=2")
    ]
    assert read["baseline_device"] == "cpu:threads=1"


def test_a_baseline_has_no_speed_up_and_no_verdict(lab: Any) -> None:
    [baseline, other] = write_summary(lab.execution(models=("cnn10",))).cells
    assert (baseline.baseline, baseline.speedup, baseline.verdict) == (True, None, ())
    assert other.speedup is not None
    assert other.verdict[0].startswith("10-layer CNN trained ")


def test_a_summary_holds_the_evidence_on_the_diagnosis(lab: Any) -> None:
    [baseline, other] = write_summary(lab.execution(models=("cnn10",), repeats=3)).cells
    assert other.quality is not None
    assert other.quality.difference_method == "paired"
    assert other.quality.paired is not None
    assert len(other.quality.paired.mcnemar_p) == 3
    assert baseline.quality is not None
    assert baseline.quality.paired is None
    for cell in (baseline, other):
        assert cell.accuracy_spread is not None
        assert cell.accuracy_spread.runs == 3
        assert cell.train_test_gap is not None
        assert cell.time_to_accuracy is not None
        assert len(cell.time_to_accuracy.runs) == 3


def test_a_mean_over_models_has_an_interval_where_every_model_has_one(lab: Any) -> None:
    one = write_summary(lab.execution(models=("cnn10", "vgg16"))).across_models
    several = write_summary(lab.execution("20261123T090000Z", models=("cnn10", "vgg16"), repeats=3))
    assert [each.interval for each in one] == [None]
    [mean] = several.across_models
    assert mean.interval is not None
    assert mean.interval.low < mean.speedup < mean.interval.high


def test_a_summary_lists_what_failed(lab: Any) -> None:
    summary = write_summary(lab.execution(models=("cnn10",), change=lambda _: None))
    assert summary.cells == ()
    assert [each.status for each in summary.failures] == ["missing", "missing"]


def test_a_summary_says_whether_its_times_can_be_trusted(lab: Any) -> None:
    guards = {each.name: each for each in write_summary(lab.execution(models=("cnn10",))).guards}
    repeats = guards["Repeats"]
    assert (repeats.status, repeats.runs) == ("fail", 2)  # one run of each device
    assert repeats.advice is not None
    assert "matrix.repeats" in repeats.advice
    assert guards["Same work on both sides"].status == "pass"
    assert guards["Steady epochs"].runs == 0
    assert guards["CPU quota"].status == "unknown"


def test_guards_stay_short_with_many_runs(lab: Any) -> None:
    few = write_summary(lab.execution(models=("cnn10",), repeats=1, samples=False))
    many = write_summary(lab.execution("20261123T090000Z", repeats=2, samples=False))
    sizes = [sum(len(guard.model_dump_json()) for guard in each.guards) for each in (few, many)]
    assert max(sizes) < 1.2 * min(sizes)  # six times the runs


def test_a_summary_is_read_as_it_was_written(lab: Any) -> None:
    folder = lab.execution(models=("cnn10",))
    written = write_summary(folder)
    assert read_summary(folder) == written


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"schema_version": 2}'])
def test_a_summary_that_is_absent_or_damaged_is_none(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / SUMMARY_FILE).write_text(text)
    assert read_summary(tmp_path) is None


def test_no_summary_is_written_where_there_is_no_execution(tmp_path: Path) -> None:
    with pytest.raises(LungbenchError):
        write_summary(tmp_path)
    assert list(tmp_path.iterdir()) == []
