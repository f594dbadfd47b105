from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lungbench.record import RunRecord
from reports.comparing.comparison import compare
from reports.comparing.evaluated import Evaluated, by_network, colours_of, evaluated
from reports.results.load import load


def networks(folder: Path) -> tuple[Evaluated, ...]:
    executions = [load(folder)]
    return evaluated(compare(executions), executions)


def older(record: RunRecord) -> RunRecord:
    """The same as a version wrote it that knew the paper's rates alone."""
    assert record.metrics is not None
    named = record.metrics.model_dump()
    for name in ("kappa", "mcc", "brier", "calibration_error"):
        del named[name]
    for rates in (*named["per_class"].values(), named["macro"]):
        for name in ("npv", "auc", "average_precision"):
            del rates[name]
    return RunRecord.model_validate(record.model_dump() | {"metrics": named})


def test_every_tested_run_is_there_with_its_diagnoses(lab: Any) -> None:
    found = networks(lab.execution(repeats=2))
    assert len(found) == 12
    assert all(each.diagnoses is not None for each in found)
    assert found[0].title == "10-layer CNN on cpu:threads=1, run 1"


def test_an_old_record_is_completed_from_what_it_kept(lab: Any) -> None:
    [old, *_] = networks(lab.execution(models=("cnn10",), change=older))
    assert old.run.metrics is not None
    assert old.run.metrics.kappa is None
    assert old.metrics.kappa is not None
    assert old.metrics.macro.auc is not None
    assert old.metrics.brier is not None
    # The paper's rates are the record's to the last digit.
    assert old.metrics.macro.f1 == old.run.metrics.macro.f1


def test_without_its_predictions_an_old_record_says_what_its_matrix_does(lab: Any) -> None:
    folder = lab.execution(models=("cnn10",), change=older)
    for path in folder.glob("runs/*/predictions.csv"):
        path.unlink()
    [old, *_] = networks(folder)
    assert old.diagnoses is None
    assert old.metrics.mcc is not None
    assert (old.metrics.macro.auc, old.metrics.brier) == (None, None)


def without_probabilities(text: str) -> str:
    return "\n".join(",".join(line.split(",")[:3]) for line in text.splitlines()) + "\n"


def of_another_run(text: str) -> str:
    return text.replace("covid,covid", "covid,healthy", 1)


def torn(text: str) -> str:
    return text[: len(text) // 2]


@pytest.mark.parametrize("damage", [without_probabilities, of_another_run, torn, lambda _: ""])
def test_predictions_that_are_not_the_records_are_not_used(
    lab: Any, damage: Callable[[str], str]
) -> None:
    folder = lab.execution(models=("cnn10",), devices=("cpu",))
    [path] = folder.glob("runs/*/predictions.csv")
    path.write_text(damage(path.read_text()))
    [only] = networks(folder)
    assert only.diagnoses is None
    assert only.metrics == only.run.metrics


def test_a_cells_colour_is_the_same_for_all_networks(lab: Any) -> None:
    found = networks(lab.execution())
    assert colours_of(found) == {"cpu:threads=1": "c1", "cpu:threads=2": "c2"}


def test_runs_of_a_network_stand_together(lab: Any) -> None:
    groups = by_network(networks(lab.execution(repeats=2)))
    assert [len(group) for group in groups] == [4, 4, 4]
    assert all(len({each.cell.title for each in group}) == 1 for group in groups)


def test_a_run_that_was_only_timed_is_no_tested_network(reports: Any) -> None:
    [folder] = reports["timing_only"].folders
    assert {each.cell.label for each in networks(folder)} == {"gpu:0"}
