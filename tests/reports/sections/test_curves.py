import re
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from lungbench.record import RunRecord
from reports.comparing.comparison import compare
from reports.drawings.bands import MOST_LINES
from reports.forms import format as fmt
from reports.forms.blocks import Figure
from reports.results.load import load
from reports.sections.curves import curves

MANY = MOST_LINES + 1


def figure(folder: Path) -> Figure:
    found = curves(compare([load(folder)]))
    assert found is not None
    return found


def one_cell(lab: Any, repeats: int, **settings: Any) -> Path:
    found: Path = lab.execution(
        models=("cnn10",), devices=("cpu",), repeats=repeats, samples=False, **settings
    )
    return found


def second_ended_early(record: RunRecord) -> RunRecord:
    if record.spec.repeat != 2:
        return record
    return record.model_copy(update={"epochs": record.epochs[:2]})


def test_as_many_runs_as_a_reader_can_follow_are_a_line_each(lab: Any) -> None:
    found = figure(one_cell(lab, MOST_LINES))
    lines = set(re.findall(r"<title>(run \d+), training</title>", found.panels[0].svg))
    assert len(lines) == MOST_LINES
    assert "band" not in found.reading
    assert found.panels[0].alternative.count("after epoch 5") == MOST_LINES


def test_more_runs_are_their_median_in_a_band_and_the_page_says_so(lab: Any) -> None:
    found = figure(one_cell(lab, MANY))
    assert f"<title>training, median of {MANY} runs</title>" in found.panels[0].svg
    assert f"more than {MOST_LINES} runs the median, in a band" in found.reading
    assert found.table is not None
    assert len(found.table.rows) == MANY


@pytest.mark.parametrize("change", [lambda record: record, second_ended_early])
def test_the_words_of_many_runs_are_the_median_and_range_of_their_last_epochs(
    lab: Any, change: Any
) -> None:
    folder = one_cell(lab, MANY, change=change)
    last = [run.record.epochs[-1].accuracy for run in load(folder).runs]
    known = [value for value in last if value is not None]
    words = f"{fmt.share(median(known))} ({fmt.share_range(min(known), max(known))})"
    [panel] = figure(folder).panels
    assert f"median of {MANY} runs after the last epoch: training {words}" in panel.alternative


def test_only_the_cells_with_many_runs_are_bands(lab: Any) -> None:
    def fewer_on_two_threads(record: RunRecord) -> RunRecord | None:
        few = record.spec.device.threads == 2 and record.spec.repeat > 2
        return None if few else record

    folder = lab.execution(
        models=("cnn10",), repeats=MANY, samples=False, change=fewer_on_two_threads
    )
    many, few = figure(folder).panels
    assert "median of" in many.svg
    assert "run 2, training" in few.svg
    assert "median of" not in few.svg
