"""Every kind of page, wide and narrow, light and dark: axe-core finds nothing to mend."""

from pathlib import Path
from typing import Any

import pytest
from chromium import Browser
from every_page import KINDS, every_page

CASES = ("every_axis", "failing", "two_hosts")


@pytest.fixture(scope="module")
def pages(reports: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    every = every_page(tmp_path_factory.mktemp("every page"))
    return every | {case: reports[case].page for case in CASES}


# Colours don't depend on the width.
@pytest.mark.parametrize(("width", "dark"), [(1440, False), (1440, True), (390, False)])
@pytest.mark.parametrize("page", [*KINDS, *CASES])
def test_axe_finds_nothing_to_mend(
    browser: Browser, pages: dict[str, Path], axe: str, page: str, width: int, *, dark: bool
) -> None:
    browser.open(pages[page], width=width, dark=dark)
    assert browser.violations(axe) == []


@pytest.mark.parametrize("page", ["inspection", "explanation"])
def test_a_phone_shows_the_whole_width_of_a_page(
    browser: Browser, pages: dict[str, Path], page: str
) -> None:
    browser.open(pages[page], width=390)
    assert browser.value("document.documentElement.scrollWidth") <= 390


def test_axe_sees_what_is_wrong(browser: Browser, axe: str, tmp_path: Path) -> None:
    page = tmp_path / "wrong.html"
    page.write_text("<!DOCTYPE html><html lang=en><title>a</title><main><h1>a</h1><img src=a>")
    browser.open(page, width=390)
    assert "image-alt" in {rule for rule, *_ in browser.violations(axe)}
