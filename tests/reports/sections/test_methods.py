"""The paragraph for a paper is true to every record, and not to the first one alone."""

from pathlib import Path
from typing import Any

import pytest

from lungbench.record import RunRecord
from lungbench.settings import Augmentation
from reports.comparing import quality
from reports.comparing.comparison import compare
from reports.results.load import load
from reports.sections import methods as section
from reports.sections.methods import methods


def methods_of(*folders: Path) -> str:
    executions = [load(folder) for folder in folders]
    return methods(executions, compare(executions))


def augmented(**settings: Any) -> Any:
    """Give the runs on two threads another augmentation."""

    def change(record: RunRecord) -> RunRecord:
        if record.spec.device.threads != 2:
            return record
        spec = record.spec.model_copy(update={"augmentation": Augmentation(**settings)})
        return record.model_copy(update={"spec": spec})

    return change


def test_one_augmentation_is_said_of_all_runs(lab: Any) -> None:
    said = methods_of(lab.execution(models=("cnn10",)))
    assert "images were sheared by up to 0.3 degrees, zoomed by up to 30% and mirrored." in said


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"shear_degrees": 0, "zoom": 0, "horizontal_flip": False}, "not augmented in 3 runs"),
        ({"shear_degrees": 0, "zoom": 0.1, "horizontal_flip": False}, "zoomed by up to 10% in 3"),
        ({"shear_degrees": 2, "zoom": 0}, "sheared by up to 2 degrees and mirrored in 3 runs"),
    ],
)
def test_runs_that_were_augmented_otherwise_are_counted(
    lab: Any, settings: dict[str, Any], words: str
) -> None:
    said = methods_of(lab.execution(models=("cnn10",), repeats=3, change=augmented(**settings)))
    assert "zoomed by up to 30% and mirrored in 3 runs; " in said
    assert words in said


def test_the_margin_is_the_one_that_verdicts_are_made_with(
    lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = lab.execution(models=("cnn10",))
    assert f"against a margin of {quality.EQUIVALENCE_MARGIN:.0%}".rstrip("%") in methods_of(folder)
    monkeypatch.setattr(section, "EQUIVALENCE_MARGIN", 0.025)
    assert "against a margin of 2.5 percentage points" in methods_of(folder)


def test_a_machine_that_changed_between_two_executions_is_described_twice(lab: Any) -> None:
    def upgraded(record: RunRecord) -> RunRecord:
        versions = record.host.versions | {"tensorflow": "2.21.1"}
        host = record.host.model_copy(update={"memory_bytes": 16 * 1024**3, "versions": versions})
        return record.model_copy(update={"host": host})

    first = lab.execution(models=("cnn10",))
    second = lab.execution("20261123T090000Z", models=("cnn10",), change=upgraded)
    said = methods_of(first, second)
    assert "8.00 GiB of memory" in said
    assert "16.0 GiB of memory" in said
    assert "tensorflow 2.21.0 and 2.21.1" in said


def test_configurations_with_one_run_are_named_where_only_some_have_more(lab: Any) -> None:
    def some(record: RunRecord) -> RunRecord | None:
        return None if record.spec.device.threads == 2 and record.spec.repeat == 2 else record

    said = methods_of(lab.execution(models=("cnn10",), repeats=2, change=some))
    assert "configurations with one run have no interval" in said
    everywhere = methods_of(lab.execution("20261123T090000Z", models=("cnn10",), repeats=2))
    assert "configurations with one run have no interval" not in everywhere
