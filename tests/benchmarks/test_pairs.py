"""How interleaved pairs become a ratio with an interval."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from benchmarks.pairs import PairedRatio, in_turn, paired_median, paired_ratio
from lungbench.stats.intervals import Interval

TIMES = st.floats(0.01, 100)


def test_the_order_turns_around_every_round() -> None:
    assert list(in_turn("abc", 3)) == ["a", "b", "c", "c", "b", "a", "a", "b", "c"]


@given(start=TIMES, drift=st.floats(0, 5), rounds=st.integers(1, 5).map(lambda half: 2 * half))
@settings(max_examples=50)
def test_a_steady_drift_gives_no_side_an_advantage(start: float, drift: float, rounds: int) -> None:
    total = dict.fromkeys("ab", 0.0)
    for moment, side in enumerate(in_turn("ab", rounds)):
        total[side] += start + drift * moment
    assert total["a"] == pytest.approx(total["b"])


def test_the_estimate_is_the_geometric_mean_of_the_pairs() -> None:
    assert paired_ratio([4.0, 9.0], [2.0, 1.0]).estimate == pytest.approx(math.sqrt(2 * 9))


@given(st.lists(st.tuples(TIMES, TIMES), min_size=3, max_size=8))
@settings(max_examples=50)
def test_the_interval_is_scipys_t_interval_on_logarithms(pairs: list[tuple[float, float]]) -> None:
    over, under = zip(*pairs, strict=True)
    logs = [math.log(top / bottom) for top, bottom in pairs]
    found = paired_ratio(over, under)
    if found.interval is None:
        assert max(logs) == pytest.approx(min(logs))
        return
    expected = scipy_stats.ttest_1samp(logs, 0).confidence_interval()
    limits = (math.log(found.interval.low), math.log(found.interval.high))
    assert limits == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_drift_that_hits_both_sides_of_a_pair_widens_no_interval() -> None:
    under = [1.0, 5.0, 2.0, 8.0]
    over = [value * ratio for value, ratio in zip(under, (1.99, 2.0, 2.01, 2.0), strict=True)]
    interval = paired_ratio(over, under).interval
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((2, 2), rel=0.01)


def test_the_interval_covers_as_often_as_it_claims() -> None:
    draw = random.Random(0)
    covered = 0
    for _ in range(2000):
        over = [1.5 * math.exp(draw.gauss(0, 0.1)) for _ in range(5)]
        interval = paired_ratio(over, [1.0] * 5).interval
        covered += interval is not None and interval.low <= 1.5 <= interval.high
    # 3 standard errors of a share of 0.95 in 2000 draws: 3 * sqrt(0.95 * 0.05 / 2000) = 0.015.
    assert covered / 2000 == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize("ratios", [[2.0], [2.0, 2.0]])
def test_one_pair_or_no_spread_gives_no_interval(ratios: list[float]) -> None:
    assert paired_ratio(ratios, [1.0] * len(ratios)).interval is None


@pytest.mark.parametrize(
    ("over", "under"), [([], []), ([1.0], [1.0, 2.0]), ([0.0], [1.0]), ([1.0], [math.inf])]
)
def test_what_is_no_pair_of_times_is_refused(over: list[float], under: list[float]) -> None:
    with pytest.raises(ValueError, match=r"positive, finite|longer than"):
        paired_ratio(over, under)


def test_a_ratio_is_written_with_its_interval_where_it_has_one() -> None:
    assert str(PairedRatio(1.5, None, 1)) == "1.5"
    assert str(PairedRatio(1.5, Interval(1.25, 1.75), 4)) == "1.5 [1.25, 1.75]"


def test_a_round_in_which_the_machine_stood_still_does_not_move_the_median() -> None:
    over = [1.1, 1.2, 40.0, 1.1, 1.2, 1.1, 1.2]
    assert paired_median(over, [1.0] * 7).estimate == pytest.approx(1.2)


@pytest.mark.parametrize("rounds", [6, 9, 13])
def test_the_medians_interval_is_the_sign_tests(rounds: int) -> None:
    ratios = [float(number) for number in range(1, rounds + 1)]
    interval = paired_median(ratios, [1.0] * rounds).interval
    assert interval is not None
    # A true median just outside the interval is refused by the test, one just inside isn't.
    outside, inside = (
        scipy_stats.binomtest(sum(ratio < middle for ratio in ratios), rounds).pvalue
        for middle in (interval.low - 0.5, interval.low + 0.5)
    )
    assert outside <= 0.05 < inside
    assert interval.low + interval.high == pytest.approx(rounds + 1)


def test_five_rounds_have_no_interval_of_the_median() -> None:
    assert paired_median([1.0, 2.0, 3.0, 4.0, 5.0], [1.0] * 5).interval is None
