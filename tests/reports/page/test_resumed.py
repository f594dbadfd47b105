"""A page with a run that went on from a checkpoint: its diagnosis counts, its times don't."""

import re
from html import unescape
from pathlib import Path
from typing import Any

from lungbench.record import RunRecord
from lungbench.stats.intervals import geometric_mean
from reports.comparing.comparison import compare
from reports.forms import format as fmt
from reports.results.load import load
from reports.sections.epochs import epochs
from reports.sections.speed import speed
from reports.sections.to_accuracy import to_accuracy
from reports.sections.whole_time import end_to_end_s


def uninterrupted(folder: Path) -> list[RunRecord]:
    """The runs on two threads that were trained in one go."""
    found = [run.record for run in load(folder).runs if run.record.spec.device.threads == 2]
    return [run for run in found if run.resumption is None]


def row(block: Any) -> tuple[str, ...]:
    """The row of the device that has a resumed run."""
    assert block is not None
    [found] = [each for each in block.rows if each[1] == "cpu:threads=2"]
    return tuple(found)


def test_its_times_are_kept_out_of_every_table_of_times(reports: Any) -> None:
    [folder] = reports["resumed"].folders
    kept, study = uninterrupted(folder), compare([load(folder)])
    assert len(kept) == 2  # of three; the second repeat went on from a checkpoint
    shown = speed(study)
    assert shown.figure is not None
    steady = fmt.seconds(geometric_mean(_steady_s(run) for run in kept))
    whole = fmt.seconds(geometric_mean(end_to_end_s(run) or 0 for run in kept))
    assert row(shown.figure.table)[9] == "3, 2 timed"
    assert row(shown.figure.table)[7] == steady
    assert row(shown.whole)[4] == steady
    assert row(shown.whole)[6] == whole
    assert row(epochs(study).parts)[2] == steady
    assert row(to_accuracy(study.comparisons))[3] == "2 of 2 runs"
    assert row(shown.figure.table)[2].endswith("]")  # two runs still give an interval


def test_its_diagnosis_counts_as_any_other(reports: Any) -> None:
    [folder] = reports["resumed"].folders
    resumed = compare([load(folder)]).comparisons[1]
    assert resumed.verdict is not None
    assert resumed.verdict.paired is not None
    assert resumed.verdict.paired.repeats == (1, 2, 3)


def test_the_page_says_so_where_it_is_asked_whether_its_numbers_can_be_trusted(
    reports: Any,
) -> None:
    text = re.sub(r"<style>.*?</style>|<[^>]+>", " ", reports["resumed"].html, flags=re.DOTALL)
    shown = " ".join(unescape(text).split())
    trust = shown.partition("Not without reserve")[2].partition("The baseline is")[0]
    assert "1 of 6 runs went on from a checkpoint; their times are kept out" in trust
    assert "In cnn10 on cpu:threads=2 #2." in trust
    methods = shown.partition("Methods, for a paper")[2]
    assert "interrupted runs were resumed and their times left out" in methods


def _steady_s(run: RunRecord) -> float:
    assert run.timing is not None
    assert run.timing.steady_epoch_s is not None
    return run.timing.steady_epoch_s
