"""The only place where numbers become text: units, digits and dashes.

Values come in base units (seconds, bytes, shares from 0 to 1); what is missing becomes a dash.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from lungbench.stats.intervals import Interval

MISSING = "–"  # noqa: RUF001  a dash is what readers know for a missing figure

_MINUS, _TIMES = "−", "×"  # noqa: RUF001  as figures are set
_MINUTE_S, _HOUR_MIN = 60, 60
_HASH_CHARACTERS = 12
_SMALLEST_P = 0.001

_BINARY_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def significant(value: float | None, digits: int = 3) -> str:
    """Write a number with this many significant digits and no exponent: `1.83`, `130`, `0.0412`."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits - 1}e}")  # first, since 9.996 has one digit more when rounded
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    return f"{rounded:,.{decimals}f}"


def count(value: int | None) -> str:
    """Write a whole number with its thousands apart: `51,441,763`."""
    return MISSING if value is None else f"{value:,}"


def count_range(values: Sequence[int]) -> str:
    """Write the range of whole numbers: `3`, `2 to 5`."""
    if not values:
        return MISSING
    low, high = min(values), max(values)
    return count(low) if low == high else f"{count(low)} to {count(high)}"


def listed(words: Sequence[str], last: str = "and") -> str:
    """Join words as a sentence does: `a, b and c`."""
    *head, tail = words or ("",)
    return f"{', '.join(head)} {last} {tail}" if head else tail


def seconds(value: float | None) -> str:
    """Write a duration to be compared with others, always in seconds: `4.13 s`."""
    return MISSING if value is None else f"{significant(value)} s"


def milliseconds(value: float | None) -> str:
    """Write a short duration to be compared with others, always in milliseconds: `4.13 ms`."""
    return MISSING if value is None else f"{significant(value * 1000)} ms"


def duration(value: float | None) -> str:
    """Write a duration to be read alone: `310 ms`, `4.13 s`, `4 min 12 s`, `1 h 20 min`."""
    if value is None or not math.isfinite(value):
        return MISSING
    if 0 < value < 1:
        return f"{significant(value * 1000)} ms"
    if value < _MINUTE_S:
        return seconds(value)
    minutes, rest = divmod(round(value), _MINUTE_S)
    if minutes < _HOUR_MIN:
        return f"{minutes} min {rest} s"
    return f"{minutes // _HOUR_MIN:,} h {minutes % _HOUR_MIN} min"


def size(value: float | None) -> str:
    """Write an amount of memory in binary units: `1.42 GiB`."""
    if value is None:
        return MISSING
    power = min(int(math.log2(value) // 10), len(_BINARY_UNITS) - 1) if value >= 1 else 0
    return f"{significant(value / 1024**power)} {_BINARY_UNITS[power]}"


def share(value: float | None) -> str:
    """Write a share as a percentage with one decimal: `92.7%`."""
    return MISSING if value is None else f"{value * 100:.1f}%"


def share_with_interval(value: float | None, interval: Interval | None) -> str:
    """Write a share and its interval: `92.7% [90.1, 94.7]`."""
    if value is None or interval is None:
        return share(value)
    return f"{share(value)} [{interval.low * 100:.1f}, {interval.high * 100:.1f}]"


def rate(value: float | None) -> str:
    """Write a rate as the paper prints it, with four decimals: `0.9270`."""
    return MISSING if value is None else f"{value:.4f}"


def points(difference: float | None, interval: Interval | None = None) -> str:
    """Write a difference of two shares in percentage points: `+1.8 points [+0.2, +3.4]`."""
    if difference is None:
        return MISSING
    text = f"{_signed(difference)} points"
    if interval is None:
        return text
    return f"{text} [{_signed(interval.low)}, {_signed(interval.high)}]"


def p_value(value: float | None) -> str:
    """Write a p-value as journals print it: `0.031`, `<0.001`."""
    if value is None:
        return MISSING
    return "<0.001" if value < _SMALLEST_P else f"{value:.3f}"


def share_range(low: float, high: float) -> str:
    """Write the range of a share: `90.1 to 94.7%`."""
    return f"{low * 100:.1f} to {high * 100:.1f}%"


def points_range(low: float, high: float) -> str:
    """Write the range of a difference of shares: `+0.2 to +3.4 points`."""
    return f"{_signed(low)} to {_signed(high)} points"


def operations(value: float | None) -> str:
    """Write a count of floating-point operations: `6.18 GFLOP`."""
    return MISSING if value is None else f"{significant(value / 1e9)} GFLOP"


def operations_per_s(value: float | None) -> str:
    """Write a rate of floating-point operations: `154 GFLOP/s`."""
    return MISSING if value is None else f"{significant(value / 1e9)} GFLOP/s"


def percent(value: float | None) -> str:
    """Write what is in percent already, such as a load: `187%`."""
    return MISSING if value is None else f"{significant(value)}%"


def ratio(value: float | None, interval: Interval | None = None) -> str:
    """Write a speed-up with a times sign, and its interval if any: `1.83x [1.71, 1.95]`."""
    if value is None:
        return MISSING
    text = f"{significant(value)}{_TIMES}"
    return text if interval is None else f"{text} {limits(interval)}"


def change(value: float | None, interval: Interval | None = None) -> str:
    """Write a ratio as what it changes, and its interval if any: `+5.2% [+3.0%, +7.4%]`."""
    if value is None:
        return MISSING
    text = f"{_signed(value - 1)}%"
    if interval is None:
        return text
    return f"{text} [{_signed(interval.low - 1)}%, {_signed(interval.high - 1)}%]"


def limits(interval: Interval) -> str:
    """Write the interval of a ratio: `[1.71, 1.95]`."""
    return f"[{significant(interval.low)}, {significant(interval.high)}]"


def energy(value: float | None) -> str:
    """Write an energy: `950 J`, `12.3 kJ`."""
    if value is None:
        return MISSING
    kilojoules = value / 1000
    return f"{significant(value)} J" if kilojoules < 1 else f"{significant(kilojoules)} kJ"


def power(value: float | None) -> str:
    """Write a power: `187 W`."""
    return MISSING if value is None else f"{significant(value)} W"


def temperature(value: float | None) -> str:
    """Write a temperature: `71 °C`."""
    return MISSING if value is None else f"{value:.0f} °C"


def moment(value: datetime) -> str:
    """Write a moment in UTC: `22 November 2026, 21:11 UTC`."""
    utc = value.astimezone(UTC)
    return f"{utc.day} {utc:%B %Y, %H:%M} UTC"


def short_hash(value: str) -> str:
    """Write the first 12 characters of a hash, enough to tell two apart by eye."""
    return value if len(value) <= _HASH_CHARACTERS else f"{value[:_HASH_CHARACTERS]}…"


def pixels(side: int) -> str:
    """Write the size of square images: `96 x 96 pixels`, with a true times sign."""
    return f"{side} {_TIMES} {side} pixels"


def _signed(value: float) -> str:
    rounded = round(value * 100, 1)
    return "0.0" if rounded == 0 else f"{rounded:+.1f}".replace("-", _MINUS)
