"""The page that explains diagnoses, from a diagnosis that was made by hand."""

from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lungbench.data.decode import ImageFacts
from lungbench.errors import LungbenchError
from lungbench.predict.appearance import Original, appearance_of
from lungbench.predict.card import Calibration, ModelCard
from lungbench.predict.diagnosis import Diagnosed, Diagnosis
from lungbench.predict.images import Picture
from lungbench.stats.calibration import Bin
from reports.explain import explanation, write_explanation

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
NOTICE = "Research use, not a medical device. Nothing is known of it."
NOISE = np.random.default_rng(0).integers(0, 256, (6, 20, 20), dtype=np.uint8)
FLAG = "not grey: colour 61 above 12"
HOSTILE = '"><script>alert(1)</script>'


def diagnosed(**changes: Any) -> Diagnosed:
    usual: dict[str, Any] = {
        "path": Path("xrays/one.png"),
        "probabilities": (0.2, 0.8),
        "calibrated": (0.31, 0.69),
        "flags": (),
        "picture": Picture(NOISE[0], ImageFacts(300, 200, "L", "PNG", 99.0)),
        "heat": ((0.0, 1.0), (0.5, 0.25)),
    }
    return Diagnosed(**(usual | changes))


def card() -> ModelCard:
    reliable = (Bin(low=0.7, high=0.8, images=40, confidence=0.74, accuracy=0.725),)
    return ModelCard(
        classes=("covid", "normal"),
        image_size=20,
        calibration=Calibration(images=40, temperature=1.5, raw=reliable, scaled=reliable),
        appearance=appearance_of(list(NOISE), [Original(300, 250, "L")] * 6),
    )


def found(**changes: Any) -> Diagnosis:
    usual: dict[str, Any] = {
        "model": Path("results/model.keras"),
        "sha256": "ab" * 32,
        "record": None,
        "classes": ("covid", "normal"),
        "named": True,
        "images": (
            diagnosed(),
            diagnosed(path=Path("two.png"), calibrated=None, flags=(FLAG,)),
        ),
        "bad": (),
        "card": card(),
        "uncalibrated": "",
    }
    return Diagnosis(**(usual | changes))


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


Written = Callable[[Diagnosis], tuple[str, Page]]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(made: Diagnosis) -> tuple[str, Page]:
        html = write_explanation(made, NOTICE, tmp_path / "new" / "page.html").read_text()
        return html, Page(html)

    return write


def test_every_image_stands_beside_its_heat_map(written: Written) -> None:
    _, page = written(found())
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(images) == 4
    assert all((each["src"] or "").startswith("data:image/png;base64,") for each in images)
    assert all(each["alt"] for each in images)


def test_it_is_one_file_that_asks_nothing_of_anybody_and_runs_nothing(written: Written) -> None:
    html, page = written(found())
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    assert "default-src 'none'" in html
    for tag, attributes in page.tags:
        for name in ("src", "href"):
            target = attributes.get(name)
            assert target is None or target.startswith(("data:", "#")), (tag, target)


def test_names_are_text(written: Written) -> None:
    images = (diagnosed(path=Path(HOSTILE), flags=(HOSTILE,)),)
    html, page = written(found(images=images, classes=(HOSTILE, "normal"), uncalibrated=HOSTILE))
    assert "<script>" not in html
    assert HOSTILE in page.text


def test_research_use_is_said_beside_every_diagnosis(written: Written) -> None:
    _, page = written(found())
    # Head, foot and once an image.
    assert page.text.count("Research use, not a medical device.") == 4


def test_a_bar_shows_the_calibrated_probability_and_says_the_raw_one() -> None:
    [first, _] = explanation(found(), NOTICE, NOW).images
    covid, normal = first.bars
    assert (covid.share, covid.raw, covid.calibrated, covid.diagnosed) == (
        0.31,
        "20.0%",
        "31.0%",
        False,
    )
    assert (normal.share, normal.diagnosed) == (0.69, True)
    assert first.probability == "69.0% calibrated, 80.0% as the network gives it"


def test_without_a_card_the_raw_probability_is_shown_and_why(written: Written) -> None:
    made = found(
        card=None,
        uncalibrated="nothing is known of the model",
        images=(diagnosed(calibrated=None, flags=()),),
    )
    shown = explanation(made, NOTICE, NOW)
    assert shown.images[0].bars[1].share == 0.8
    assert shown.images[0].bars[1].calibrated is None
    assert (shown.reliability, shown.training) == (None, None)
    _, page = written(made)
    assert "Not calibrated: nothing is known of the model." in page.text
    assert "How it compares with the training images isn't known." in page.text


def test_flags_stand_at_their_image(written: Written) -> None:
    first, second = explanation(found(), NOTICE, NOW).images
    assert first.flags == ()
    assert second.flags == (FLAG,)
    assert second.probability == "80.0% as the network gives it, which counts for little here"
    _, page = written(found())
    assert page.text.count("Nothing was found that tells it from the training images.") == 1


def test_what_images_are_held_against_is_a_table() -> None:
    shown = explanation(found(), NOTICE, NOW).training
    assert shown is not None
    assert shown.caption == "6 training images, stored as 6 L"
    assert [row[0].split(",")[0] for row in shown.rows] == [
        "Brightness",
        "Aspect",
        "Likeness to their mean",
        "Colour beside a tint",
    ]
    assert shown.rows[1][1:] == ("1.20", "1.20", "1.20", "outside 1.20 to 1.20")


def test_a_name_that_is_no_text_is_shown(written: Written) -> None:
    html, _ = written(found(images=(diagnosed(path=Path("a\udcff.png")),)))
    assert "a\\udcff.png" in html


def test_marks_that_turn_the_direction_of_reading_are_shown_as_what_they_are(
    written: Written,
) -> None:
    image = diagnosed(path=Path("a\u202egnp.exe"))
    html, _ = written(found(images=(image,), classes=("x\u202ey", "normal")))
    assert "\u202e" not in html
    assert "a\\u202egnp.exe" in html
    assert "x\\u202ey" in html


def test_a_page_that_cannot_be_written_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(LungbenchError, match="The page must be writable"):
        write_explanation(found(), NOTICE, tmp_path / "file" / "page.html")
    (tmp_path / "page.html").mkdir()
    with pytest.raises(LungbenchError, match="The page must be writable"):
        write_explanation(found(), NOTICE, tmp_path / "page.html")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "page.html"]
