"""How long a diagnosis takes, as the page tells it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lungbench.record import Latency, RunRecord
from lungbench.stats.intervals import speedup
from reports.comparing.comparison import compare
from reports.forms import format as fmt
from reports.page.render import render
from reports.results.load import load
from reports.sections.latency import ToDiagnose, latency

ONE_S = {1: 0.100, 2: 0.104, 3: 0.098}


def timed(record: RunRecord) -> RunRecord:
    """Let two threads diagnose half as long one by one, and a quarter in batches."""
    one_s = ONE_S[record.spec.repeat]
    several = record.spec.device.threads == 2
    found = Latency(
        batch_1_s=one_s / 2 if several else one_s,
        batch_1_repeats=20,
        batch_64_s=one_s / 40 if several else one_s / 10,
        batch_64_repeats=5,
    )
    return record.model_copy(update={"latency": found})


def without_many(record: RunRecord) -> RunRecord:
    known = timed(record)
    if known.latency is None or record.spec.device.threads == 2:
        return known
    why = "64 images at once found no room: 9.0 GiB are too much here"
    change = {"batch_64_s": None, "batch_64_repeats": None, "missing": why}
    return known.model_copy(update={"latency": known.latency.model_copy(update=change)})


def section(*folders: Path) -> ToDiagnose | None:
    return latency(compare([load(folder) for folder in folders]))


def rows(made: ToDiagnose | None) -> list[dict[str, str]]:
    assert made is not None
    titles = [column.title for column in made.table.columns]
    return [dict(zip(titles, row, strict=True)) for row in made.table.rows]


def test_both_batches_have_a_time_and_a_ratio_with_its_interval(lab: Any) -> None:
    baseline, other = rows(section(lab.execution(models=("cnn10",), repeats=3, change=timed)))
    assert baseline["One at a time"] == "101 ms"  # the geometric mean of 100, 104 and 98
    assert (baseline["Speed-up, one [95%]"], baseline["Speed-up, 64 [95%]"]) == ("baseline",) * 2
    assert other["In calls of 64"] == "2.52 ms"
    times = list(ONE_S.values())
    expected = speedup(times, [each / 2 for each in times])
    assert other["Speed-up, one [95%]"] == fmt.ratio(2.0, expected.interval)
    assert other["Speed-up, 64 [95%]"].startswith("4.00")
    assert "Missing" not in other


def test_one_run_has_no_interval(lab: Any) -> None:
    _, other = rows(section(lab.execution(models=("cnn10",), change=timed)))
    assert other["Speed-up, one [95%]"].endswith(", no interval")


def test_a_time_that_is_missing_is_a_dash_with_its_reason(lab: Any) -> None:
    baseline, other = rows(section(lab.execution(models=("cnn10",), change=without_many)))
    assert baseline["In calls of 64"] == fmt.MISSING
    assert baseline["Missing"].startswith("64 images at once found no room")
    assert other["In calls of 64"] == "2.50 ms"
    assert "Speed-up, 64 [95%]" not in other  # nobody has one


def test_sides_that_did_other_work_are_not_compared(lab: Any) -> None:
    folders = (
        lab.execution(models=("cnn10",), devices=("cpu:threads=1",), change=timed),
        lab.execution(
            "20261123T090000Z",
            models=("cnn10",),
            devices=("cpu:threads=2",),
            fingerprint="other",
            change=timed,
        ),
    )
    _, other = rows(section(*folders))
    assert other["Speed-up, one [95%]"] == "refused"
    assert other["One at a time"] == "50.0 ms"


@pytest.mark.parametrize("change", [lambda record: record, lambda _: None])
def test_without_a_time_there_is_no_table(
    lab: Any, change: Callable[[RunRecord], RunRecord | None]
) -> None:
    assert section(lab.execution(models=("cnn10",), change=change)) is None


def test_the_page_says_what_it_is_no_device_for(lab: Any) -> None:
    folder = lab.execution(models=("cnn10",), change=timed)
    page = render([folder], folder / "report.html").read_text()
    assert "Time to diagnose one image" in page
    assert "Research use, not a medical device." in page
    untimed = lab.execution("20261123T090000Z", models=("cnn10",))
    assert "Time to diagnose" not in render([untimed], untimed / "report.html").read_text()
