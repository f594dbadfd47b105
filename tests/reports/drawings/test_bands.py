from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.drawings.bands import MOST_LINES, SHARES, band_of, vertical_band
from reports.results.load import load


def test_a_band_is_numpys_least_median_and_largest_of_the_runs_at_each_epoch(lab: Any) -> None:
    folder: Path = lab.execution(models=("cnn10",), devices=("cpu",), repeats=84, samples=False)
    runs = [run.record.epochs for run in load(folder).runs]
    accuracies = np.array([[epoch.accuracy for epoch in epochs] for epochs in runs])
    assert accuracies.shape == (84, 5)
    band = band_of([(epoch.epoch, epoch.accuracy) for epoch in epochs] for epochs in runs)
    expected = [accuracies.min(axis=0), np.median(accuracies, axis=0), accuracies.max(axis=0)]
    assert np.array_equal(np.array(band), np.column_stack([range(1, 6), *expected]))


def test_at_each_epoch_the_runs_count_that_have_it() -> None:
    whole, ended_early, began_late = [(1, 0.2), (2, 0.4)], [(1, 0.6)], [(2, 0.5), (3, 0.9)]
    assert band_of([whole, ended_early, began_late]) == (
        (1, 0.2, 0.4, 0.6),
        (2, 0.4, 0.45, 0.5),
        (3, 0.9, 0.9, 0.9),
    )


def test_no_curve_has_no_band() -> None:
    assert band_of([[], []]) == ()


def test_between_its_points_a_roc_curve_is_straight() -> None:
    found = {round(x, 2): middle for x, _, middle, _ in vertical_band([[(0, 0), (0.5, 1), (1, 1)]])}
    assert (found[0], found[0.25], found[0.5], found[0.8]) == pytest.approx((0, 0.5, 1, 1))


def test_where_a_roc_curve_rises_straight_up_its_upper_end_counts() -> None:
    steps = [(0, 0), (0, 0.4), (0.5, 0.4), (0.5, 0.9), (1, 0.9), (1, 1)]
    found = {round(x, 2): high for x, _, _, high in vertical_band([steps])}
    assert (found[0], found[0.49], found[0.5], found[0.99], found[1]) == (0.4, 0.4, 0.9, 0.9, 1)


_heights = st.lists(st.floats(0, 1), min_size=1, max_size=6).map(sorted)


@settings(max_examples=40, deadline=None)
@given(st.lists(_heights, min_size=1, max_size=MOST_LINES + 2))
def test_a_band_of_roc_curves_is_numpys_of_their_heights(curves: list[list[float]]) -> None:
    points = [
        [(0.0, 0.0), *((at / len(heights), y) for at, y in enumerate(heights)), (1.0, 1.0)]
        for heights in curves
    ]
    heights = [np.interp(SHARES, *np.transpose(each)) for each in points]
    expected = (np.min(heights, axis=0), np.median(heights, axis=0), np.max(heights, axis=0))
    band = np.array(vertical_band(points))
    assert np.array_equal(band[:, 0], SHARES)
    assert np.array_equal(band[:, 1:].T, expected)
    assert (np.diff(band, axis=0) >= 0).all()  # as each curve, none of the three falls
