import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungbench.foreign_text import FORMULA_STARTS, as_cell, shortened, visible


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_what_a_spreadsheet_would_compute_is_quoted(start: str) -> None:
    assert as_cell(f"{start}1+1") == f"'{start}1+1"


@pytest.mark.parametrize("text", ["", "covid/1.png", "a=b", "1-2", "'quoted", None])
def test_any_other_cell_stays_as_it_is(text: str | None) -> None:
    assert as_cell(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("covid/é ß 肺.png", "covid/é ß 肺.png"),
        ("صدر.png", "صدر.png"),
        ("two\nlines\tand\r", r"two\nlines\tand\r"),
        ("gpj.\u202egnp", r"gpj.\u202egnp"),
        ("\x1b[2Jgone\x07", r"\x1b[2Jgone\x07"),
        ("half\udcff", r"half\udcff"),
        ("no\ufffe", r"no\ufffe"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_a_character_that_draws_nothing_becomes_its_escape(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
@settings(max_examples=100)
def test_visible_text_is_one_line_that_every_file_can_hold(text: str) -> None:
    shown = visible(text)
    assert shown.isprintable()
    assert shown.encode().decode() == shown


def test_a_long_text_loses_its_middle() -> None:
    assert shortened("abcdef", 6) == "abcdef"
    assert shortened("abcdefg", 4) == "ab…fg"
    assert shortened("a\nb", 4) == r"a\nb"
