"""One of every kind of page beside the report, for what all of them must hold to."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from golden import Lab

from lungbench.data.decode import ImageFacts
from lungbench.data.inspect import Brightness, Inspection
from lungbench.data.overview import overview
from lungbench.data.synthetic import SYNTHETIC_CLASSES, synthesize
from lungbench.predict.appearance import Original, appearance_of
from lungbench.predict.card import Calibration, ModelCard
from lungbench.predict.diagnosis import Diagnosed, Diagnosis
from lungbench.predict.images import Picture
from lungbench.stats.calibration import Bin
from reports.explain import write_explanation
from reports.inspection import html
from reports.over_time.change_page import write_change_page
from reports.over_time.changes import changes_of
from reports.over_time.index_page import write_index
from reports.over_time.rules import judged, parse_rule
from reports.summaries.summary import write_summary

KINDS = ("index", "compare", "inspection", "explanation")


def every_page(root: Path) -> dict[str, Path]:
    """Write a page of each kind, by its name."""
    pages = over_time(Lab(root / "results #1"))
    pages["inspection"] = _inspection(root)
    pages["explanation"] = _explanation(root)
    return pages


def over_time(lab: Lab) -> dict[str, Path]:
    """Write the index of three executions, and the comparison of the first with the last."""
    folders = [
        lab.execution(f"2026110{number}T020000Z", repeats=2, samples=False)
        for number in range(1, 4)
    ]
    for folder in folders:
        write_summary(folder)
        (folder / "report.html").write_text("<title>a report</title>")
    changes = changes_of(folders[0], folders[2])
    rulings = judged(changes, [parse_rule("accuracy:-1pp")])
    return {
        "index": write_index(lab.root),
        "compare": write_change_page(changes, rulings, lab.root / "compare.html"),
    }


def _inspection(root: Path) -> Path:
    folder = root / "xrays"
    synthesize(folder, per_class=6, seed=0)
    (folder / SYNTHETIC_CLASSES[0] / "torn & <b>.png").write_bytes(b"no image")
    found = Inspection.of(folder, Brightness(100, 140))
    page = root / "inspection.html"
    page.write_text(html(found, overview(found), datetime(2026, 11, 23, tzinfo=UTC)))
    return page


def _explanation(root: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (6, 20, 20), dtype=np.uint8)
    bins = (Bin(low=0.7, high=0.8, images=40, confidence=0.74, accuracy=0.725),)
    image = Diagnosed(
        path=Path("one & <b>.png"),
        probabilities=(0.2, 0.8),
        calibrated=(0.31, 0.69),
        flags=("not grey: colour 61 above 12",),
        picture=Picture(noise[0], ImageFacts(300, 200, "L", "PNG", 99.0)),
        heat=((0.0, 1.0), (0.5, 0.25)),
    )
    found = Diagnosis(
        model=Path("results/model.keras"),
        sha256="ab" * 32,
        record=None,
        classes=("covid", "normal"),
        named=True,
        images=(image,),
        bad=(),
        card=ModelCard(
            classes=("covid", "normal"),
            image_size=20,
            calibration=Calibration(images=40, temperature=1.5, raw=bins, scaled=bins),
            appearance=appearance_of(list(noise), [Original(300, 250, "L")] * 6),
        ),
        uncalibrated="",
    )
    return write_explanation(found, "Research use, not a medical device.", root / "explain.html")
