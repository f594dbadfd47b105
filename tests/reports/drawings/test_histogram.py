import re
from xml.etree import ElementTree as ET

from reports.drawings.histogram import Bars, brightness_histogram

BARS = Bars(5, kept=(0, 3, 0, 4), discarded=(0, 1, 2, 0))


def boxes(bars: Bars, limits: tuple[float, ...] = ()) -> list[tuple[str, float]]:
    """The colour and the height of every bar drawn."""
    root = ET.fromstring(
        brightness_histogram(bars, bars.highest, limits, "p", "what it shows, in words")
    )
    paths = [path for path in root.iter("path") if (path.get("fill") or "").startswith("var(--c")]
    return [(path.attrib["fill"], float(height(path.attrib["d"]))) for path in paths]


def height(path: str) -> str:
    found = re.search(r"v(-?[\d.]+)", path)
    assert found, path
    return found[1]


def test_each_bar_is_as_high_as_it_has_images_and_those_discarded_stand_upon_it() -> None:
    drawn = boxes(BARS)
    assert [colour for colour, _ in drawn] == ["var(--c1)", "var(--c2)", "var(--c2)", "var(--c1)"]
    image = abs(drawn[1][1])  # the height of one
    assert [round(abs(size) / image) for _, size in drawn] == [3, 1, 2, 4]


def test_no_image_is_an_empty_drawing() -> None:
    assert boxes(Bars(5, (0, 0), (0, 0))) == []


def test_the_limits_are_marked() -> None:
    svg = brightness_histogram(BARS, 4, (120, 140), "p", "what it shows, in words")
    [limits] = re.findall(r'<g[^>]*stroke-dasharray[^>]*><path d="([^"]*)"/></g>', svg)
    assert limits.count("M") == 2


def test_the_highest_bar_counts_both() -> None:
    assert BARS.highest == 4
    assert Bars(5, (), ()).highest == 0
