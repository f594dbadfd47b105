"""How much a launch adds to what its process holds."""

import numpy as np
import pytest

from benchmarks.parent_memory import slope_of


def test_what_is_held_once_is_no_slope() -> None:
    slope = slope_of([100.0, 900.0, 900.0, 900.0, 900.0, 900.0, 900.0, 900.0])
    assert (slope.estimate, slope.gains) == (0.0, 5)


def test_a_steady_gain_is_the_slope() -> None:
    slope = slope_of([1000.0 + 7 * launch for launch in range(40)])
    assert slope.estimate == 7.0
    assert slope.interval is not None
    assert (slope.interval.low, slope.interval.high) == (7.0, 7.0)
    assert slope.gains == 29


def test_one_gain_has_no_interval() -> None:
    assert slope_of([1.0, 3.0]).interval is None


def test_the_interval_holds_the_true_slope_as_often_as_it_says() -> None:
    rng, draws, held = np.random.default_rng(0), 2000, 0
    for _ in range(draws):
        interval = slope_of(np.cumsum(rng.normal(50, 400, 40)).tolist()).interval
        assert interval is not None
        held += interval.low <= 50 <= interval.high
    # Four standard errors of a share of 0.95 among 2 000 draws.
    assert held / draws == pytest.approx(0.95, abs=4 * (0.95 * 0.05 / draws) ** 0.5)
