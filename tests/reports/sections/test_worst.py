import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lungbench.record import RunRecord
from reports.comparing.comparison import compare
from reports.comparing.evaluated import Evaluated, evaluated
from reports.drawings.thumbnails import SIDE, Thumbnails
from reports.page.render import render
from reports.results.load import load
from reports.sections import worst as section
from reports.sections.worst import MOST_BYTES, MOST_OF_A_CELL, Worst, worst


def networks(folder: Path) -> tuple[Evaluated, ...]:
    executions = [load(folder)]
    return evaluated(compare(executions), executions)


def found(folder: Path) -> Worst:
    result = worst(networks(folder))
    assert result is not None
    return result


def wrong_rows(folder: Path) -> list[tuple[float, str]]:
    """Confidence and path of every wrong diagnosis, read from the files themselves."""
    rows = []
    for path in folder.glob("runs/*/predictions.csv"):
        with path.open(newline="") as file:
            rows += [row for row in csv.DictReader(file) if row["true"] != row["predicted"]]
    return sorted(
        ((float(row[f"p_{row['predicted']}"]), row["path"]) for row in rows), reverse=True
    )


def test_the_surest_wrong_diagnoses_of_a_cell_are_shown_the_surest_first(lab: Any) -> None:
    folder = lab.execution(models=("cnn10",), devices=("cpu",))
    [cell] = found(folder).cells
    expected = wrong_rows(folder)[:MOST_OF_A_CELL]
    assert [(image.confidence, image.path) for image in cell.images] == expected


def test_an_image_stands_once_with_the_repeat_that_was_surest(lab: Any) -> None:
    folder = lab.execution(models=("cnn10",), devices=("cpu",), repeats=3)
    [cell] = found(folder).cells
    paths = [image.path for image in cell.images]
    assert len(paths) == len(set(paths)) == MOST_OF_A_CELL
    surest = {path: confidence for confidence, path in reversed(wrong_rows(folder))}
    assert [image.confidence for image in cell.images] == [surest[path] for path in paths]


def test_pictures_are_small_images_of_the_right_pixels(lab: Any) -> None:
    folder = lab.execution(models=("cnn10",), devices=("cpu",), pixels=True)
    thumbnails = Thumbnails.of(load(folder))
    assert thumbnails is not None
    [cell] = found(folder).cells
    assert all(
        image.picture == thumbnails.data_uri(image.path) is not None for image in cell.images
    )


def test_a_thumbnail_shows_the_image_it_is_of(lab: Any, tmp_path: Path) -> None:
    import base64
    import io

    folder = lab.execution(models=("cnn10",), devices=("cpu",), pixels=True)
    data = load(folder).data
    assert data is not None
    ramp = np.tile(np.linspace(0, 255, 96, dtype=np.uint8), (len(data.paths), 96, 1))
    ramp[1::2] = ramp[1::2, :, ::-1]
    np.save(data.pixels / "images.npy", ramp)
    thumbnails = Thumbnails.of(load(folder))
    assert thumbnails is not None
    for row in (0, 1):
        uri = thumbnails.data_uri(data.paths[row])
        assert uri is not None
        head, _, content = uri.partition(",")
        assert head == "data:image/webp;base64"
        with Image.open(io.BytesIO(base64.b64decode(content))) as picture:
            assert picture.size == (SIDE, SIDE)
            grey = np.asarray(picture.convert("L"), dtype=float)
        expected = np.linspace(0, 255, SIDE)[:: 1 if row == 0 else -1]
        assert abs(grey.mean(axis=0) - expected).max() < 12  # of 255: lossy, not another image


def test_a_path_that_the_data_does_not_know_has_no_picture(lab: Any) -> None:
    thumbnails = Thumbnails.of(load(lab.execution(models=("cnn10",), pixels=True)))
    assert thumbnails is not None
    assert thumbnails.data_uri("elsewhere.png") is None


def test_where_the_cache_is_gone_there_is_the_table_alone(lab: Any) -> None:
    folder = lab.execution(models=("cnn10",))
    without = found(folder)
    assert without.pictured == ()
    assert "no pictures" in without.reading
    assert len(without.table.rows) == 2 * MOST_OF_A_CELL


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((120, 96), np.uint8), np.zeros((7, 96, 96), np.uint8), np.zeros((120, 96, 96))],
    ids=["no images", "other images", "no bytes"],
)
def test_a_cache_of_something_else_is_not_shown(lab: Any, pixels: Any) -> None:
    folder = lab.execution(models=("cnn10",), pixels=True)
    data = load(folder).data
    assert data is not None
    np.save(data.pixels / "images.npy", pixels)
    assert Thumbnails.of(load(folder)) is None
    assert found(folder).pictured == ()


def test_pictures_of_other_data_are_not_shown(lab: Any) -> None:
    def trained_on_others(record: RunRecord) -> RunRecord:
        data = record.data.model_copy(update={"fingerprint": "0" * 64})
        return record.model_copy(update={"data": data})

    assert found(lab.execution(models=("cnn10",), pixels=True, change=trained_on_others)).cells
    assert not found(
        lab.execution("20261124T000000Z", pixels=True, change=trained_on_others)
    ).pictured


def test_all_pictures_of_a_page_stay_within_their_room(
    lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = lab.execution(repeats=2, pixels=True)
    taken = pictures(found(folder))
    assert sum(map(len, taken)) <= MOST_BYTES
    one = max(map(len, taken))
    monkeypatch.setattr(section, "MOST_BYTES", 8 * one)
    cells = found(folder).cells
    assert sum(map(len, pictures(found(folder)))) <= 8 * one
    # Six cells: the worst of each comes before the second of any.
    assert all(cell.images[0].picture for cell in cells)


def pictures(of: Worst) -> list[str]:
    return [image.picture for cell in of.cells for image in cell.images if image.picture]


def test_a_page_says_of_each_picture_what_it_is(lab: Any, tmp_path: Path) -> None:
    folder = lab.execution(models=("cnn10",), devices=("cpu",), pixels=True)
    html = render([folder], tmp_path / "report.html").read_text()
    part = html.partition('id="diagnosis-worst"')[2].partition("</section>")[0]
    shown = re.findall(r'<img src="(data:[^"]+)" width="96" height="96" alt="([^"]+)">', part)
    assert len(shown) == MOST_OF_A_CELL
    [cell] = found(folder).cells
    assert [alternative for _, alternative in shown] == [image.alternative for image in cell.images]
    first = cell.images[0]
    assert f"{first.true}, diagnosed as <strong>{first.diagnosis}</strong> at {first.sure}" in html
    assert "img-src data:" in html
    assert "share it only as you would share the images" in html


def test_a_page_without_a_cache_has_the_table_and_no_picture(reports: Any) -> None:
    html = reports["complete"].html
    assert "Images diagnosed worst" in html
    assert "Wrong diagnoses of the highest confidence" in html
    assert "<img" not in html


def test_no_wrong_diagnosis_is_no_table(lab: Any) -> None:
    from lungbench.metrics import metrics_of

    def perfect(record: RunRecord) -> RunRecord:
        confusion = ((40, 0, 0), (0, 40, 0), (0, 0, 40))
        return record.model_copy(update={"metrics": metrics_of(confusion, record.data.classes)})

    assert worst(networks(lab.execution(change=perfect))) is None
