import math
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, gmean, ttest_ind
from statsmodels.formula.api import ols
from statsmodels.stats.proportion import proportion_confint

from lungbench.stats.intervals import Interval, Speedup, combined, geometric_mean, speedup, wilson

# Whole milliseconds up to 100 s: different enough that their logarithms differ too.
TIMES = st.lists(
    st.integers(1, 100_000).map(lambda milliseconds: milliseconds / 1000),
    min_size=2,
    max_size=6,
    unique=True,
)


def test_the_geometric_mean_is_scipys() -> None:
    values = [0.5, 3.0, 7.25, 1e3]
    assert geometric_mean(values) == pytest.approx(gmean(values))


@pytest.mark.parametrize("values", [[], [1.0, 0.0], [1.0, -2.0], [math.inf], [math.nan]])
def test_only_positive_finite_values_have_a_geometric_mean(values: list[float]) -> None:
    with pytest.raises(ValueError, match="positive, finite"):
        geometric_mean(values)


def test_a_speedup_is_the_ratio_of_the_geometric_means() -> None:
    result = speedup([10.0, 40.0], [4.0, 4.0, 4.0])
    assert result.estimate == pytest.approx(5.0)  # sqrt(10 x 40) / 4
    assert (result.baseline_runs, result.other_runs) == (2, 3)


@given(TIMES, TIMES, st.sampled_from([0.8, 0.95, 0.99]))
@settings(max_examples=60)
def test_the_interval_is_scipys_welch_interval_on_logs(
    baseline: list[float], other: list[float], confidence: float
) -> None:
    test = ttest_ind(np.log(baseline), np.log(other), equal_var=False)
    limits = test.confidence_interval(confidence)
    interval = speedup(baseline, other, confidence).interval
    assert interval is not None
    # In logs: a wide interval's own limits overflow what a relative tolerance can say.
    assert math.log(interval.low) == pytest.approx(limits.low, rel=1e-6, abs=1e-9)
    assert math.log(interval.high) == pytest.approx(limits.high, rel=1e-6, abs=1e-9)


@given(TIMES, TIMES)
@settings(max_examples=40)
def test_exchanging_the_sides_inverts_the_speedup(
    baseline: list[float], other: list[float]
) -> None:
    there, back = speedup(baseline, other), speedup(other, baseline)
    assert there.interval is not None
    assert back.interval is not None
    assert math.log(there.estimate) == pytest.approx(-math.log(back.estimate), abs=1e-9)
    assert math.log(there.interval.low) == pytest.approx(-math.log(back.interval.high), abs=1e-9)


@pytest.mark.parametrize(("baseline", "other"), [([2.0], [1.0, 1.1]), ([2.0, 2.1], [1.0])])
def test_one_run_on_a_side_has_no_interval(baseline: list[float], other: list[float]) -> None:
    assert speedup(baseline, other).interval is None


def test_two_sides_without_spread_have_no_interval() -> None:
    assert speedup([0.1, 0.1, 0.1], [0.3, 0.3, 0.3]).interval is None


def test_one_side_without_spread_leaves_the_others_interval() -> None:
    interval = speedup([2.0, 2.5, 3.0], [1.0, 1.0]).interval
    logs = np.log([2.0, 2.5, 3.0])
    # One-sample t interval: 4.302653 is the 97.5 % quantile of t with 2 degrees of freedom.
    half_width = 4.302653 * logs.std(ddof=1) / math.sqrt(3)
    assert interval is not None
    assert math.log(interval.high) == pytest.approx(logs.mean() + half_width, rel=1e-6)


@pytest.mark.parametrize(("baseline", "other"), [([], [1.0]), ([1.0], []), ([1.0], [0.0])])
def test_times_that_are_none_are_refused(baseline: list[float], other: list[float]) -> None:
    with pytest.raises(ValueError, match="positive, finite"):
        speedup(baseline, other)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0, math.nan])
def test_a_confidence_that_is_none_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="no confidence"):
        speedup([1.0, 2.0], [1.0, 2.0], confidence)


@pytest.mark.parametrize(("runs", "spread"), list(product([(3, 3), (4, 8)], [1.0, 3.0])))
def test_the_interval_covers_the_true_speedup(runs: tuple[int, int], spread: float) -> None:
    draws, confidence, truth = 3000, 0.95, 4.0
    random = np.random.default_rng(20261122)
    baseline = truth * np.exp(0.05 * spread * random.standard_normal((draws, runs[0])))
    other = np.exp(0.05 * random.standard_normal((draws, runs[1])))
    covered = 0
    for one, two in zip(baseline.tolist(), other.tolist(), strict=True):
        interval = speedup(one, two, confidence).interval
        covered += interval is not None and interval.low <= truth <= interval.high
    # Welch's interval is an approximation: 400,000 draws of these four cases covered 94.1 to
    # 96.6 %, so allow 1 point less than stated. Drawing 3000 adds a standard error of
    # sqrt(.95 x .05 / 3000) = 0.0040; four of them are exceeded once in 30,000.
    # It can't cover more than 98.7 %: at most it takes t with 2 degrees of freedom where 4 are
    # there, and t_4 lies within t_2's 4.303 that often.
    four_errors = 4 * math.sqrt(confidence * (1 - confidence) / draws)
    assert confidence - 0.01 - four_errors <= covered / draws <= 0.987 + four_errors


@given(st.integers(1, 800).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@settings(max_examples=60)
def test_wilson_is_scipys(counts: tuple[int, int]) -> None:
    successes, n = counts
    expected = binomtest(successes, n).proportion_ci(0.9, method="wilson")
    interval = wilson(successes, n, 0.9)
    assert interval.low == pytest.approx(expected.low, abs=1e-12)
    assert interval.high == pytest.approx(expected.high, abs=1e-12)
    low, high = proportion_confint(successes, n, 0.1, method="wilson")
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-9)


def test_wilson_ends_at_0_and_1() -> None:
    assert wilson(0, 7).low == 0
    assert wilson(7, 7).high == 1


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_counts_that_are_no_proportion_are_refused(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match="no proportion"):
        wilson(successes, n)


def test_speedups_of_several_models_combine_to_their_geometric_mean() -> None:
    pair = [Speedup(2.0, Interval(1.0, 4.0), 3, 3), Speedup(8.0, None, 1, 1)]
    assert combined(pair).estimate == pytest.approx(4.0)


def test_no_speedups_combine_to_nothing() -> None:
    with pytest.raises(ValueError, match="positive, finite"):
        combined([])


def test_a_model_without_an_interval_leaves_the_mean_without_one() -> None:
    assert combined([speedup([4.0, 4.2], [2.0, 2.1]), speedup([4.0], [2.0])]).interval is None


@given(TIMES, TIMES, st.sampled_from([0.8, 0.95, 0.99]))
@settings(max_examples=40)
def test_one_models_mean_is_its_speedup(
    baseline: list[float], other: list[float], confidence: float
) -> None:
    one = speedup(baseline, other, confidence)
    mean = combined([one], confidence)
    assert one.interval is not None
    assert mean.interval is not None
    assert mean.estimate == pytest.approx(one.estimate)
    assert math.log(mean.interval.low) == pytest.approx(math.log(one.interval.low), abs=1e-9)
    assert math.log(mean.interval.high) == pytest.approx(math.log(one.interval.high), abs=1e-9)


def test_models_of_equal_spread_have_the_interval_of_statsmodels_two_way_fit() -> None:
    # With equal runs and exactly equal spread everywhere, Welch-Satterthwaite's degrees of
    # freedom are all of the residual's, and its variance is the pooled one of a linear model.
    spread = [0.96, 1.0, 1 / 0.96]
    models = [(8.0, 2.0), (5.0, 1.0), (90.0, 40.0)]
    sides = [[time * part for part in spread] for pair in models for time in pair]
    rows = pd.DataFrame(
        [
            (str(at // 2), at % 2, math.log(time))
            for at, times in enumerate(sides)
            for time in times
        ],
        columns=["model", "side", "log_s"],
    )
    fit = ols("log_s ~ 0 + C(model):C(side)", rows).fit()
    contrast = [(-1 if "C(side)[1]" in name else 1) / 3 for name in fit.params.index]
    low, high = fit.t_test(contrast).conf_int(0.05)[0]
    mean = combined(speedup(*sides[at : at + 2]) for at in (0, 2, 4))
    assert mean.interval is not None
    assert math.log(mean.interval.low) == pytest.approx(low)
    assert math.log(mean.interval.high) == pytest.approx(high)


def test_the_combined_interval_covers_the_true_speedup() -> None:
    draws, confidence, truth = 1500, 0.95, 4.0
    random = np.random.default_rng(20261122)
    covered = 0
    for _ in range(draws):
        noise = np.exp(0.05 * random.standard_normal((3, 2, 3)))
        noise[:, 0] *= truth
        interval = combined(speedup(*sides) for sides in noise.tolist()).interval
        covered += interval is not None and interval.low <= truth <= interval.high
    # 5000 draws of this case covered 96.1 %. Drawing 1500 adds a standard error of 0.0056, four of
    # which are exceeded once in 30,000. Above: Welch's degrees of freedom are too few by at most
    # 12 to 6, and t_12 lies within t_6's 2.447 for 96.9 %.
    four_errors = 4 * math.sqrt(confidence * (1 - confidence) / draws)
    assert confidence - four_errors <= covered / draws <= 0.969 + four_errors
