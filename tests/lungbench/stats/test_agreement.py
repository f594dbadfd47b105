import gc
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binom, binomtest
from scipy.stats import t as student
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.multitest import multipletests

from lungbench.stats.agreement import (
    Pair,
    holm,
    mcnemar,
    paired_interval,
    smallest_of,
    tango,
)

# Baseline only, other only, images; both and neither make up the rest.
TABLES = st.integers(1, 300).flatmap(
    lambda images: st.integers(0, images).flatmap(
        lambda one: st.tuples(st.just(one), st.integers(0, images - one), st.just(images))
    )
)


def test_discordant_images_are_counted_by_the_side_that_was_right() -> None:
    pair = Pair(baseline=(True, True, True, False, False), other=(True, False, False, True, False))
    assert (pair.baseline_only, pair.other_only, pair.images) == (2, 1, 5)
    assert pair.difference == pytest.approx(-1 / 5)


@pytest.mark.parametrize(("baseline", "other"), [((), ()), ((True,), (True, False))])
def test_images_that_are_no_pairs_are_refused(
    baseline: tuple[bool, ...], other: tuple[bool, ...]
) -> None:
    with pytest.raises(ValueError, match="no pairs"):
        Pair(baseline, other)


@given(TABLES)
@settings(max_examples=60)
def test_mcnemar_is_statsmodels_and_scipys_exact_test(table: tuple[int, int, int]) -> None:
    one, two, images = table
    p = mcnemar(one, two)
    both = images - one - two
    assert p == pytest.approx(statsmodels_mcnemar([[both, one], [two, 0]], exact=True).pvalue)
    if one + two:
        assert p == pytest.approx(binomtest(one, one + two).pvalue)


def test_networks_that_never_disagree_have_a_p_value_of_1() -> None:
    assert mcnemar(0, 0) == 1


def test_mcnemar_stays_exact_with_thousands_of_discordant_images() -> None:
    expected = binomtest(4000, 8400).pvalue
    assert mcnemar(4000, 4400) == pytest.approx(expected, rel=1e-9)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
@settings(max_examples=60)
def test_holm_and_bonferroni_are_statsmodels(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(statsmodels_corrected(p_values, "holm"))
    expected = min(statsmodels_corrected(p_values, "bonferroni"))
    assert smallest_of(p_values) == pytest.approx(expected)


def statsmodels_corrected(p_values: list[float], method: str) -> tuple[float, ...]:
    gc.freeze()  # it collects garbage each time, and goes through what all other tests keep
    try:
        return tuple(multipletests(p_values, method=method)[1])
    finally:
        gc.unfreeze()


def test_an_empty_family_stays_empty() -> None:
    assert holm([]) == ()


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [
        # Cavo et al. 2012, complete response before and after therapy: 6 and 16 of 161. The
        # limits are those that the authors of "Statistical Analysis of Contingency Tables"
        # (Fagerland, Lydersen, Laake 2017) test their own package against.
        ((16, 6, 161), -0.1240, -0.0054),
        # Without discordant images the score equation is n d^2 = z^2 d (1 - d), so the limits
        # are +- z^2 / (n + z^2): 3.8415 / 39.8415.
        ((0, 0, 36), -0.0964, 0.0964),
    ],
)
def test_tangos_interval_is_the_published_one(
    table: tuple[int, int, int], low: float, high: float
) -> None:
    interval = tango(*table)
    assert interval.low == pytest.approx(low, abs=5e-5)
    assert interval.high == pytest.approx(high, abs=5e-5)


def likeliest_share(one: int, two: int, images: int, difference: float) -> float:
    """Find the most likely share of baseline-only images under a difference, by search."""

    def unlikelihood(share: float) -> float:
        chances = (share, share + difference, 1 - 2 * share - difference)
        counts = (one, two, images - one - two)
        if any(count and chance <= 0 for count, chance in zip(counts, chances, strict=True)):
            return math.inf
        return -sum(n * math.log(p) for n, p in zip(counts, chances, strict=True) if n)

    bounds = (max(0.0, -difference), (1 - difference) / 2)
    return float(minimize_scalar(unlikelihood, bounds=bounds, options={"xatol": 1e-12}).x)


@given(TABLES.filter(lambda table: min(table[0], table[1], table[2] - table[0] - table[1]) > 0))
@settings(max_examples=40)
def test_tangos_limits_are_just_rejected_by_the_score_test(table: tuple[int, int, int]) -> None:
    # The score statistic of a multinomial, with the constrained maximum found by search instead
    # of by the quadratic.
    one, two, images = table
    for limit in (tango(*table).low, tango(*table).high):
        share = likeliest_share(one, two, images, limit)
        variance = images * (2 * share + limit - limit**2)
        z = (two - one - images * limit) / math.sqrt(variance)
        assert abs(z) == pytest.approx(1.959964, rel=1e-3)


@given(TABLES, st.sampled_from([0.8, 0.95, 0.99]))
@settings(max_examples=60)
def test_exchanging_the_sides_mirrors_tangos_interval(
    table: tuple[int, int, int], confidence: float
) -> None:
    one, two, images = table
    there, back = tango(one, two, images, confidence), tango(two, one, images, confidence)
    assert there.low == pytest.approx(-back.high, abs=1e-9)
    assert -1 <= there.low <= (two - one) / images <= there.high <= 1


@pytest.mark.parametrize("counts", [(-1, 0, 5), (3, 3, 5), (0, 0, 0)])
def test_counts_that_are_none_of_pairs_are_refused(counts: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="no discordant images"):
        tango(*counts)


@pytest.mark.parametrize("images", [36, 200])
@pytest.mark.parametrize(
    ("one", "two"), [(0.02, 0.02), (0.1, 0.1), (0.02, 0.07), (0.05, 0.15), (0.1, 0.4)]
)
def test_tangos_interval_covers_the_true_difference(images: int, one: float, two: float) -> None:
    # Every possible table, weighted with its probability: no simulation, so no noise. A score
    # interval is an approximation; 1.5 points less than the stated 95 % are allowed. Above,
    # whole counts make it cover more: with 0.7 discordant images of a kind on average, nearly
    # every table holds the truth.
    covered = 0.0
    for baseline_only, chance in enumerate(binom.pmf(np.arange(images + 1), images, one)):
        rest = images - baseline_only
        given = binom.pmf(np.arange(rest + 1), rest, two / (1 - one))
        for other_only in np.flatnonzero(chance * given > 1e-6).tolist():
            interval = tango(baseline_only, other_only, images)
            covered += chance * given[other_only] * (interval.low <= two - one <= interval.high)
    assert covered >= 0.935


def drawn(
    random: np.random.Generator, repeats: int, images: int, *, seeds: float, ease: float
) -> list[Pair]:
    """Draw repeats of two devices of equal accuracy.

    Args:
        random: The source of chance.
        repeats: Pairs of networks.
        images: Test images, the same in every repeat.
        seeds: How far a seed moves a network's accuracy, up or down.
        ease: How far each image suits either device, the same in every repeat.
    """
    suits = ease * random.choice([-1, 1], (2, 1, images))
    lucky = seeds * random.choice([-1, 1], (2, repeats, 1))
    right = random.random((2, repeats, images)) < 0.75 + suits + lucky
    return [Pair(tuple(a), tuple(b)) for a, b in zip(*right.tolist(), strict=True)]


def test_one_repeat_has_tangos_interval() -> None:
    [pair] = drawn(np.random.default_rng(1), 1, 80, seeds=0.05, ease=0.1)
    assert paired_interval([pair]) == tango(pair.baseline_only, pair.other_only, 80)


def test_several_repeats_have_the_interval_of_statsmodels_mean_squares() -> None:
    repeats, images = 4, 30
    pairs = drawn(np.random.default_rng(3), repeats, images, seeds=0.2, ease=0.05)
    table = pd.DataFrame(
        [
            (repeat, image, difference)
            for repeat, pair in enumerate(pairs)
            for image, difference in enumerate(pair.differences)
        ],
        columns=["repeat", "image", "difference"],
    )
    squares = anova_lm(ols("difference ~ C(repeat) + C(image)", table).fit())["mean_sq"]
    of_repeats, of_images, rest = squares["C(repeat)"], squares["C(image)"], squares["Residual"]
    # Hillis 2007: the variance of the mean, and its degrees of freedom.
    mean_square = of_repeats + max(of_images - rest, 0)
    freedom = (repeats - 1) * (mean_square / of_repeats) ** 2
    half_width = student.ppf(0.975, freedom) * math.sqrt(mean_square / (repeats * images))
    interval, mean = paired_interval(pairs), table["difference"].mean()
    assert interval.low == pytest.approx(mean - half_width)
    assert interval.high == pytest.approx(mean + half_width)


def test_repeats_without_any_discordant_image_leave_what_the_images_leave() -> None:
    same = Pair((True,) * 36, (True,) * 36)
    assert paired_interval([same] * 3) == tango(0, 0, 36)


def test_repeats_on_different_images_are_refused() -> None:
    with pytest.raises(ValueError, match="same images"):
        paired_interval([Pair((True,), (True,)), Pair((True, True), (True, True))])


@pytest.mark.parametrize("repeats", [2, 5])
@pytest.mark.parametrize("ease", [0.0, 0.15])
def test_the_interval_over_repeats_covers_equal_devices_whose_seeds_differ(
    repeats: int, ease: float
) -> None:
    draws, random = 400, np.random.default_rng(20261122)
    covered = 0
    for _ in range(draws):
        interval = paired_interval(drawn(random, repeats, 150, seeds=0.05, ease=ease))
        covered += interval.low <= 0 <= interval.high
    # Drawing 400 adds a standard error of sqrt(.95 x .05 / 400) = 0.011; four of them are exceeded
    # once in 30,000. Pooling the repeats' images would cover about 65 % here.
    assert covered / draws >= 0.95 - 4 * 0.011
