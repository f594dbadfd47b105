"""A small drawing of one cell over its executions: a strip a figure, one below the other.

Written without altair: an index holds a drawing a cell, hundreds of dots each, and is made after
every run. All dots of a colour are one path, so that a drawing has a few kilobytes at most.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from markupsafe import Markup, escape

_WIDTH, _LEFT, _RIGHT = 360, 62, 12
_STRIP, _TITLE, _GAP, _FOOT = 62, 18, 10, 20
_TRIANGLE = 5.5

Standing = Literal["", "worse", "better"]


@dataclass(frozen=True, slots=True)
class Dot:
    """One execution's figure.

    Attributes:
        at: Its number among those drawn, from 0.
        low: Lower limit; None without an interval.
        high: Upper limit, likewise.
        mark: The colour's name in the style sheet.
        standing: Whether it stands out, and which way.
    """

    at: int
    value: float
    low: float | None
    high: float | None
    mark: str
    standing: Standing = ""


@dataclass(frozen=True, slots=True)
class Strip:
    """One figure over the executions.

    Attributes:
        title: What it is, with its unit.
        label: How a value is written beside the strip.
    """

    title: str
    dots: tuple[Dot, ...]
    label: Callable[[float], str]


def track(
    strips: Sequence[Strip],
    executions: int,
    marks: Sequence[int],
    ends: tuple[str, str],
    alternative: str,
) -> Markup:
    """Draw one cell's strips.

    Args:
        strips: From the top; one without dots is left out.
        executions: How many the drawing spans.
        marks: Executions at which something changed, drawn as dashed lines.
        ends: What the first and the last execution are called.
        alternative: What it shows, in words.
    """
    shown = [strip for strip in strips if strip.dots]
    tops = [number * (_TITLE + _STRIP + _GAP) + _TITLE for number in range(len(shown))]
    bottom = tops[-1] + _STRIP if tops else 0
    height = bottom + _FOOT
    x = _scale(0, executions - 1, _LEFT + 8, _WIDTH - _RIGHT)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" role="img" aria-label="{escape(alternative)}">',
        *(_strip(strip, top, x) for strip, top in zip(shown, tops, strict=True)),
        _marks(marks, tops, x),
        _text(_LEFT, height - 4, ends[0]),
        _text(_WIDTH, height - 4, ends[1], anchor="end") if executions > 1 else "",
        "</svg>",
    ]
    return Markup("".join(parts))  # noqa: S704  every text in it was escaped


def _strip(strip: Strip, top: float, x: Callable[[float], float]) -> str:
    low, high = _domain(strip.dots)
    y = _scale(low, high, top + _STRIP - 5, top + 5)
    lines = "".join(f"M{_LEFT},{at:g}H{_WIDTH}" for at in (top, top + _STRIP))
    return "".join(
        (
            _text(_LEFT, top - 5, strip.title),
            f'<path d="{lines}" stroke="var(--grid)" fill="none"/>',
            _text(_LEFT - 6, top + 9, strip.label(high), anchor="end"),
            _text(_LEFT - 6, top + _STRIP, strip.label(low), anchor="end"),
            *(_dots(mark, strip.dots, x, y, top) for mark in _colours(strip.dots)),
            *(_triangle(dot, x(dot.at), y(dot.value)) for dot in strip.dots if dot.standing),
        )
    )


def _dots(
    mark: str,
    dots: Sequence[Dot],
    x: Callable[[float], float],
    y: Callable[[float], float],
    top: float,
) -> str:
    """Draw the dots of one colour and their intervals, as far as these are within the strip."""
    mine = [dot for dot in dots if dot.mark == mark]
    bars = "".join(
        f"M{x(dot.at):.1f},{min(y(dot.low), top + _STRIP):.1f}V{max(y(dot.high), top):.1f}"
        for dot in mine
        if dot.low is not None and dot.high is not None
    )
    spots = "".join(f"M{x(dot.at):.1f},{y(dot.value):.1f}h0" for dot in mine if not dot.standing)
    colour = f'stroke="var(--{mark})" fill="none"'
    return (
        f'<path d="{bars}" {colour} stroke-width="1.2" stroke-opacity=".55"/>' if bars else ""
    ) + (f'<path d="{spots}" {colour} stroke-width="5" stroke-linecap="round"/>' if spots else "")


def _triangle(dot: Dot, x: float, y: float) -> str:
    """Point down for worse and up for better, so that the colour isn't needed."""
    tip = _TRIANGLE if dot.standing == "worse" else -_TRIANGLE
    path = f"M{x:.1f},{y + tip:.1f}l{-_TRIANGLE},{-1.8 * tip:.1f}h{2 * _TRIANGLE}z"
    colour = "bad" if dot.standing == "worse" else "good"
    return f'<path d="{path}" fill="var(--{colour})" stroke="var(--paper)"/>'


def _marks(marks: Sequence[int], tops: Sequence[float], x: Callable[[float], float]) -> str:
    path = "".join(f"M{x(at) - 3:.1f},{top:g}v{_STRIP}" for at in marks for top in tops)
    if not path:
        return ""
    return f'<path d="{path}" stroke="var(--muted)" stroke-dasharray="3 3" fill="none"/>'


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-size="11" '
        f'fill="var(--muted)">{escape(text)}</text>'
    )


def _domain(dots: Sequence[Dot]) -> tuple[float, float]:
    """Span the values and a usual interval; wider intervals are cut off, or nothing else shows."""
    values = [dot.value for dot in dots]
    widths = [dot.high - dot.low for dot in dots if dot.low is not None and dot.high is not None]
    room = max(
        median(widths) / 2 if widths else 0.0,
        (max(values) - min(values)) * 0.15,
        max(map(abs, values)) * 0.01,
        1e-9,
    )
    return min(values) - room, max(values) + room


def _colours(dots: Sequence[Dot]) -> list[str]:
    return list(dict.fromkeys(dot.mark for dot in dots))


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """Return the linear map of a range onto pixels; a range of one value lies in their middle."""
    if high <= low:
        return lambda _: (start + end) / 2
    return lambda value: start + (value - low) / (high - low) * (end - start)
