"""What the first screen says, and that it stays short."""

from pathlib import Path
from typing import Any

import pytest

from lungbench.metrics import metrics_of
from lungbench.record import RunRecord
from reports.comparing.comparison import Study, compare
from reports.forms import format as fmt
from reports.results.load import load
from reports.sections.trust import trust
from reports.sections.verdict import Verdict, verdict
from reports.wording.findings import axis_findings, device_findings, diagnosis_counts


def study(*folders: Path) -> Study:
    return compare([load(folder) for folder in folders])


def screen(*folders: Path) -> Verdict:
    executions = [load(folder) for folder in folders]
    found = compare(executions)
    return verdict(executions, found, trust(executions, found))


def with_steady(seconds: dict[tuple[str, int], float]) -> Any:
    """Give runs this steady epoch time by network and threads, 1 % apart from repeat to repeat."""

    def change(run: RunRecord) -> RunRecord:
        assert run.timing is not None
        typical = seconds[run.spec.model, run.spec.device.threads or 0]
        steady = typical * (1 + run.spec.repeat / 100)
        timing = run.timing.model_copy(update={"steady_epoch_s": steady})
        return run.model_copy(update={"timing": timing})

    return change


def test_three_networks_on_one_more_device_are_told_one_by_one(reports: Any) -> None:
    findings = device_findings(study(*reports["repeated"].folders))
    assert [claim.split(" trains ")[0] for claim, *_ in findings] == [
        "10-layer CNN",
        "InceptionV3",
        "VGG16",
    ]


def test_more_comparisons_are_told_together_between_their_two_ends(reports: Any) -> None:
    found = study(*reports["every_axis"].folders)
    [(claim, diagnoses)] = device_findings(found)
    ranked = sorted(
        (each for each in found.comparisons if each.speedup),
        key=lambda each: each.speedup.estimate if each.speedup else 0,
    )
    ends = [fmt.ratio(each.speedup.estimate, each.speedup.interval) for each in ranked]  # type: ignore[union-attr]
    variants = [", ".join(each.cell.name.variant.values()) for each in ranked]
    assert claim == (
        "On cpu:threads=2 instead of cpu:threads=1, training 10-layer CNN is faster in all 4 "
        f"comparisons: from {ends[0]} ({variants[0]}) to {ends[-1]} ({variants[-1]})."
    )
    assert "; diagnosis: " in diagnoses
    assert "of 4" in diagnoses or "all 4" in diagnoses


def right_in(rights: dict[tuple[str, int], int]) -> Any:
    """Let networks name this many of each class's 40 test images rightly, by threads."""

    def change(run: RunRecord) -> RunRecord:
        right = rights[run.spec.model, run.spec.device.threads or 0]
        wrong = 40 - right
        confusion = ((right, wrong, 0), (0, right, wrong), (wrong, 0, right))
        return run.model_copy(update={"metrics": metrics_of(confusion, run.data.classes)})

    return change


def test_comparisons_told_together_name_the_accuracies_of_both_sides(lab: Any) -> None:
    models = ("cnn10", "inceptionv3", "vgg16", "mobilenetv2")
    rights = {(model, 1): 30 for model in models}
    rights |= {(model, 2): right for model, right in zip(models, (20, 28, 30, 32), strict=True)}
    found = screen(lab.execution(models=models, repeats=2, change=right_in(rights)))
    [finding] = found.findings
    # 20, 32 and 30 of 40.
    assert finding.evidence[0].startswith("Accuracy 50.0 to 80.0% against 75.0%; diagnosis: ")


def test_a_card_of_one_network_names_both_accuracies_and_what_naming_one_class_reaches(
    lab: Any,
) -> None:
    change = right_in({("cnn10", 1): 30, ("cnn10", 2): 20})
    found = screen(lab.execution(models=("cnn10",), repeats=2, change=change))
    [figure] = found.figures
    assert figure.quality.endswith("; accuracy 50.0% against 75.0%")
    assert found.reading is not None
    assert "always naming the largest class would reach 33.3%." in found.reading  # of 3 alike


def test_a_side_that_was_only_timed_leaves_the_accuracies_out(reports: Any) -> None:
    assert all(
        "accuracy" not in it.quality for it in screen(*reports["timing_only"].folders).figures
    )


def test_faster_slower_and_undecided_are_counted_apart(lab: Any) -> None:
    # Against 8 s: two twice as fast, one half as fast, one 0.4 % slower within 1 % of noise.
    models = ("cnn10", "inceptionv3", "vgg16", "mobilenetv2")
    seconds = {(model, 1): 8.0 for model in models}
    seconds |= {(model, 2): s for model, s in zip(models, (3.5, 16.0, 8.03, 4.0), strict=True)}
    folder = lab.execution(models=models, repeats=3, change=with_steady(seconds))
    [(claim, *_)] = device_findings(study(folder))
    assert claim.startswith(
        "On cpu:threads=2 instead of cpu:threads=1, training is faster in 2 of 4 and slower in "
        "1 of 4 comparisons; no difference in speed is shown in 1 of 4: from "
    )
    assert "(InceptionV3)" in claim
    assert claim.index("(InceptionV3)") < claim.index("(10-layer CNN)")


def test_without_repeats_no_comparison_of_several_counts_as_faster(lab: Any) -> None:
    models = ("cnn10", "inceptionv3", "vgg16", "mobilenetv2")
    [(claim, _, why, *_)] = device_findings(study(lab.execution(models=models)))
    assert claim.startswith("On cpu:threads=2 instead of cpu:threads=1, the networks trained ")
    assert claim.endswith(" as fast.")
    assert "faster" not in claim
    assert why.startswith("One run on a side, so there is no interval")


def test_an_axis_says_once_that_the_sides_differ_in_it(reports: Any) -> None:
    precision, pipeline = study(*reports["every_axis"].folders).axes
    [of_precision], [of_pipeline] = axis_findings(precision), axis_findings(pipeline)
    assert of_precision[0].startswith("With mixed_bfloat16 instead of float32, training ")
    assert sum("differ in precision, as asked" in sentence for sentence in of_precision) == 1
    assert of_pipeline[0].startswith("With the paper's pipeline instead of the cached pipeline, ")
    assert sum("differ in the input pipeline, as asked" in each for each in of_pipeline) == 1


def test_a_single_comparison_along_an_axis_is_told_with_its_times(lab: Any) -> None:
    folder = lab.execution(
        models=("cnn10",), devices=("cpu",), pipelines=("paper", "cached"), repeats=3
    )
    [axis] = study(folder).axes
    [(claim, quality, *rest)] = axis_findings(axis)
    assert "as fast with the cached pipeline as with the paper's pipeline on cpu: " in claim
    assert claim.endswith("a steady epoch, 3 runs each.")
    assert "test images" in quality
    assert rest == [
        "The two sides differ in the input pipeline, as asked, and so in the pixels that they "
        "train on; all else was checked to be equal."
    ]


def test_a_network_that_got_worse_is_named_with_its_difference(lab: Any) -> None:
    def worse(run: RunRecord) -> RunRecord:
        spoilt = (run.spec.model, run.spec.precision) == ("vgg16", "mixed_bfloat16")
        right = 20 if spoilt else 36
        wrong = 40 - right
        confusion = ((right, wrong, 0), (0, right, wrong), (wrong, 0, right))
        return run.model_copy(update={"metrics": metrics_of(confusion, run.data.classes)})

    folder = lab.execution(
        models=("cnn10", "vgg16"),
        devices=("cpu",),
        precisions=("float32", "mixed_bfloat16"),
        repeats=3,
        change=worse,
    )
    [axis] = study(folder).axes
    said = diagnosis_counts(axis.comparisons)
    # 20 of 40 against 36 of 40 right in every class: 40 points.
    assert "not equally good in 1 of 2 (VGG16, cpu: \N{MINUS SIGN}40.0 points [" in said
    assert "10-layer CNN" not in said


@pytest.mark.parametrize("case", ["repeated", "every_axis", "two_hosts", "timing_only"])
def test_the_first_screen_holds_few_figures_and_few_findings(reports: Any, case: str) -> None:
    found = screen(*reports[case].folders)
    assert 1 <= len(found.figures) <= 4
    assert len(found.findings) <= 3


def test_key_figures_change_one_axis_at_a_time(reports: Any) -> None:
    labels = [figure.label for figure in screen(*reports["every_axis"].folders).figures]
    assert labels == [
        "10-layer CNN, 2 CPU threads instead of 1 CPU thread (float32, cached)",
        "10-layer CNN, mixed_bfloat16 instead of float32 on 1 CPU thread (cached)",
        "10-layer CNN, the paper's pipeline instead of the cached pipeline on 1 CPU thread "
        "(float32)",
    ]


def test_many_networks_are_shown_by_their_means_with_their_diagnoses(lab: Any) -> None:
    folder = lab.execution(precisions=("float32", "mixed_bfloat16"), repeats=2)
    figures = screen(folder).figures
    assert [figure.label for figure in figures] == [
        "10-layer CNN, InceptionV3 and VGG16, 2 CPU threads instead of 1 CPU thread (float32)",
        "10-layer CNN, InceptionV3 and VGG16, mixed_bfloat16 instead of float32 on 1 CPU thread",
    ]
    assert all(figure.quality.startswith("diagnosis: ") for figure in figures)
    assert all("; accuracy " in figure.quality for figure in figures)


def test_one_device_with_several_precisions_is_not_said_to_have_no_speed_up(lab: Any) -> None:
    folder = lab.execution(devices=("cpu",), precisions=("float32", "mixed_bfloat16"))
    assert not [remark for remark in screen(folder).remarks if "no speed-up" in remark]
