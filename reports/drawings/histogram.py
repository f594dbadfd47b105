"""The drawing of how bright images are: bars of those kept, and upon them those discarded."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import altair as alt
from markupsafe import Markup

from reports.drawings.svg import MOST_KEPT, Rows, Spec, draw, spec_of

KEPT, DISCARDED = "c1", "c2"
"""The style sheet's colours."""

_WIDTH, _HEIGHT = 290, 130
_GAP_LEVELS = 0.35
_FEW = 4


@dataclass(frozen=True, slots=True)
class Bars:
    """How many images lie in each bar, from 0 on.

    Attributes:
        levels: Grey levels that a bar covers.
        kept: Images in each.
        discarded: Likewise.
    """

    levels: int
    kept: tuple[int, ...]
    discarded: tuple[int, ...]

    @property
    def highest(self) -> int:
        """Return how many images the highest bar stands for."""
        return max(map(sum, zip(self.kept, self.discarded, strict=True)), default=0)


def brightness_histogram(
    bars: Bars, highest: int, limits: Sequence[float], prefix: str, alternative: str
) -> Markup:
    """Draw images by their mean grey.

    Args:
        bars: How many there are.
        highest: The end of the scale, for drawings to be compared; at least that of the bars.
        limits: Levels to mark by dashed lines.
        prefix: Makes the ids inside unique on the page.
        alternative: What it shows, in words.
    """
    values = {"bars": _boxes(bars), "limits": [{"low": level} for level in limits]}
    return draw([_panel(highest)], values, prefix, alternative, spacing=0)


@lru_cache(MOST_KEPT)
def _panel(highest: int) -> Spec:
    """Return the panel of bars up to a number of images; those of a page share it."""
    x = alt.X(
        "low:Q",
        title="mean grey",
        scale=alt.Scale(domain=[0, 255], nice=False),
        axis=alt.Axis(values=[0, 50, 100, 150, 200, 250], grid=False),
    )
    few = alt.Axis(tickCount=min(_FEW, max(1, highest)), format="d", minExtent=28)
    scale = alt.Scale(domain=[0, max(1, highest)], nice=True)
    y = alt.Y("start:Q", title="images", axis=few, scale=scale)
    boxes = (
        alt.Chart(alt.NamedData("bars"))
        .mark_rect()
        .encode(x=x, x2="high:Q", y=y, y2="end:Q", color=alt.Color("colour:N", scale=None))
    )
    rules = (
        alt.Chart(alt.NamedData("limits"))
        .mark_rule(color="var(--muted)", strokeDash=[3, 3], strokeWidth=1.2)
        .encode(x=alt.X("low:Q"))
    )
    return spec_of(alt.layer(boxes, rules).properties(width=_WIDTH, height=_HEIGHT))


def _boxes(bars: Bars) -> Rows:
    return [
        {
            "low": number * bars.levels + _GAP_LEVELS,
            "high": (number + 1) * bars.levels - _GAP_LEVELS,
            "start": start,
            "end": end,
            "colour": f"var(--{colour})",
        }
        for number, (kept, discarded) in enumerate(zip(bars.kept, bars.discarded, strict=True))
        for start, end, colour in ((0, kept, KEPT), (kept, kept + discarded, DISCARDED))
        if end > start
    ]
