from pathlib import Path
from typing import Any

import pytest

from lungbench.stats.agreement import Pair, tango
from reports.comparing.comparison import Comparison, compare
from reports.comparing.quality import QualityVerdict
from reports.results.load import load
from reports.results.predictions import outcomes_of, pair_up
from reports.wording.quality_sentences import quality_label
from reports.wording.sentences import verdict_sentences


def compared(folder: Path) -> Comparison:
    [other] = [each for each in compare([load(folder)]).comparisons if not each.is_baseline]
    return other


def judged(folder: Path) -> QualityVerdict:
    verdict = compared(folder).verdict
    assert verdict is not None
    return verdict


def predictions(folder: Path) -> list[Path]:
    found = sorted(folder.glob("runs/*/predictions.csv"))
    assert found
    return found


def test_predictions_give_the_accuracy_of_the_record(lab: Any) -> None:
    run = load(lab.execution(models=("cnn10",))).runs[0]
    outcomes = outcomes_of(run)
    assert outcomes is not None
    assert run.record.metrics is not None
    accuracy = sum(outcomes.values()) / len(outcomes)
    assert accuracy == pytest.approx(run.record.metrics.overall_accuracy)


@pytest.mark.parametrize(
    "text",
    ["", "path,true\na.png,covid\n", "path,true,predicted\na.png,covid,covid\n", "\xff\xfe\x00"],
    ids=["empty", "a column is missing", "not the record's accuracy", "no text"],
)
def test_predictions_that_cannot_be_used_leave_the_unpaired_interval(lab: Any, text: str) -> None:
    folder = lab.execution(models=("cnn10",))
    predictions(folder)[0].write_bytes(text.encode("latin-1"))
    comparison = compared(folder)
    assert comparison.verdict is not None
    assert comparison.verdict.paired is None
    assert any("unpaired" in sentence for sentence in verdict_sentences(comparison))


def test_missing_predictions_leave_the_unpaired_interval(lab: Any) -> None:
    folder = lab.execution(models=("cnn10",))
    predictions(folder)[0].unlink()
    assert judged(folder).paired is None


def test_an_image_named_twice_is_not_used(lab: Any) -> None:
    folder = lab.execution(models=("cnn10",))
    path = predictions(folder)[0]
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[-1]]) + "\n")
    assert judged(folder).paired is None


def test_images_are_paired_by_path_whatever_their_order(lab: Any) -> None:
    folder = lab.execution(models=("cnn10",))
    before = judged(folder)
    path = predictions(folder)[0]
    head, *rows = path.read_text().splitlines()
    path.write_text("\n".join([head, *reversed(rows)]) + "\n")
    assert judged(folder) == before


def test_repeats_are_paired_with_the_same_repeat() -> None:
    right, wrong = {"a": True, "b": True}, {"b": False, "a": True}
    pairs = pair_up(
        {(1, 0): right, (2, 0): wrong, (3, 0): right},
        {(2, 0): right, (3, 0): right, (4, 0): wrong},
    )
    assert pairs == {2: Pair((True, False), (True, True)), 3: Pair((True, True), (True, True))}


def test_a_repeat_on_other_images_is_left_out() -> None:
    here, there = {"a": True, "b": True}, {"a": True, "c": True}
    assert list(pair_up({(1, 0): here, (2, 0): here}, {(1, 0): here, (2, 0): there})) == [1]
    assert pair_up({(1, 0): here}, {(1, 0): there}) == {}


def test_the_folds_of_a_repeat_are_put_together() -> None:
    first, second = {"a": True, "b": False}, {"c": True}
    other, better = {"c": False}, {"a": True, "b": True}
    pairs = pair_up(
        {(1, 1): first, (1, 2): second, (2, 1): first, (2, 2): second, (3, 2): second},
        {(1, 1): first, (1, 2): other, (2, 2): second, (2, 1): better, (3, 2): second},
    )
    assert pairs == {
        1: Pair((True, False, True), (True, False, False)),
        2: Pair((True, False, True), (True, True, True)),
    }


def test_one_repeat_has_tangos_interval_and_says_that_it_is_of_two_networks(lab: Any) -> None:
    comparison = compared(lab.execution(models=("cnn10",)))
    assert comparison.verdict is not None
    paired = comparison.verdict.paired
    assert paired is not None
    [one], [two] = paired.baseline_only, paired.other_only
    assert comparison.verdict.interval == tango(one, two, paired.images)
    assert any("another seed" in sentence for sentence in verdict_sentences(comparison))


def test_a_paired_difference_is_the_difference_of_the_accuracies(lab: Any) -> None:
    comparison = compared(lab.execution(models=("cnn10",), repeats=3))
    assert comparison.verdict is not None
    assert comparison.verdict.paired is not None
    assert comparison.verdict.paired.repeats == (1, 2, 3)
    assert comparison.baseline is not None
    here, there = comparison.cell.quality, comparison.baseline.quality
    assert here is not None
    assert there is not None
    assert comparison.verdict.difference == pytest.approx(here.accuracy - there.accuracy)


def test_tests_are_adjusted_over_all_comparisons(lab: Any) -> None:
    study = compare([load(lab.execution(repeats=2))])
    found = [each.verdict.paired for each in study.comparisons if each.verdict]
    known = [each for each in found if each]
    assert len(known) == 3
    smallest = min(known, key=lambda each: each.p)
    assert smallest.p == pytest.approx(min(1, 2 * min(smallest.p_values)))
    assert smallest.p_adjusted == pytest.approx(min(1, 3 * smallest.p))


def test_a_verdict_of_one_pair_is_labelled_as_one(lab: Any) -> None:
    folder = lab.execution(models=("cnn10",), change=unequal)
    comparison = compared(folder)
    assert quality_label(comparison) == "not equally good, one run"
    assert any(
        sentence.startswith("These two networks don't diagnose equally well, this one is worse")
        for sentence in verdict_sentences(comparison)
    )


def test_a_verdict_of_several_repeats_is_of_the_devices(lab: Any) -> None:
    comparison = compared(lab.execution(models=("cnn10",), repeats=3, change=unequal))
    assert quality_label(comparison) == "not equally good"


def unequal(record: Any) -> Any:
    """Let two threads diagnose 15 of 40 images of each class rightly, and one thread 38."""
    from lungbench.metrics import metrics_of

    right = 15 if record.spec.device.threads == 2 else 38
    classes = record.data.classes
    confusion = tuple(
        tuple(
            right if here == there else 40 - right if there == (here + 1) % 3 else 0
            for there in range(3)
        )
        for here in range(3)
    )
    return record.model_copy(update={"metrics": metrics_of(confusion, classes)})
