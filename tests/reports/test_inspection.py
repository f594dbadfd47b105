"""The page of an inspected folder: what it says, what it asks, how large it grows."""

import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from page_reader import Reader
from PIL import Image

from lungbench.data.inspect import Brightness, Inspection
from lungbench.data.overview import overview
from lungbench.data.synthetic import synthesize
from reports.inspection import MOST_CLASSES, html, inspection_page

NOW = datetime(2026, 11, 22, 21, 11, tzinfo=UTC)
RTL = "gpj.\u202egnp"

Save = Callable[[Path, int], Path]


def page_of(folder: Path, *brightness: float) -> str:
    inspection = Inspection.of(folder, Brightness(*brightness) if brightness else None)
    return html(inspection, overview(inspection), NOW)


def save(path: Path, number: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 256, (24, 24), dtype=np.uint8)
    Image.fromarray(pixels).save(path, "PNG")
    return path


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "xrays"
    synthesize(folder, 12, 0)
    (folder / "normal" / "torn.png").write_bytes(b"")
    return folder


@pytest.fixture(scope="module")
def page(drawn: Path) -> str:
    return page_of(drawn, 90, 140)


def test_the_page_is_well_formed_and_every_reference_finds_its_target(page: str) -> None:
    reader = Reader(page)
    ids = reader.values("id")
    assert len(ids) == len(set(ids))
    referred = {
        *(value[1:] for value in reader.values("href")),
        *reader.values("aria-labelledby"),
        *re.findall(r"url\(#([^)]+)\)", page),
    }
    assert referred <= set(ids)


def test_the_page_asks_nothing_of_the_network_and_runs_no_script(page: str) -> None:
    reader = Reader(page)
    assert not {"script", "link", "iframe", "object", "embed", "base"} & set(reader.tags)
    assert all(value.startswith("data:image/jpeg;base64,") for value in reader.values("src"))
    assert all(value.startswith("#") for value in reader.values("href"))
    assert not [name for _, name, _ in reader.attributes if name.startswith("on")]
    assert "default-src 'none'" in page


def test_every_picture_says_what_it_is(page: str) -> None:
    reader = Reader(page)
    pictures = [value for tag, name, value in reader.attributes if (tag, name) == ("img", "alt")]
    assert len(pictures) == reader.tags.count("img") == 36
    assert all(re.fullmatch(r"\S+, mean grey \d+", each) for each in pictures)
    drawings = re.findall(r"<svg[^>]*>", page)
    assert len(drawings) == 4  # all classes, and each of the three
    assert all(re.search(r'aria-label="Histogram of [^"]{20,}"', each) for each in drawings)


def test_every_variable_that_is_used_is_defined(page: str) -> None:
    used = set(re.findall(r"var\((--[a-z0-9]+)", page))
    assert used - set(re.findall(r"(--[a-z0-9]+):", page)) == set()


def test_the_page_counts_what_it_keeps_and_names_what_it_does_not(page: str, drawn: Path) -> None:
    found = overview(Inspection.of(drawn, Brightness(90, 140)))
    text = Reader(page).text
    assert f"{found.images_found} image files in 3 classes, {found.images_kept} kept" in text
    assert "90 to 140" in text
    assert "normal/torn.png" in text
    for reason, files in found.reasons.items():
        assert re.search(rf"{reason} {files} files?\b", text)


def test_the_histogram_of_the_page_is_that_of_its_table(page: str, drawn: Path) -> None:
    found = overview(Inspection.of(drawn, Brightness(90, 140)))
    rows = re.findall(r">(\d+) to (\d+)</th><td class=\"n\">(\d+)</td><td class=\"n\">(\d+)<", page)
    assert sum(int(kept) for *_, kept, _ in rows) == found.images_kept
    assert sum(int(discarded) for *_, discarded in rows) == found.images_usable - found.images_kept
    assert all(int(high) - int(low) == 5 for low, high, *_ in rows)


def test_without_a_brightness_the_papers_range_is_drawn(drawn: Path) -> None:
    text = Reader(page_of(drawn)).text
    assert "the paper's range, 120 to 140" in text


def test_a_manifest_that_was_not_read_is_named(drawn: Path) -> None:
    (drawn / "list.csv").write_text("path,label,patient\n")
    try:
        assert "list.csv tells of patients and isn&#39;t read" in page_of(drawn)
    finally:
        (drawn / "list.csv").unlink()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("<script>alert(1)<", "&lt;script&gt;alert(1)&lt;"),
        ('"><img src=x onerror=alert(1)>', "&lt;img src=x onerror=alert(1)&gt;"),
        ("=HYPERLINK(0)", "=HYPERLINK(0)"),
        ("two\nlines\x07", r"two\nlines\x07"),
        (RTL, r"gpj.\u202egnp"),
    ],
)
def test_odd_names_are_shown_and_do_nothing(tmp_path: Path, name: str, shown: str) -> None:
    for number, folder in enumerate((name, "normal", "normal")):
        save(tmp_path / folder / f"{name}{number}.png", number)
    (tmp_path / "normal" / f"torn{name}.png").write_bytes(b"")
    page = page_of(tmp_path)
    assert shown in page
    reader = Reader(page)
    assert "script" not in reader.tags
    assert not [attribute for _, attribute, _ in reader.attributes if attribute == "onerror"]
    assert "\u202e" not in page
    assert "\x07" not in page


def test_a_name_that_is_no_text_is_shown_with_its_bytes(tmp_path: Path) -> None:
    save(tmp_path / "covid" / "a.png", 0)
    save(tmp_path / "normal" / "b.png", 1)
    torn = str(tmp_path / "covid" / "torn").encode() + b"\xff.png"
    shutil.copy(bytes(tmp_path / "covid" / "a.png"), torn)
    page = page_of(tmp_path)
    assert r"torn\udcff.png" in page
    page.encode()


def test_a_page_of_many_images_of_many_classes_stays_small(tmp_path: Path) -> None:
    # Noise is what JPEG shrinks least.
    for number in range(MOST_CLASSES + 5):
        for image in range(9):
            save(tmp_path / f"class{number:02d}" / f"{image}.png", 100 * number + image)
    inspection = Inspection.of(tmp_path)
    found = overview(inspection)
    content = html(inspection, found, NOW)
    assert len(content.encode()) < 1_500_000
    shown = inspection_page(inspection, found, NOW)
    assert len(shown.kept) == MOST_CLASSES
    assert "5 more classes" in shown.left_unsaid
    assert all(sheet.pictures for sheet in shown.kept)
