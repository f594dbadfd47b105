import re
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from reports.comparing.comparison import compare
from reports.comparing.evaluated import Evaluated, evaluated
from reports.drawings.bands import MOST_LINES
from reports.drawings.charts import Curve, roc_curves
from reports.forms import format as fmt
from reports.forms.blocks import Figure
from reports.results.load import load
from reports.sections.roc import roc


def networks(folder: Path) -> tuple[Evaluated, ...]:
    executions = [load(folder)]
    return evaluated(compare(executions), executions)


def figure(folder: Path) -> Figure:
    found = roc(networks(folder))
    assert found is not None
    return found


def test_each_network_has_a_drawing_of_each_class(lab: Any) -> None:
    titles = [panel.title for panel in figure(lab.execution()).panels]
    assert len(titles) == 9
    assert titles[:3] == [
        "10-layer CNN: covid",
        "10-layer CNN: healthy",
        "10-layer CNN: tuberculosis",
    ]


def test_a_drawing_says_every_area_in_words(lab: Any) -> None:
    folder = lab.execution(models=("cnn10",), repeats=2)
    alternative = figure(folder).panels[0].alternative
    for each in networks(folder):
        area = each.metrics.per_class["covid"].auc
        assert area is not None
        words = f"{each.cell.label}, run {each.run.spec.repeat}: area {fmt.rate(area.value)}"
        assert words in alternative
    assert alternative in str(figure(folder).panels[0].svg)


def test_every_run_is_a_line_in_the_colour_of_its_device(lab: Any) -> None:
    drawing = str(figure(lab.execution(models=("cnn10",), repeats=3)).panels[0].svg)
    assert len(re.findall(r'stroke="var\(--c1\)"', drawing)) == 3
    assert len(re.findall(r'stroke="var\(--c2\)"', drawing)) == 3


def test_many_runs_are_the_median_line_of_their_device_over_its_band(lab: Any) -> None:
    folder = lab.execution(models=("cnn10",), repeats=MOST_LINES + 1, samples=False)
    found = figure(folder)
    drawing = str(found.panels[0].svg)
    for mark in ("c1", "c2"):
        assert len(re.findall(rf'stroke="var\(--{mark}\)"', drawing)) == 1
        assert len(re.findall(rf'fill="var\(--{mark}\)"[^>]* opacity="0.22"', drawing)) == 1
    assert f"<title>cpu:threads=1, median of {MOST_LINES + 1} runs</title>" in drawing
    assert "vertical averaging" in found.reading
    assert found.table is not None
    assert len(found.table.rows) == 2 * (MOST_LINES + 1)


def test_of_many_runs_a_drawing_says_the_median_area_and_its_range(lab: Any) -> None:
    folder = lab.execution(
        models=("cnn10",), devices=("cpu",), repeats=MOST_LINES + 1, samples=False
    )
    areas = [each.metrics.per_class["covid"].auc for each in networks(folder)]
    known = sorted(area.value for area in areas if area)
    words = f"{fmt.rate(median(known))} ({fmt.rate(known[0])} to {fmt.rate(known[-1])})"
    alternative = figure(folder).panels[0].alternative
    assert f"cpu, {MOST_LINES + 1} runs: median area {words}." in alternative


def test_as_many_runs_as_a_reader_can_follow_are_a_line_each(lab: Any) -> None:
    found = figure(lab.execution(models=("cnn10",), devices=("cpu",), repeats=MOST_LINES))
    lines = set(re.findall(r"<title>cpu, run (\d+)</title>", found.panels[0].svg))
    assert len(lines) == MOST_LINES
    assert "median" not in found.reading


def test_the_table_behind_has_every_area_with_its_interval(lab: Any) -> None:
    table = figure(lab.execution()).table
    assert table is not None
    assert len(table.rows) == 6
    assert [column.title for column in table.columns][3:] == [
        "covid",
        "healthy",
        "tuberculosis",
        "Mean of classes",
    ]
    assert all("[" in cell for row in table.rows for cell in row[3:6])


def test_of_many_classes_the_worst_are_drawn_and_all_are_in_the_table(lab: Any) -> None:
    classes = tuple(f"finding {number}" for number in range(8))
    folder = lab.execution(models=("cnn10",), devices=("cpu",), classes=classes)
    [network] = networks(folder)
    found = figure(folder)
    assert len(found.panels) == 6
    assert "more than 6 classes" in found.reading
    areas = {name: network.metrics.per_class[name].auc for name in classes}
    lowest = sorted(classes, key=lambda name: areas[name].value)[:6]  # type: ignore[union-attr]
    assert {panel.title.partition(": ")[2] for panel in found.panels} == set(lowest)
    assert found.table is not None
    assert set(classes) <= {column.title for column in found.table.columns}


def test_without_probabilities_there_is_no_curve(lab: Any) -> None:
    folder = lab.execution()
    for path in folder.glob("runs/*/predictions.csv"):
        path.unlink()
    assert roc(networks(folder)) is None


@pytest.mark.parametrize("case", ["nothing", "bare"])
def test_no_diagnosis_is_no_curve(reports: Any, case: str) -> None:
    [folder] = reports[case].folders
    assert roc(networks(folder)) is None


def test_a_curve_of_many_images_is_drawn_as_fine_as_an_eye_sees() -> None:
    steps = 20_000
    points = [(x / steps, (x + 1) / (steps + 1)) for x in range(steps + 1)]
    drawing = str(roc_curves([Curve("c1", "run 1", points)], "p", "a curve of many images"))
    # Half pixels of a drawing 250 wide and high: 1,001 points of at most 12 characters, and the
    # axes with their grid, which take less than 8 kB.
    assert len(drawing) < 1_001 * 12 + 8_000
