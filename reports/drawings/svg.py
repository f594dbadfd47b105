"""From a chart to the SVG that a page holds: themed by CSS variables, small, with its own ids."""

import re
from collections.abc import Sequence
from itertools import count
from typing import Any
from xml.etree import ElementTree as ET

import altair as alt
from markupsafe import Markup

from reports.drawings.engine import vegalite_to_svg
from reports.drawings.lean import TIP, make_lean

__all__ = ["MOST_KEPT", "TIP", "Rows", "Spec", "blank", "completed", "draw", "spec_of"]

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PLAIN = (int, float, type(None))
_WIDTH = 360.0  # one for all, so that drawings side by side are scaled alike

_THEME = {
    "background": "transparent",
    "padding": {"left": 10, "right": 6, "top": 2, "bottom": 2},
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "titleFontWeight": "normal",
        "labelFontSize": 11,
        "titleFontSize": 11,
        "gridColor": "var(--grid)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "labelLimit": 130,
        "labelFlush": False,
    },
    "title": {"color": "var(--ink)", "fontSize": 12, "fontWeight": 600, "anchor": "start"},
}

MOST_KEPT = 64
"""Translated charts that a kind of drawing keeps: more than a page has of it, in any case."""

Rows = list[dict[str, Any]]
Spec = dict[str, Any]
"""A chart in Vega-Lite's own words."""


def spec_of(chart: Any) -> Spec:
    """Return an altair chart as Vega-Lite's words.

    Building and translating a chart takes as long as drawing it, so what many drawings share is
    translated once and completed by `completed`.
    """
    spec: Spec = chart.to_dict(validate=False)
    return spec


def completed(template: Spec, **values: Any) -> Spec:
    """Return a copy of a chart with values for the names that stand in it as `blank` writes them.

    Args:
        template: Left as it is.
        values: What is put for each name; anything that a chart may hold.
    """

    def filled(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: filled(each) for key, each in part.items()}
        if isinstance(part, list):
            return [filled(each) for each in part]
        return blanks.get(part, part) if isinstance(part, str) else part

    blanks = {blank(name): value for name, value in values.items()}
    found: Spec = filled(template)
    return found


def blank(name: str) -> str:
    """Return what stands in a chart for a value that comes later."""
    return f"\0{name}"


def draw(
    panels: Sequence[Spec],
    values: dict[str, Rows],
    prefix: str,
    alternative: str,
    *,
    spacing: float,
    flush: bool = False,
) -> Markup:
    """Draw altair charts, one below the other, as one SVG to be put into a page.

    The charts are put together here and not by altair, which copies and checks all that it holds
    at every step: data and theme inside would take three quarters of the time of a page.

    Args:
        panels: The charts; their colours may be CSS variables, e.g. `var(--c1)`.
        values: The rows of the data that they name. Of a line's many points, a row holds whole
            columns, for the chart to flatten: a row a point takes half as long again.
        prefix: Makes the ids inside unique on the page.
        alternative: What the charts show, for who can't see them.
        spacing: Pixels between them.
        flush: Measure their distance between plots, not between all that is drawn around.
    """
    spec = {
        "$schema": alt.SCHEMA_URL,
        "vconcat": list(panels),
        "spacing": spacing,
        "bounds": "flush" if flush else "full",
        "datasets": values,
        "config": _THEME,
    }
    text = vegalite_to_svg(_as_xml_allows(spec))
    root = ET.fromstring(text)  # noqa: S314  drawn here, not received
    make_lean(root)
    _own_ids(root, prefix)
    _fit(root)
    root.attrib |= {"role": "img", "aria-label": alternative}
    # Within texts and attributes a closing angle is escaped, so that this one ends a tag.
    return Markup(ET.tostring(root, encoding="unicode").replace(" />", "/>"))  # noqa: S704


def _fit(root: ET.Element) -> None:
    """Make the drawing as wide as its neighbours."""
    width = max(float(root.attrib["width"]), _WIDTH)
    height = float(root.attrib["height"])
    root.attrib.pop("version", None)
    root.attrib |= {
        "viewBox": f"0 0 {width:g} {height:g}",
        "width": f"{width:g}",
        "height": f"{height:g}",
    }


def _as_xml_allows(value: Any) -> Any:
    """Replace the characters that XML forbids: on one, vl-convert ends the whole process."""
    if isinstance(value, str):
        return value if value.isprintable() else _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, dict):
        return {key: _as_xml_allows(each) for key, each in value.items()}
    if isinstance(value, list):
        return [each if isinstance(each, _PLAIN) else _as_xml_allows(each) for each in value]
    return value


def _own_ids(root: ET.Element, prefix: str) -> None:
    """Give every id inside the page's own name, and follow it wherever it is used."""
    numbers = count(1)
    names = {
        element.attrib["id"]: f"{prefix}-{next(numbers)}"
        for element in root.iter()
        if "id" in element.attrib
    }
    for element in root.iter():
        if "id" in element.attrib:
            element.set("id", names[element.attrib["id"]])
        for name, value in element.attrib.items():
            if value.startswith("url(#"):
                element.set(name, f"url(#{names[value[5:-1]]})")
