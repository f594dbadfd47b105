from collections.abc import Callable
from typing import Any

import pytest

from lungbench.record import RunRecord
from reports.comparing.comparison import Comparison, Study, combined_by_label, compare
from reports.results.load import load


def study(*folders: Any) -> Study:
    return compare([load(folder) for folder in folders])


def other(found: Study) -> Comparison:
    [comparison] = [each for each in found.comparisons if not each.is_baseline]
    return comparison


def steady(record: RunRecord, seconds: float | None) -> RunRecord:
    assert record.timing is not None
    timing = record.timing.model_copy(update={"steady_epoch_s": seconds})
    return record.model_copy(update={"timing": timing})


def on_two_threads(change: Callable[[RunRecord], RunRecord]) -> Callable[[RunRecord], RunRecord]:
    return lambda record: change(record) if record.spec.device.threads == 2 else record


def test_the_first_device_of_the_experiment_is_the_baseline(lab: Any) -> None:
    found = study(lab.execution(models=("cnn10",), devices=("cpu:threads=2", "cpu:threads=1")))
    assert found.baseline_device == "cpu:threads=2"
    assert [each.is_baseline for each in found.comparisons] == [True, False]


def test_a_speed_up_is_the_ratio_of_steady_epochs(lab: Any) -> None:
    times = {1: 8.0, 2: 5.0}
    folder = lab.execution(
        models=("cnn10",), change=lambda run: steady(run, times[run.spec.device.threads])
    )
    speedup = other(study(folder)).speedup
    assert speedup is not None
    assert speedup.estimate == pytest.approx(8 / 5)
    assert speedup.interval is None


def test_repeats_give_an_interval_over_runs(lab: Any) -> None:
    speedup = other(study(lab.execution(models=("cnn10",), repeats=3))).speedup
    assert speedup is not None
    assert (speedup.baseline_runs, speedup.other_runs) == (3, 3)
    assert speedup.interval is not None
    assert speedup.interval.low < speedup.estimate < speedup.interval.high


def changed_spec(**changes: Any) -> Callable[[RunRecord], RunRecord]:
    return lambda run: run.model_copy(update={"spec": run.spec.model_copy(update=changes)})


def changed_version(record: RunRecord) -> RunRecord:
    versions = record.host.versions | {"keras": "3.14.0"}
    return record.model_copy(update={"host": record.host.model_copy(update={"versions": versions})})


def changed_data(record: RunRecord) -> RunRecord:
    data = record.data.model_copy(update={"fingerprint": "other"})
    return record.model_copy(update={"data": data})


def changed_weights(record: RunRecord) -> RunRecord:
    assert record.model is not None
    model = record.model.model_copy(update={"weights": "imagenet"})
    return record.model_copy(update={"model": model})


@pytest.mark.parametrize(
    ("change", "key", "before", "after"),
    [
        (changed_data, "data fingerprint", "9f2c4be1aa03", "other"),
        (changed_version, "keras version", "3.15.1", "3.14.0"),
        (changed_weights, "weights", "none", "imagenet"),
        (changed_spec(epochs=7), "epochs", "5", "7"),
        (changed_spec(batch_size=8), "batch size", "16", "8"),
        (changed_spec(image_size=64), "image size", "96", "64"),
    ],
)
def test_a_speed_up_across_different_work_is_refused_naming_both_values(
    lab: Any, change: Callable[[RunRecord], RunRecord], key: str, before: str, after: str
) -> None:
    comparison = other(study(lab.execution(models=("cnn10",), change=on_two_threads(change))))
    assert comparison.speedup is None
    assert comparison.refusal == (
        f"no speed-up: {key} differs: {before} on the baseline, {after} here."
    )


def test_two_cpus_of_different_machines_are_refused(lab: Any) -> None:
    def elsewhere(record: RunRecord) -> RunRecord:
        host = record.host.model_copy(update={"hostname": "ward9"})
        return record.model_copy(update={"host": host})

    comparison = other(study(lab.execution(models=("cnn10",), change=on_two_threads(elsewhere))))
    assert comparison.refusal == ("no speed-up: host differs: ward7 on the baseline, ward9 here.")


def test_the_baseline_of_the_same_folder_is_preferred(lab: Any) -> None:
    first = lab.execution(models=("cnn10",))
    second = lab.execution("20261123T090000Z", models=("cnn10",))
    pairs = [
        (each.cell.key.execution, each.baseline.key.execution)
        for each in study(first, second).comparisons
        if each.baseline
    ]
    assert pairs == [(str(first), str(first)), (str(second), str(second))]


def test_cells_of_two_folders_are_told_apart(lab: Any) -> None:
    first = lab.execution(models=("cnn10",))
    second = lab.execution("20261123T090000Z", models=("cnn10",))
    labels = [each.cell.label for each in study(first, second).comparisons]
    assert len(set(labels)) == 4
    assert "cpu:threads=1 (folder 2)" in labels


def test_a_single_epoch_is_no_steady_epoch(lab: Any) -> None:
    comparison = other(study(lab.execution(models=("cnn10",), epochs=1)))
    assert comparison.speedup is None
    assert "no steady epoch" in (comparison.refusal or "")


def test_without_a_baseline_run_there_is_no_speed_up(lab: Any) -> None:
    folder = lab.execution(
        models=("cnn10",),
        change=lambda record: record if record.spec.device.threads == 2 else None,
    )
    assert other(study(folder)).refusal == ("no speed-up: no run of the baseline device completed.")


def test_several_models_have_a_geometric_mean(lab: Any) -> None:
    found = study(lab.execution(models=("cnn10", "vgg16")))
    estimates = [each.speedup.estimate for each in found.comparisons if each.speedup]
    [(mean, titles)] = combined_by_label(found.comparisons).values()
    assert mean.estimate == pytest.approx((estimates[0] * estimates[1]) ** 0.5)
    assert titles == ("10-layer CNN", "VGG16")


def test_one_model_has_no_mean_over_models(lab: Any) -> None:
    assert combined_by_label(study(lab.execution(models=("cnn10",))).comparisons) == {}


def test_a_resumed_run_is_kept_out_of_the_times(lab: Any) -> None:
    def resumed(record: RunRecord) -> RunRecord:
        assert record.timing is not None
        first = record.spec.repeat == 1
        timing = record.timing.model_copy(update={"resumed": first, "steady_epoch_s": 4.0})
        return record.model_copy(update={"timing": timing})

    comparison = other(study(lab.execution(models=("cnn10",), repeats=3, change=resumed)))
    assert len(comparison.cell.runs) == 3
    assert comparison.cell.steady_epochs_s == (4.0, 4.0)
