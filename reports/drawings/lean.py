"""Vega's SVG without what draws nothing, and with nothing said more often than it need be."""

import re
from functools import lru_cache
from xml.etree import ElementTree as ET

_SVG = "{http://www.w3.org/2000/svg}"
_NUMBER = re.compile(r"-?\d+\.\d{2,}(?:e-?\d+)?")
_DECIMAL = r"-?\d+(?:\.\d+)?(?:e-?\d+)?"
_POINT = re.compile(rf"([ML])({_DECIMAL}),({_DECIMAL})")
_NO_STEPS = re.compile(r"l(?=M|$)")
_POLYLINE = re.compile(rf"(?:[ML]{_DECIMAL},{_DECIMAL})+")
_TRANSLATION = re.compile(rf"translate\(({_DECIMAL}),({_DECIMAL})\)")
_OF_A_LINE = frozenset({"transform", "x2", "y2"})
_GEOMETRY = ("d", "transform", "x", "y", "x2", "y2", "width", "height")

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

# What an element takes from the group around it: said once there, it need not stand in each mark.
_INHERITED = (
    "fill",
    "font-size",
    "font-weight",
    "stroke",
    "stroke-dasharray",
    "stroke-linejoin",
    "stroke-width",
    "text-anchor",
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


def make_lean(element: ET.Element) -> None:
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
            make_lean(child)
    _drop_groups(element)
    _say_once(element)
    _drop_groups(element)  # some have nothing left to say
    _join_lines(element)
    _label(element, label)


def _drop_groups(element: ET.Element) -> None:
    """Drop the groups that hold nothing, and those that say nothing of what they hold."""
    for place, child in reversed(list(enumerate(element))):
        labelled = child.find("title") is not None
        if child.tag == "g" and not labelled and not (len(child) and child.attrib):
            element[place : place + 1] = list(child)


def _say_once(group: ET.Element) -> None:
    """Say of a group what all of its marks would say of themselves."""
    if group.tag != "g" or len(group) == 1:
        return
    for name in _INHERITED:
        values = {child.get(name) for child in group}
        if len(values) == 1 and (value := values.pop()) is not None:
            group.set(name, value)
            for child in group:
                del child.attrib[name]


def _join_lines(group: ET.Element) -> None:
    """Draw the lines of a grid, of ticks or of epochs as one path: there may be hundreds."""
    steps = [_as_step(each) for each in group]
    if len(steps) > 1 and all(steps):
        for line in list(group):
            group.remove(line)
        ET.SubElement(group, "path", d="".join(step for step in steps if step))


def _as_step(line: ET.Element) -> str | None:
    """Return a line's part of a path; None of anything but a line that its group says all of."""
    start = _TRANSLATION.fullmatch(line.get("transform", "translate(0,0)"))
    if start is None or line.tag != "line" or len(line) or line.attrib.keys() - _OF_A_LINE:
        return None
    return f"M{start[1]},{start[2]}l{line.get('x2', '0')},{line.get('y2', '0')}"


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


@lru_cache(1 << 15)  # steps of lines come again by the thousand
def _tenths(value: int) -> str:
    text = f"{value / 10:g}"
    return text.replace("0.", ".") if abs(value) < 10 else text  # noqa: PLR2004 - below one pixel


def _rounded(match: re.Match[str]) -> str:
    return f"{float(match[0]):.1f}".removesuffix(".0")
