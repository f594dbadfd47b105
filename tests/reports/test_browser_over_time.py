"""The index and the page of a comparison in a real browser, narrow and wide, light and dark."""

from pathlib import Path
from typing import Any

import pytest
from chromium import Browser
from every_page import over_time


@pytest.fixture(scope="module")
def pages(lab_at: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return over_time(lab_at(tmp_path_factory.mktemp("over time") / "results #1"))


@pytest.mark.parametrize("page", ["index", "compare"])
@pytest.mark.parametrize("width", [390, 1440])
def test_a_page_fits_its_width_and_requests_only_itself(
    browser: Browser, pages: dict[str, Path], page: str, width: int
) -> None:
    browser.requested.clear()
    browser.logged.clear()
    browser.open(pages[page], width=width)
    assert browser.value("document.documentElement.scrollWidth") <= width
    assert set(browser.requested) == {pages[page].as_uri()}
    assert browser.logged == []


@pytest.mark.parametrize("page", ["index", "compare"])
@pytest.mark.parametrize("dark", [False, True])
def test_drawings_follow_the_colour_scheme(
    browser: Browser, pages: dict[str, Path], page: str, *, dark: bool
) -> None:
    browser.open(pages[page], width=1440, dark=dark)
    fill = browser.value("getComputedStyle(document.querySelector('svg text')).fill")
    parts = [int(part) for part in fill.removeprefix("rgb(").removesuffix(")").split(",")]
    assert (min(parts) > 128) is dark


def test_a_link_of_the_index_opens_the_report(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["index"], width=1440)
    address = browser.value("document.querySelector('tbody a').href")
    browser.go(address)
    assert browser.value("document.title") == "a report"
