from decimal import ROUND_DOWN, ROUND_HALF_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungbench.paper.rounding import PrintedRate, Rounding, bounds, halves_up, printed_rate

SHARES = st.tuples(st.integers(0, 400), st.integers(1, 400)).map(
    lambda pair: Fraction(min(pair), max(pair))
)
DECIMALS = st.integers(0, 6)


def as_decimal(share: Fraction) -> Decimal:
    # 50 digits by far outlast the 6 that are rounded to, so that no digit here is rounded twice.
    return Decimal(share.numerator * 10**50 // share.denominator).scaleb(-50)


def is_within(share: Fraction, rate: PrintedRate, rounding: Rounding) -> bool:
    low, high, parts, low_open, high_open = bounds(rate, rounding)
    above = share * parts > low or (share * parts == low and not low_open)
    below = share * parts < high or (share * parts == high and not high_open)
    return above and below


@pytest.mark.parametrize(
    ("text", "digits", "decimals"),
    [
        ("0.9270", 9270, 4),
        (".927", 927, 3),
        ("1", 1, 0),
        ("1.0", 10, 1),
        ("92.7%", 927, 3),
        ("92.7 %", 927, 3),
        ("100%", 100, 2),
        (" 0.5 ", 5, 1),
    ],
)
def test_a_rate_is_read_with_its_decimals(text: str, digits: int, decimals: int) -> None:
    rate = printed_rate(text)
    assert rate == PrintedRate(text.strip(), digits, decimals)
    assert rate.value == Decimal(digits) / 10**decimals


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "-0.5",
        "+0.5",
        "1e-3",
        "nan",
        "inf",
        ".",
        "%",
        "0,5",
        "0.5.5",
        "\u0660.\u0665",
        "9" * 5000,
    ],
)
def test_what_is_no_number_is_no_rate(text: str) -> None:
    assert printed_rate(text) is None


@given(SHARES, DECIMALS)
@settings(max_examples=200)
def test_a_share_lies_within_the_bounds_of_what_it_is_rounded_to(
    share: Fraction, decimals: int
) -> None:
    exact, unit = as_decimal(share), Decimal(1).scaleb(-decimals)
    rounded: dict[Rounding, list[str]] = {
        "half_up": [ROUND_HALF_UP],
        "half_even": [ROUND_HALF_EVEN],
        "half_either": [ROUND_HALF_UP, ROUND_HALF_DOWN],
        "truncated": [ROUND_DOWN],
    }
    for rounding, modes in rounded.items():
        printed = {exact.quantize(unit, mode) for mode in modes}
        neighbours = {value + step * unit for value in printed for step in (-2, -1, 0, 1, 2)}
        for value in neighbours:
            rate = PrintedRate(str(value), int(value.scaleb(decimals)), decimals)
            assert is_within(share, rate, rounding) == (value in printed)


@given(SHARES, DECIMALS)
@settings(max_examples=100)
def test_halves_up_is_what_the_decimal_module_does(share: Fraction, decimals: int) -> None:
    expected = as_decimal(share).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    assert halves_up(share, decimals) == expected


# 3/160 is 0.01875, a half at 4 decimals; the nearest double lies below it, and prints as 0.0187,
# which is neither halves up nor halves to even.
@pytest.mark.parametrize(
    ("text", "fits"),
    [("0.0188", {"half_up", "half_even", "half_either"}), ("0.0187", {"half_either", "truncated"})],
)
def test_a_half_tells_the_ways_of_rounding_apart(text: str, fits: set[str]) -> None:
    rate = printed_rate(text)
    assert rate is not None
    ways: tuple[Rounding, ...] = ("half_up", "half_even", "half_either", "truncated")
    assert {each for each in ways if is_within(Fraction(3, 160), rate, each)} == fits
    assert f"{3 / 160:.4f}" == "0.0187"
