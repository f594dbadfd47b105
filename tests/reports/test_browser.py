"""The page in a real browser: nothing sticks out sideways, nothing is asked of the network."""

from pathlib import Path
from typing import Any

import pytest
from audited import audit, leak
from chromium import Browser
from hostile_text import ALL, SHOWN
from planted import plant

from lungbench.record import Reason, RunRecord
from reports.page.render import render
from reports.page.view import SECTIONS
from reports.results.load import load


@pytest.mark.parametrize(
    "case", ["repeated", "two_hosts", "hostile", "failing", "every_axis", "timing_only"]
)
@pytest.mark.parametrize("width", [390, 1440])
def test_a_page_never_scrolls_sideways(
    browser: Browser, reports: Any, case: str, width: int
) -> None:
    browser.open(reports[case].page, width=width)
    assert browser.value("document.title") == "quick: lungbench report"
    assert browser.value("document.documentElement.scrollWidth") <= width


def test_a_page_requests_only_itself_and_breaks_no_rule_of_its_own(
    browser: Browser, reports: Any
) -> None:
    browser.requested.clear()
    browser.logged.clear()
    page = reports["hostile"].page
    browser.open(page, width=1440)
    assert set(browser.requested) == {page.as_uri()}
    assert browser.logged == []


def test_pictures_are_shown_under_the_pages_own_rules(
    browser: Browser, lab: Any, tmp_path: Path
) -> None:
    page = render([lab.execution(models=("cnn10",), pixels=True)], tmp_path / "report.html")
    browser.requested.clear()
    browser.logged.clear()
    browser.open(page, width=390)
    assert (
        browser.value("document.querySelectorAll('#diagnosis img').length") == 12
    )  # two cells, six of each
    assert browser.value("[...document.images].every(each => each.naturalWidth === 96)")
    assert browser.value("document.documentElement.scrollWidth") <= 390
    assert {url for url in browser.requested if not url.startswith("data:")} == {page.as_uri()}
    assert browser.logged == []


def test_hostile_texts_in_every_field_of_every_file_are_shown_and_do_nothing(
    browser: Browser, lab: Any, tmp_path: Path
) -> None:
    # A name on disk may hold bytes that are no text: Python has them as halves of characters.
    folder = lab.execution("run-\udcff", pixels=True, repeats=2, change=_some_failed)
    audit(folder, copies=leak())
    plant(folder, lambda text: f"{text} {ALL}", f"{ALL}\n")
    lost = folder / "runs" / "lost-\udcfe"
    lost.mkdir()
    (lost / "record.json").write_text('{"run_id": "\\ud800"}')
    assert load(folder).notes == ()
    page = render([folder], tmp_path / "report.html")
    browser.requested.clear()
    browser.logged.clear()
    browser.open(page, width=1440)
    words = browser.value("document.documentElement.textContent.replace(/\\s+/g, ' ')")
    assert {text: words.count(text) for text in SHOWN.values() if words.count(text) < 50} == {}
    assert r"run-\udcff" in words
    assert r"lost-\udcfe" in words
    assert browser.value("typeof window.ran") == "undefined"
    assert browser.value("document.querySelectorAll('iframe, object, a[href^=j]').length") == 0
    assert browser.value("document.scripts.length") == 1  # the page's own
    assert browser.value("[...document.images].every(each => each.src.startsWith('data:'))")
    handlers = "[...document.querySelectorAll('*')].flatMap(each => each.getAttributeNames())"
    assert browser.value(f"{handlers}.filter(name => name.startsWith('on')).length") == 0
    unseen = r"/[\u0000-\u0008\u007f-\u009f\u202a-\u202e\u2066-\u2069\ud800-\udfff]/"
    assert not browser.value(f"{unseen}.test(document.documentElement.outerHTML)")
    assert {url for url in browser.requested if not url.startswith("data:")} == {page.as_uri()}
    assert browser.logged == []


def _some_failed(record: RunRecord) -> RunRecord:
    if record.spec.repeat == 1 or record.spec.model != "vgg16":
        return record
    reason = Reason(kind="error", message="it broke")
    return record.model_copy(update={"status": "failed", "reason": reason, "metrics": None})


@pytest.mark.parametrize("dark", [False, True])
def test_charts_follow_the_colour_scheme(browser: Browser, reports: Any, *, dark: bool) -> None:
    browser.open(reports["complete"].page, width=1440, dark=dark)
    text = browser.value("getComputedStyle(document.querySelector('svg text')).fill")
    assert (min(_rgb(text)) > 128) is dark


@pytest.mark.parametrize("case", ["repeated", "every_axis"])
def test_a_phones_first_screen_has_the_first_speed_up_and_its_interval(
    browser: Browser, reports: Any, case: str
) -> None:
    browser.open(reports[case].page, width=390, height=844)
    for part in ("value", "interval"):
        box = f"document.querySelector('.cards .{part}').getBoundingClientRect()"
        assert 0 < browser.value(f"{box}.top") < browser.value(f"{box}.bottom") <= 844
        assert 0 < browser.value(f"{box}.left") < browser.value(f"{box}.right") <= 390


@pytest.mark.parametrize("case", ["repeated", "every_axis"])
def test_a_phone_shows_the_speed_ups_of_the_main_table_without_scrolling_it(
    browser: Browser, reports: Any, case: str
) -> None:
    browser.open(reports[case].page, width=390)
    box = "document.querySelector('#speed .scroll')"
    assert browser.value(f"{box}.querySelectorAll('thead th')[2].textContent") == "Speed-up [95%]"
    edges = (
        f"[...{box}.querySelectorAll('tr')].map(it => it.cells[2].getBoundingClientRect().right)"
    )
    assert max(browser.value(edges)) <= browser.value(f"{box}.getBoundingClientRect().right")


def test_a_table_beyond_its_box_is_shaded_where_it_goes_on(browser: Browser, reports: Any) -> None:
    box = "document.querySelector('#speed .scroll')"
    shade = f"getComputedStyle({box}).backgroundAttachment"
    browser.open(reports["every_axis"].page, width=390)
    assert browser.value(f"{box}.scrollWidth > {box}.clientWidth")
    # The paper that hides the shade at both ends of the table scrolls with it; the shade doesn't.
    assert browser.value(shade) == "local, local, scroll, scroll"
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert browser.value(shade) == "scroll"
    browser.call("Emulation.setEmulatedMedia", media="")


@pytest.mark.parametrize("width", [390, 1440])
def test_a_page_is_complete_without_its_script(browser: Browser, reports: Any, width: int) -> None:
    page = reports["every_axis"].page
    with browser.without_script():
        browser.open(page, width=width)
        assert browser.value("document.documentElement.scrollWidth") <= width
        assert browser.value("document.querySelectorAll('section h2').length") == len(SECTIONS)
        assert browser.value("document.querySelectorAll('button').length") == 0


def test_a_column_of_figures_is_sorted_by_their_value(browser: Browser, reports: Any) -> None:
    browser.open(reports["every_axis"].page, width=1440)
    table = "document.querySelectorAll('#speed table')[0]"
    steady = 7
    cells = f"[...{table}.tBodies[0].rows].map(row => row.cells[{steady}].textContent)"
    browser.value(f"{table}.tHead.rows[0].cells[{steady}].firstChild.click()")
    shown = [float(text.removesuffix(" s")) for text in browser.value(cells)]
    assert shown == sorted(shown)
    assert len(shown) == 8  # two devices, two precisions, two pipelines


def test_the_theme_can_be_turned(browser: Browser, reports: Any) -> None:
    browser.open(reports["complete"].page, width=1440, dark=False)
    browser.value("document.querySelector('.top button').click()")
    assert (
        min(_rgb(browser.value("getComputedStyle(document.querySelector('svg text')).fill"))) > 128
    )


def _rgb(colour: str) -> list[int]:
    return [int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
