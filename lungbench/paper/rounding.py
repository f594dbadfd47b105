"""What a printed rate says of the exact one, by each way of rounding, in whole numbers.

Four ways are accepted:

- `half_up`: to the nearest, halves up, as one does by hand.
- `half_even`: to the nearest, halves to the even digit, as IEEE 754 and decimal libraries do.
- `half_either`: to the nearest, halves to any side, as programs do that print a binary number: it
  lies a hair above or below the half. The two above are cases of it.
- `truncated`: the other digits were cut off.
"""

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal, NamedTuple

Rounding = Literal["half_up", "half_even", "half_either", "truncated"]

ROUNDINGS: tuple[Rounding, ...] = ("half_up", "half_even", "half_either", "truncated")
MOST_DECIMALS = 12  # a double's further digits may be the noise of its own arithmetic

_LONGEST = 40  # characters: what is longer is no rate, and may be too long for a number at all
_AS_PRINTED = re.compile(
    r"(?P<whole>[0-9]+)(\.(?P<part>[0-9]*))?(?P<percent> ?%)?|\.(?P<rest>[0-9]+)"
)


@dataclass(frozen=True, slots=True)
class PrintedRate:
    """A rate as it was printed: `digits` units of its last decimal.

    Attributes:
        text: What stands there, e.g. `0.9270` or `92.7%`.
        digits: All its digits as one number, 9270 or 927.
        decimals: Decimals of the share from 0 to 1, 4 or 3.
    """

    text: str
    digits: int
    decimals: int

    @property
    def value(self) -> Decimal:
        """The printed share, from 0 to 1."""
        return Decimal(self.digits).scaleb(-self.decimals)


class Bounds(NamedTuple):
    """Between what the exact rate lies: from `low` to `high`, both in units of 1 / `parts`."""

    low: int
    high: int
    parts: int
    low_open: bool
    high_open: bool


def printed_rate(text: str) -> PrintedRate | None:
    """Read a share or a percentage with a percent sign; None where the text is neither.

    Accepts `0.9270`, `.927`, `1` and `92.7%`; no sign and no exponent. Whether it is a rate, at
    most 1, is for the caller to say.
    """
    found = _AS_PRINTED.fullmatch(text.strip())
    if found is None or len(text) > _LONGEST:
        return None
    part = found["rest"] or found["part"] or ""
    percent_decimals = 2 if found["percent"] else 0
    return PrintedRate(
        text=text.strip(),
        digits=int((found["whole"] or "") + part),
        decimals=len(part) + percent_decimals,
    )


def bounds(rate: PrintedRate, rounding: Rounding) -> Bounds:
    """Return every exact rate that this way of rounding prints so; an open end isn't one."""
    middle, parts = 2 * rate.digits, 2 * 10**rate.decimals
    if rounding == "truncated":
        return Bounds(middle, middle + 2, parts, low_open=False, high_open=True)
    odd = rate.digits % 2 == 1
    low_open = rounding == "half_even" and odd
    high_open = rounding == "half_up" or low_open
    return Bounds(middle - 1, middle + 1, parts, low_open, high_open)


def halves_up(value: Fraction, decimals: int) -> Decimal:
    """Round an exact share to this many decimals, halves up."""
    return Decimal(math.floor(value * 10**decimals + Fraction(1, 2))).scaleb(-decimals)
