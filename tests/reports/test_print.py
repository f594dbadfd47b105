"""Pages on paper: A4, nothing folded away and nothing cut off, with the script and without."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from chromium import Browser
from every_page import every_page

PAPER_WIDTH = 687  # CSS pixels: A4 without the style sheet's margins of 14 mm, at 96 an inch
CLOSED = "details:not([open])"


@pytest.fixture(scope="module")
def pages(reports: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    every = every_page(tmp_path_factory.mktemp("every page"))
    return every | {"report": reports["repeated"].page, "failing": reports["failing"].page}


@pytest.fixture(scope="module")
def pdftotext() -> str:
    program = shutil.which("pdftotext")
    if program is None:
        pytest.skip("pdftotext is not installed")
    return program


def test_the_script_opens_what_is_folded_away(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["report"], width=1440)
    assert browser.value(f"document.querySelectorAll('{CLOSED}').length") > 10
    printed = browser.printed()
    assert browser.value(f"document.querySelectorAll('{CLOSED}').length") == 0
    sheets = len(re.findall(rb"/Type ?/Page\b", printed))
    assert 10 <= sheets <= 60  # 18 runs with two tables and a matrix each, and what all share


@pytest.mark.parametrize("name", ["report", "failing", "index", "inspection"])
def test_all_that_is_folded_away_is_printed_without_a_script(
    browser: Browser, pages: dict[str, Path], pdftotext: str, name: str, tmp_path: Path
) -> None:
    with browser.without_script():
        browser.open(pages[name], width=1440)
        folded = browser.value(
            f"[...document.querySelectorAll('{CLOSED}')].flatMap(each => "
            "[...each.querySelectorAll('summary, p, h4, tbody th, tbody td, dd, pre')])"
            # A run's summary is its heading and its accuracy, which stand below it on paper.
            ".filter(each => !each.matches('.run > summary')).map(each => each.textContent)"
        )
        (tmp_path / "page.pdf").write_bytes(browser.printed())
        assert browser.value("document.querySelectorAll('details[open]').length") <= 1
    command = [pdftotext, "-raw", str(tmp_path / "page.pdf"), "-"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    on_paper = _letters(text)
    assert [each for each in folded if _letters(each) not in on_paper] == []
    assert folded


@pytest.mark.parametrize(
    "name", ["report", "failing", "index", "compare", "inspection", "explanation"]
)
def test_nothing_is_cut_off_at_the_edge_of_the_paper(
    browser: Browser, pages: dict[str, Path], name: str
) -> None:
    with browser.without_script():
        browser.open(pages[name], width=PAPER_WIDTH)
        browser.call("Emulation.setEmulatedMedia", media="print")
        beyond = browser.value(
            "[...document.body.querySelectorAll('*')].filter(each => {"
            "const box = each.getBoundingClientRect();"
            f"return box.width && (box.right > {PAPER_WIDTH} + 0.5 || box.left < -0.5); }})"
            ".map(each => `${each.tagName} ${each.textContent.slice(0, 60)}`)"
        )
        browser.call("Emulation.setEmulatedMedia", media="")
    assert beyond == []


def _letters(text: str) -> str:
    """Leave out what a line break on paper changes."""
    return re.sub(r"[\s\u00ad-]", "", text)
