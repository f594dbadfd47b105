"""From a chart to the SVG that a page holds: themed by CSS variables, small, with its own ids."""

import re
from collections.abc import Sequence
from itertools import count
from typing import Any
from xml.etree import ElementTree as ET

import altair as alt
import vl_convert
from markupsafe import Markup

_SVG = "{http://www.w3.org/2000/svg}"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NUMBER = re.compile(r"-?\d+\.\d{2,}(?:e-?\d+)?")
_DECIMAL = r"-?\d+(?:\.\d+)?(?:e-?\d+)?"
_POINT = re.compile(rf"([ML])({_DECIMAL}),({_DECIMAL})")
_NO_STEPS = re.compile(r"l(?=M|$)")
_POLYLINE = re.compile(rf"(?:[ML]{_DECIMAL},{_DECIMAL})+")
_GEOMETRY = ("d", "transform", "x", "y", "x2", "y2", "width", "height")

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

# What Vega writes for its own editor, and what the page's style sheet says better.
_NOISE = frozenset(
    {
        "class",
        "role",
        "aria-roledescription",
        "aria-hidden",
        "pointer-events",
        "font-family",
    }
)

# What SVG takes where nothing is said.
_DEFAULTS = frozenset(
    {
        ("opacity", "1"),
        ("stroke-dasharray", "1,0"),
        ("stroke-width", "1"),
        ("transform", "translate(0,0)"),
        ("x2", "0"),
        ("y2", "0"),
    }
)

TIP = "tip: "
"""How a chart's `description` begins that is a mark's label; Vega writes others for itself."""

Rows = list[dict[str, Any]]


def draw(
    panels: Sequence[Any],
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
        values: The rows of the data that they name.
        prefix: Makes the ids inside unique on the page.
        alternative: What the charts show, for who can't see them.
        spacing: Pixels between them.
        flush: Measure their distance between plots, not between all that is drawn around.
    """
    spec = {
        "$schema": alt.SCHEMA_URL,
        "vconcat": [panel.to_dict(validate=False) for panel in panels],
        "spacing": spacing,
        "bounds": "flush" if flush else "full",
        "datasets": values,
        "config": _THEME,
    }
    text = vl_convert.vegalite_to_svg(_as_xml_allows(spec))
    root = ET.fromstring(text)  # noqa: S314  drawn here, not received
    _clean(root)
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
        return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, dict):
        return {key: _as_xml_allows(each) for key, each in value.items()}
    return [_as_xml_allows(each) for each in value] if isinstance(value, list) else value


def _clean(element: ET.Element) -> None:
    """Drop what draws nothing, and round what no eye can tell apart."""
    element.tag = element.tag.removeprefix(_SVG)
    label = element.attrib.pop("aria-label", "")
    for name in _NOISE & element.attrib.keys():
        del element.attrib[name]
    for name in [name for name, value in element.attrib.items() if (name, value) in _DEFAULTS]:
        del element.attrib[name]
    for name in _GEOMETRY:
        if name in element.attrib:
            element.attrib[name] = _shortened(element.attrib[name])
    for child in list(element):
        if _invisible(child):
            element.remove(child)
        else:
            _clean(child)
    _drop_empty_groups(element)
    _label(element, label)


def _drop_empty_groups(element: ET.Element) -> None:
    for child in [child for child in element if child.tag == "g" and not len(child)]:
        element.remove(child)


def _label(element: ET.Element, text: str) -> None:
    """Say what a mark is of where browsers show it: beside the pointer."""
    if text.startswith(TIP):
        title = ET.Element("title")
        title.text = text.removeprefix(TIP)
        element.insert(0, title)


def _invisible(element: ET.Element) -> bool:
    return (
        element.get("display") == "none"
        or element.get("opacity") == "0"
        or element.get("class") == "background"
    )


def _shortened(geometry: str) -> str:
    """Write a path or a number to a tenth of a pixel; lines as steps, at half of the length."""
    if not _POLYLINE.fullmatch(geometry):
        return _NUMBER.sub(_rounded, geometry)
    at, steps = (0, 0), ""
    for command, x, y in _POINT.findall(geometry):
        to = (round(float(x) * 10), round(float(y) * 10))
        if command == "M":
            steps += f"M{_pair(*to)}l"
        elif to != at:
            steps += f" {_pair(to[0] - at[0], to[1] - at[1])}"
        at = to
    return _NO_STEPS.sub("", steps.replace("l ", "l").replace(" -", "-"))


def _pair(x: int, y: int) -> str:
    """Write two tenths as SVG takes them, with nothing that isn't needed: `1.5-.3`."""
    return f"{_tenths(x)} {_tenths(y)}".replace(" -", "-")


def _tenths(value: int) -> str:
    text = f"{value / 10:g}"
    return text.replace("0.", ".") if abs(value) < 10 else text  # noqa: PLR2004 - below one pixel


def _rounded(match: re.Match[str]) -> str:
    return f"{float(match[0]):.1f}".removesuffix(".0")


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
