import altair as alt
from markupsafe import Markup

from reports.drawings.svg import draw

ROWS = [{"name": "<script>", "x": 1.23456}, {"name": "a\x07b", "x": 2.0}]


def drawn(prefix: str) -> Markup:
    chart = (
        alt.Chart(alt.NamedData("rows"))
        .mark_line(clip=True, color="var(--c1)")
        .encode(x="x:Q", y="name:N")
    )
    return draw([chart], {"rows": ROWS}, prefix, 'a "quoted" <text>', spacing=0)


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
