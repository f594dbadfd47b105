from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungbench.stats.intervals import Interval
from reports.forms import format as fmt


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.8349, "1.83"),
        (9.996, "10.0"),
        (130.2, "130"),
        (0.041249, "0.0412"),
        (51_441_763.0, "51,400,000"),
        (-2.5, "-2.50"),
        (0, "0"),
        (None, fmt.MISSING),
        (float("inf"), fmt.MISSING),
    ],
)
def test_a_number_has_three_significant_digits(value: float | None, text: str) -> None:
    assert fmt.significant(value) == text


@settings(max_examples=60)
@given(st.floats(min_value=1e-6, max_value=1e9))
def test_a_written_number_is_within_half_a_percent_and_has_no_exponent(value: float) -> None:
    text = fmt.significant(value)
    assert "e" not in text
    assert float(text.replace(",", "")) == pytest.approx(value, rel=0.005)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.31, "310 ms"),
        (4.13, "4.13 s"),
        (59.94, "59.9 s"),
        (252, "4 min 12 s"),
        (4800, "1 h 20 min"),
        (None, fmt.MISSING),
    ],
)
def test_a_duration_is_written_in_the_units_people_say(seconds: float | None, text: str) -> None:
    assert fmt.duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (512, "512 B"), (1536, "1.50 KiB"), (1024**3, "1.00 GiB"), (None, fmt.MISSING)],
)
def test_memory_is_written_in_binary_units(size: int | None, text: str) -> None:
    assert fmt.size(size) == text


def test_a_speed_up_stands_with_its_interval() -> None:
    assert fmt.ratio(1.8349, Interval(1.712, 1.951)).replace("\N{MULTIPLICATION SIGN}", "x") == (
        "1.83x [1.71, 1.95]"
    )


def test_a_speed_up_without_interval_shows_none() -> None:
    assert "[" not in fmt.ratio(1.8349)


def test_a_share_stands_with_its_interval() -> None:
    assert fmt.share_with_interval(0.927, Interval(0.901, 0.9466)) == "92.7% [90.1, 94.7]"


@pytest.mark.parametrize(
    ("difference", "text"),
    [(0.018, "+1.8 points"), (-0.018, "\N{MINUS SIGN}1.8 points"), (-0.0001, "0.0 points")],
)
def test_a_difference_of_shares_has_its_sign_but_no_negative_zero(
    difference: float, text: str
) -> None:
    assert fmt.points(difference) == text


@pytest.mark.parametrize(
    ("words", "text"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_words_are_joined_as_in_a_sentence(words: list[str], text: str) -> None:
    assert fmt.listed(words) == text


def test_a_moment_is_written_in_utc() -> None:
    assert fmt.moment(datetime(2026, 11, 22, 21, 11, tzinfo=UTC)) == "22 November 2026, 21:11 UTC"


@pytest.mark.parametrize(
    "write",
    [fmt.count, fmt.seconds, fmt.share, fmt.rate, fmt.percent, fmt.ratio, fmt.energy, fmt.power],
)
def test_a_missing_figure_is_a_dash(write: object) -> None:
    assert callable(write)
    assert write(None) == fmt.MISSING


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0314, "0.031"), (1.0, "1.000"), (0.001, "0.001"), (0.00099, "<0.001"), (None, fmt.MISSING)],
)
def test_a_p_value_has_three_decimals_and_a_floor(value: float | None, text: str) -> None:
    assert fmt.p_value(value) == text


@pytest.mark.parametrize(
    ("values", "text"), [((), fmt.MISSING), ((3, 3), "3"), ((5, 2, 1200), "2 to 1,200")]
)
def test_a_range_of_counts_names_its_ends(values: tuple[int, ...], text: str) -> None:
    assert fmt.count_range(values) == text


def test_ranges_of_shares_have_one_decimal() -> None:
    assert fmt.share_range(0.901, 0.9469) == "90.1 to 94.7%"
    assert fmt.points_range(0.002, 0.0341) == "+0.2 to +3.4 points"
