import re

import altair as alt
from markupsafe import Markup

from reports.drawings.svg import blank, completed, draw, spec_of

ROWS = [{"name": "<script>", "x": 1.23456}, {"name": "a\x07b", "x": 2.0}]


def drawn(prefix: str) -> Markup:
    chart = (
        alt.Chart(alt.NamedData("rows"))
        .mark_line(clip=True, color="var(--c1)")
        .encode(x="x:Q", y="name:N")
    )
    return draw([spec_of(chart)], {"rows": ROWS}, prefix, 'a "quoted" <text>', spacing=0)


def test_names_are_text_and_characters_that_xml_forbids_are_replaced() -> None:
    svg = drawn("p")
    assert "&lt;script&gt;" in svg
    assert "<script" not in svg
    assert "a\N{REPLACEMENT CHARACTER}b" in svg


def test_a_drawing_says_what_it_shows() -> None:
    assert 'aria-label="a &quot;quoted&quot; &lt;text&gt;"' in drawn("p")


def test_ids_carry_the_drawings_own_prefix() -> None:
    first, second = drawn("first"), drawn("second")
    assert 'id="first-1"' in first
    assert "url(#first-1)" in first
    assert 'id="second-1"' in second
    assert "first" not in second


def test_a_drawing_keeps_the_style_sheets_variables() -> None:
    assert 'stroke="var(--c1)"' in drawn("p")


def test_a_drawing_is_an_element_of_a_page_and_has_no_fonts_of_its_own() -> None:
    svg = drawn("p")
    assert svg.startswith("<svg ")
    assert "font-family" not in svg
    assert "xmlns" not in svg


def test_a_template_is_completed_wherever_its_blanks_stand_and_stays_as_it_was() -> None:
    template = {"title": {"text": blank("name")}, "domain": [0, blank("end")], "text": "name"}
    filled = completed(template, name="VGG16", end=2.5)
    assert filled == {"title": {"text": "VGG16"}, "domain": [0, 2.5], "text": "name"}
    assert template["domain"] == [0, blank("end")]


def test_what_is_filled_in_is_no_blank_itself() -> None:
    filled = completed({"one": blank("one"), "other": blank("other")}, one=blank("other"), other=1)
    assert filled == {"one": blank("other"), "other": 1}


def test_what_all_marks_of_a_group_share_is_said_once_of_the_group() -> None:
    svg = drawn("p")
    ticks = re.findall(r"<g[^>]*>(?:<text[^>]*>[^<]*</text>)+</g>", svg)
    assert ticks
    assert all("fill=" not in text for group in ticks for text in re.findall("<text[^>]*>", group))
    assert all(re.match(r'<g[^>]* fill="var\(--muted\)"', group) for group in ticks)


def test_no_group_stands_where_it_says_nothing() -> None:
    assert "<g>" not in drawn("p")


def test_the_lines_of_a_grid_are_one_path() -> None:
    svg = drawn("p")
    [grid] = re.findall(r'stroke="var\(--grid\)"[^>]*><path d="([^"]*)"', svg)[:1]
    assert len(re.findall(r"M[-\d.]+,[-\d.]+l0,-[-\d.]+", grid)) > 2  # one a tick of the x axis
    assert "<line" not in grid
