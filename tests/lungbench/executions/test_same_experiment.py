"""An experiment that was changed by hand between two starts."""

from pathlib import Path
from typing import Any

import pytest

from lungbench.device import Device
from lungbench.errors import Refused
from lungbench.executions.execution import EXPERIMENT_FILE, Execution
from lungbench.executions.same_experiment import check_experiment
from lungbench.experiment import Experiment, Matrix, RunSpec
from lungbench.job import JOB_FILE, Job
from lungbench.settings import TrainSettings


@pytest.fixture
def execution(tmp_path: Path) -> Execution:
    """Two runs, begun."""
    experiment = Experiment(
        name="tiny",
        train=TrainSettings(batch_size=16, weights="none"),
        matrix=Matrix(models=("cnn10",), devices=(Device.parse("cpu"),), repeats=2),
    )
    execution = Execution.create(experiment, tmp_path)
    for spec in experiment.runs():
        begin(execution, spec)
    return execution


def begin(execution: Execution, spec: RunSpec) -> None:
    run_dir = execution.run_dir(spec)
    run_dir.mkdir(parents=True)
    (run_dir / JOB_FILE).write_text(Job(spec=spec, data=Path("data.json")).model_dump_json())


def with_changes(execution: Execution, **sections: dict[str, Any]) -> Execution:
    """Change the experiment as a text editor does, and open it again."""
    values = execution.experiment.model_dump(mode="json")
    for section, changes in sections.items():
        values[section] |= changes
    text = Experiment.model_validate(values).model_dump_json()
    (execution.folder / EXPERIMENT_FILE).write_text(text)
    return Execution.open(execution.folder)


def test_what_was_not_changed_goes_on(execution: Execution) -> None:
    check_experiment(Execution.open(execution.folder))


@pytest.mark.parametrize(
    ("section", "key", "before", "after"),
    [
        ("train", "batch_size", "16", 32),
        ("train", "epochs", "120", 3),
        ("train", "learning_rate", "0.001", 0.1),
        ("train", "seed", "0", 7),
        ("data", "image_size", "224", 96),
        ("measure", "timing_epochs", "None", {"cpu": 1}),
    ],
)
def test_a_changed_key_is_named_once_with_both_values(
    execution: Execution, section: str, key: str, before: str, after: Any
) -> None:
    changed = with_changes(execution, **{section: {key: after}})
    with pytest.raises(Refused) as refusal:
        check_experiment(changed)
    now = 1 if isinstance(after, dict) else after
    assert refusal.value.received == (
        f"{section}.{key}: {before} in the runs already begun, {now} in experiment.json"
    )
    assert refusal.value.exit_code == 3


def test_a_changed_augmentation_is_named_by_its_part(execution: Execution) -> None:
    changed = with_changes(
        execution,
        train={"augmentation": {"shear_degrees": 0.3, "zoom": 0.5, "horizontal_flip": True}},
    )
    with pytest.raises(Refused, match=r"train\.augmentation\.zoom: 0\.3 in .*, 0\.5 in exp"):
        check_experiment(changed)


def test_every_setting_of_a_run_is_compared(execution: Execution) -> None:
    # What names a run can't differ between two runs of one name.
    names = {"model", "device", "precision", "backend", "pipeline", "repeat", "fold"}
    other: dict[str, Any] = {
        "augmentation": {"shear_degrees": 1, "zoom": 0.3, "horizontal_flip": True},
        "optimizer": "sgd",
        "weights": "imagenet",
        "preprocess": "imagenet",
    }
    first = execution.experiment.runs()[0]
    for field in RunSpec.model_fields.keys() - names:
        begun = first.model_dump() | {field: other.get(field, 77)}
        job = Job(spec=RunSpec.model_validate(begun), data=Path("data.json"))
        (execution.run_dir(first) / JOB_FILE).write_text(job.model_dump_json())
        with pytest.raises(Refused, match=field):
            check_experiment(execution)


def test_added_runs_are_only_new(execution: Execution) -> None:
    added = with_changes(
        execution, matrix={"repeats": 3, "models": ["cnn10", "vgg16"], "devices": ["cpu"]}
    )
    check_experiment(added)
    assert len(added.experiment.runs()) == 6


def test_how_runs_are_watched_may_change(execution: Execution) -> None:
    check_experiment(with_changes(execution, measure={"timeout_s": 60, "sample_interval_s": 5}))


def test_a_run_that_tells_nothing_was_not_begun(execution: Execution) -> None:
    for spec in execution.experiment.runs():
        (execution.run_dir(spec) / JOB_FILE).write_text("{")
    check_experiment(with_changes(execution, train={"epochs": 3}))
