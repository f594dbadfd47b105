"""Cells along the axes besides the device: precision, input pipeline and backend."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lungbench.record import RunRecord
from lungbench.stats.agreement import holm
from lungbench.stats.intervals import geometric_mean, speedup
from reports.comparing.comparison import AxisStudy, Comparison, Study, combined_by_label, compare
from reports.results.load import load
from reports.summaries.summary import write_summary

Change = Callable[[RunRecord], RunRecord | None]

PRECISIONS = ("float32", "mixed_bfloat16")


def study(*folders: Path) -> Study:
    return compare([load(folder) for folder in folders])


def along(found: Study, axis: str) -> AxisStudy:
    [one] = [each for each in found.axes if each.axis == axis]
    return one


def by_precision(lab: Any, **options: Any) -> tuple[Comparison, ...]:
    folder = lab.execution(**{"models": ("cnn10",), "precisions": PRECISIONS} | options)
    return along(study(folder), "precision").comparisons


def in_bfloat16(change: Change) -> Change:
    return lambda run: change(run) if run.spec.precision == "mixed_bfloat16" else run


def updated(**changes: Any) -> Change:
    return lambda run: run.model_copy(update=changes)


def spec_with(**changes: Any) -> Change:
    return lambda run: run.model_copy(update={"spec": run.spec.model_copy(update=changes)})


def version_of(package: str, version: str) -> Change:
    def change(run: RunRecord) -> RunRecord:
        versions = run.host.versions | {package: version}
        host = run.host.model_copy(update={"versions": versions})
        return run.model_copy(update={"host": host})

    return change


def elsewhere(run: RunRecord) -> RunRecord:
    host = run.host.model_copy(update={"hostname": "ward9"})
    return run.model_copy(update={"host": host})


def test_where_no_other_axis_varies_there_is_none(lab: Any) -> None:
    assert study(lab.execution()).axes == ()


@pytest.mark.parametrize(
    ("axis", "options", "baseline"),
    [
        ("precision", {"precisions": PRECISIONS}, "float32"),
        ("precision", {"precisions": PRECISIONS[::-1]}, "mixed_bfloat16"),
        ("pipeline", {"pipelines": ("paper", "cached")}, "paper"),
        ("backend", {"backends": ("tensorflow", "jax")}, "tensorflow"),
    ],
)
def test_the_first_value_of_the_matrix_is_the_baseline(
    lab: Any, axis: str, options: dict[str, Any], baseline: str
) -> None:
    found = study(lab.execution(models=("cnn10",), **options))
    assert [each.axis for each in found.axes] == [axis]
    one = along(found, axis)
    assert one.baseline == baseline
    assert len(one.comparisons) == 2  # one for each device
    for each in one.comparisons:
        assert each.cell.key.value(one.axis) != baseline
        assert each.baseline is not None
        assert each.baseline.key.value(one.axis) == baseline
        assert each.speedup is not None


def test_everything_but_the_axis_is_equal_on_both_sides(reports: Any) -> None:
    found = study(*reports["every_axis"].folders)
    assert [each.axis for each in found.axes] == ["precision", "pipeline"]
    for axis in found.axes:
        assert len(axis.comparisons) == 4  # two devices, two values of the other axis
        for each in axis.comparisons:
            assert each.baseline is not None
            here, there = each.cell.key, each.baseline.key
            differing = [
                name for name in here.__slots__ if getattr(here, name) != getattr(there, name)
            ]
            assert differing == [axis.axis]


def test_devices_are_compared_within_their_own_variant(reports: Any) -> None:
    found = study(*reports["every_axis"].folders)
    pairs = [each for each in found.comparisons if each.baseline]
    assert len(pairs) == 4
    for each in pairs:
        assert each.baseline is not None
        assert each.baseline.key.device == "cpu:threads=1"
        assert each.baseline.name.variant == each.cell.name.variant


def test_the_interval_is_welchs_over_the_runs_of_both_sides(lab: Any) -> None:
    for each in by_precision(lab, repeats=3):
        assert each.baseline is not None
        assert each.speedup == speedup(each.baseline.steady_epochs_s, each.cell.steady_epochs_s)
        assert each.speedup.interval is not None


def test_tests_are_adjusted_over_the_comparisons_of_one_axis(reports: Any) -> None:
    for axis in study(*reports["every_axis"].folders).axes:
        paired = [each.verdict.paired for each in axis.comparisons if each.verdict]
        assert len(paired) == 4
        expected = holm([each.p for each in paired if each])
        assert [each.p_adjusted for each in paired if each] == list(expected)


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (spec_with(epochs=7), "epochs differs: 5 on the baseline, 7 here"),
        (version_of("keras", "3.14.0"), "keras version differs: 3.15.1"),
        (elsewhere, "host differs: ward7 on the baseline, ward9 here"),
    ],
)
def test_anything_else_that_differs_is_refused_and_the_axis_is_not(
    lab: Any, change: Change, difference: str
) -> None:
    for each in by_precision(lab, change=in_bfloat16(change)):
        assert each.speedup is None
        assert len(each.differences) == 1
        assert each.refusal is not None
        assert each.refusal.startswith("no speed-up by precision: ")
        assert difference in each.refusal


def test_another_pipeline_is_no_stand_in_for_a_baseline_that_failed(lab: Any) -> None:
    def without(run: RunRecord) -> RunRecord | None:
        lost = (run.spec.precision, run.spec.pipeline) == ("float32", "paper")
        return None if lost else run

    comparisons = by_precision(lab, pipelines=("cached", "paper"), change=without)
    compared = [(each.cell.key.pipeline, each.speedup is not None) for each in comparisons]
    assert sorted(set(compared)) == [("cached", True), ("paper", False)]
    refused = [each.refusal for each in comparisons if each.refusal]
    assert all("pipeline differs: cached on the baseline, paper here" in each for each in refused)


def test_a_baseline_that_never_completed_is_said_to_be_missing(lab: Any) -> None:
    comparisons = by_precision(
        lab, change=lambda run: run if run.spec.precision == "mixed_bfloat16" else None
    )
    assert [each.refusal for each in comparisons] == [
        "no speed-up by precision: no run of the baseline precision completed on this device."
    ] * 2


def test_an_axis_that_varies_with_the_device_alone_is_not_compared(reports: Any) -> None:
    # TensorFlow on the CPU of one folder, JAX on the GPU of the other: no two are alike but for it.
    assert study(*reports["two_backends"].folders).axes == ()


def test_two_folders_of_one_machine_are_compared_along_an_axis(lab: Any) -> None:
    first = lab.execution(models=("cnn10",), devices=("cpu",))
    second = lab.execution(
        "20261123T090000Z", models=("cnn10",), devices=("cpu",), precisions=("mixed_bfloat16",)
    )
    [each] = along(study(first, second), "precision").comparisons
    assert each.speedup is not None


def test_only_the_backend_at_work_needs_equal_versions(lab: Any) -> None:
    def change(run: RunRecord) -> RunRecord | None:
        on_jax = run.spec.backend == "jax"
        return version_of("tensorflow", "2.20.0")(run) if on_jax else run

    options = {"models": ("cnn10",), "backends": ("tensorflow", "jax")}
    found = along(study(lab.execution(change=change, **options)), "backend")
    assert all(each.speedup for each in found.comparisons)


def test_networks_have_a_geometric_mean_along_an_axis(lab: Any) -> None:
    comparisons = by_precision(lab, models=("cnn10", "vgg16"), repeats=2, devices=("cpu",))
    [(mean, titles)] = combined_by_label(comparisons).values()
    estimates = [each.speedup.estimate for each in comparisons if each.speedup]
    assert mean.estimate == pytest.approx(geometric_mean(estimates))
    assert mean.interval is not None
    assert titles == ("10-layer CNN", "VGG16")


def test_the_summary_holds_every_axis_with_its_evidence(reports: Any) -> None:
    [folder] = reports["every_axis"].folders
    precision, pipeline = write_summary(folder).axes
    assert (precision.axis, precision.baseline) == ("precision", "float32")
    assert (pipeline.axis, pipeline.baseline) == ("pipeline", "cached")
    for each in (*precision.comparisons, *pipeline.comparisons):
        assert each.speedup is not None
        assert each.speedup.interval is not None
        assert each.quality is not None
        assert each.quality.paired is not None
        assert (len(each.runs), len(each.baseline_runs)) == (3, 3)
    assert {each.value for each in precision.comparisons} == {"mixed_bfloat16"}
    assert precision.verdict
    assert pipeline.verdict


def test_a_report_along_one_device_has_no_empty_axes_in_its_summary(lab: Any) -> None:
    assert write_summary(lab.execution(models=("cnn10",))).axes == ()
