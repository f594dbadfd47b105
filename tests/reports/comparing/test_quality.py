import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungbench.stats.agreement import Pair
from lungbench.stats.intervals import wilson
from reports.comparing.quality import EQUIVALENCE_MARGIN, Quality, adjusted, judge


def quality(right: int, images: int, largest_class: float = 1 / 3) -> Quality:
    accuracy = right / images
    return Quality(accuracy, wilson(right, images), (accuracy,), images, largest_class)


def test_newcombes_interval_is_reproduced() -> None:
    # Newcombe 1998, Statistics in Medicine 17, table II, method 10: 56/70 and 48/80.
    verdict = judge(quality(48, 80), quality(56, 70))
    assert verdict is not None
    assert verdict.difference == pytest.approx(0.2)
    assert verdict.interval.low == pytest.approx(0.0524, abs=5e-5)
    assert verdict.interval.high == pytest.approx(0.3339, abs=5e-5)


@pytest.mark.parametrize(
    ("baseline", "other", "kind"),
    [
        ((9400, 10000), (9410, 10000), "equivalent"),
        ((477, 507), (404, 507), "different"),  # the paper's InceptionV3, Tables III and IV
        ((30, 36), (31, 36), "inconclusive"),
    ],
)
def test_a_verdict_needs_enough_images(
    baseline: tuple[int, int], other: tuple[int, int], kind: str
) -> None:
    verdict = judge(quality(*baseline), quality(*other))
    assert verdict is not None
    assert verdict.kind == kind


@settings(max_examples=80)
@given(st.integers(1, 500), st.data())
def test_an_equivalent_interval_lies_within_the_margin_and_holds_the_difference(
    images: int, data: st.DataObject
) -> None:
    rights = st.integers(0, images)
    verdict = judge(quality(data.draw(rights), images), quality(data.draw(rights), images))
    assert verdict is not None
    low, high = verdict.interval.low, verdict.interval.high
    assert low - 1e-9 <= verdict.difference <= high + 1e-9
    within = low >= -EQUIVALENCE_MARGIN and high <= EQUIVALENCE_MARGIN
    assert (verdict.kind == "equivalent") is within


def test_nothing_is_judged_without_an_evaluation() -> None:
    assert judge(None, quality(1, 2)) is None


def test_an_accuracy_beats_guessing_only_where_its_interval_does() -> None:
    assert quality(30, 36).beats_guessing
    assert not quality(14, 36).beats_guessing


def pairs(baseline_only: int, other_only: int, images: int, repeats: int) -> dict[int, Pair]:
    both = images - baseline_only - other_only
    pair = Pair(
        (True,) * (both + baseline_only) + (False,) * other_only,
        (True,) * both + (False,) * baseline_only + (True,) * other_only,
    )
    return dict.fromkeys(range(1, repeats + 1), pair)


def test_an_interval_without_0_is_no_difference_where_the_adjusted_test_finds_none() -> None:
    alone = judge(quality(110, 120), quality(118, 120), pairs(1, 9, 120, 1))
    assert alone is not None
    assert alone.interval.low > 0
    assert alone.kind == "different"  # exact McNemar of 1 and 9: 22 / 1024 = 0.021
    first, *_ = adjusted([alone, *[judge(quality(9, 9), quality(9, 9), pairs(0, 0, 9, 1))] * 4])
    assert first is not None
    assert first.paired is not None
    assert first.paired.p_adjusted == pytest.approx(5 * 22 / 1024)
    assert first.kind == "inconclusive"


def test_a_comparison_without_predictions_is_no_part_of_the_family() -> None:
    tested = judge(quality(110, 120), quality(118, 120), pairs(1, 9, 120, 1))
    unpaired = judge(quality(30, 36), quality(31, 36))
    first, second, third = adjusted([unpaired, tested, None])
    assert (first, third) == (unpaired, None)
    assert second == tested


def test_a_paired_interval_is_narrower_where_both_sides_err_on_the_same_images() -> None:
    unpaired = judge(quality(60, 120), quality(60, 120))
    paired = judge(quality(60, 120), quality(60, 120), pairs(2, 2, 120, 1))
    assert unpaired is not None
    assert paired is not None
    assert unpaired.kind == "inconclusive"
    assert paired.kind == "equivalent"
