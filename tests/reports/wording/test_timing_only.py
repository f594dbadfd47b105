"""Runs that were stopped after a few timed epochs: a predicted time, and no diagnosis."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungbench.record import Prediction, RunRecord
from lungbench.stats.intervals import geometric_mean
from reports.comparing.comparison import Comparison, Study, compare
from reports.comparing.learning import time_to_accuracy
from reports.forms import format as fmt
from reports.results.full_time import full_time, timed_only
from reports.results.load import load
from reports.sections.diagnosis import diagnosis
from reports.sections.speed import speed
from reports.summaries.summary import write_summary
from reports.wording.quality_sentences import accuracy_text, quality_label
from reports.wording.sentences import verdict_sentences


def study(*folders: Path) -> Study:
    return compare([load(folder) for folder in folders])


@pytest.fixture
def timed(reports: Any) -> Study:
    return study(*reports["timing_only"].folders)


def sides(found: Study) -> tuple[Comparison, Comparison]:
    cpu, gpu = (each for each in found.comparisons if each.cell.key.model == "cnn10")
    return cpu, gpu


def test_how_many_epochs_were_timed_is_no_difference_in_work(timed: Study) -> None:
    _, gpu = sides(timed)
    assert gpu.differences == ()
    assert gpu.speedup is not None


def test_a_cell_that_was_only_timed_is_labelled_where_its_quality_would_stand(
    reports: Any, timed: Study
) -> None:
    cpu, gpu = sides(timed)
    assert (accuracy_text(cpu.cell), quality_label(cpu)) == ("timing only", "baseline, timing only")
    assert quality_label(gpu) == "baseline timing only"
    section = diagnosis(timed, [load(folder) for folder in reports["timing_only"].folders])
    assert section.overview is not None
    assert section.seeds is not None
    for table in (section.overview, section.seeds):
        on_cpu = [row for row in table.rows if row[1] == "cpu"]
        assert on_cpu
        assert all("timing only" in row for row in on_cpu)
    assert [sentence.partition(". ")[2] for sentence in section.unevaluated] == [
        "It was stopped after 3 of 120 epochs to predict its time, so it diagnosed nothing."
    ] * 4


def test_the_verdict_says_that_the_speed_up_has_no_quality_evidence(timed: Study) -> None:
    _, gpu = sides(timed)
    _, evidence, prediction = verdict_sentences(gpu)
    assert evidence == (
        "No diagnosis was made on cpu, timed only for 3 of 120 epochs: "
        "this speed-up has no quality evidence."
    )
    assert prediction.startswith("All epochs would take ")
    assert prediction.endswith(", predicted from 3 of 120 epochs on cpu.")


def test_a_device_that_was_only_timed_beside_a_full_baseline_is_said_so_too(lab: Any) -> None:
    folder = lab.execution(models=("cnn10",), epochs=40, timing_epochs={"cpu:threads=2": 1})
    _, other = study(folder).comparisons
    assert quality_label(other) == "timing only"
    assert "No diagnosis was made on cpu:threads=2" in " ".join(verdict_sentences(other))


def test_the_predicted_time_stands_beside_the_measured_one(timed: Study) -> None:
    table = speed(timed).all_epochs
    assert table is not None
    for row, each in zip(table.rows, timed.comparisons, strict=True):
        records = each.cell.runs
        if each.cell.key.device == "cpu":
            predictions = [run.timing.predicted for run in records if run.timing]
            wall_s = geometric_mean(one.wall_s for one in predictions if one)
            assert row[3].startswith(f"{fmt.duration(wall_s)} [")
            assert row[4] == "predicted from 3 of 120 epochs"
        else:
            last = [run.epochs[-1] for run in records]
            ends = [one.started_s + one.train_s + (one.validation_s or 0) for one in last]
            assert row[3:5] == (fmt.duration(geometric_mean(ends)), "measured")


def test_without_a_prediction_there_is_no_table_of_full_times(reports: Any) -> None:
    assert speed(study(*reports["repeated"].folders)).all_epochs is None


def test_a_run_that_was_stopped_early_is_on_no_way_to_an_accuracy(timed: Study) -> None:
    assert [time_to_accuracy(each) for each in timed.comparisons] == [None] * 4


def test_the_summary_holds_the_prediction_and_says_what_it_is(reports: Any) -> None:
    cells = write_summary(reports["timing_only"].folders[0]).cells
    assert [cell.timing_only for cell in cells] == [True, False, True, False]
    for cell in cells:
        if not cell.timing_only:
            assert cell.predicted is None
            continue
        assert cell.quality is None
        assert cell.predicted is not None
        assert cell.predicted.interval is not None
        low, high = cell.predicted.interval.low, cell.predicted.interval.high
        assert low <= cell.predicted.wall_s <= high
        assert (cell.predicted.trained_epochs, cell.predicted.planned_epochs) == (3, 120)


def test_one_steady_epoch_predicts_without_an_interval(lab: Any) -> None:
    folder = lab.execution(models=("cnn10",), epochs=40, timing_epochs={"cpu:threads=1": 1})
    cell, _ = write_summary(folder).cells
    assert cell.predicted is not None
    assert cell.predicted.interval is None


def predicting(run: RunRecord, prediction: Prediction) -> RunRecord:
    assert run.timing is not None
    timing = run.timing.model_copy(update={"predicted": prediction})
    return run.model_copy(update={"timing": timing})


@pytest.fixture(scope="module")
def stopped(reports: Any) -> RunRecord:
    [execution] = [load(folder) for folder in reports["timing_only"].folders]
    return next(run.record for run in execution.runs if timed_only(run.record))


@settings(max_examples=60)
@given(
    predictions=st.lists(st.tuples(st.floats(100, 1e6), st.floats(0, 2e6)), min_size=1, max_size=4)
)
def test_the_interval_of_several_runs_holds_each_estimate_and_no_negative_time(
    stopped: RunRecord, predictions: list[tuple[float, float]]
) -> None:
    runs = [
        predicting(stopped, Prediction(wall_s=wall, low_s=wall - half, high_s=wall + half))
        for wall, half in predictions
    ]
    found = full_time(runs)
    assert found is not None
    assert found.low_s is not None
    assert found.high_s is not None
    last = stopped.epochs[-1]
    trained_s = last.started_s + last.train_s + (last.validation_s or 0)
    smallest = min(wall for wall, _ in predictions)
    assert min(trained_s, smallest) <= found.low_s <= smallest
    assert found.high_s >= max(wall for wall, _ in predictions)
    assert found.low_s <= found.wall_s * (1 + 1e-12)
    assert found.wall_s <= found.high_s * (1 + 1e-12)


def test_an_interval_needs_one_from_every_run(stopped: RunRecord) -> None:
    bare = predicting(stopped, Prediction(wall_s=500.0))
    found = full_time([stopped, bare])
    assert found is not None
    assert (found.low_s, found.high_s) == (None, None)
