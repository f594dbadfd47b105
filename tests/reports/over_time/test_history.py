"""Executions over time and their index page: what is found, read, linked and survived."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from page_reader import Reader

from lungbench.errors import Refused
from lungbench.record import RunRecord
from reports.over_time import index_page, past
from reports.over_time.history import History, history_of
from reports.over_time.index_page import rebuild_index, write_index
from reports.over_time.past import read_past
from reports.publish import publish
from reports.summaries.summary import write_summary

Change = Callable[[RunRecord], RunRecord | None]


def night(number: int, factor: float = 1.0, **host: Any) -> Change:
    """Give every run the speed of its night, 1 % off at most, and its host other facts."""

    def change(record: RunRecord) -> RunRecord:
        pace = factor * (1 + 0.01 * Random(number).uniform(-1, 1))
        pace *= 1 + 0.005 * Random(f"{number}{record.run_id}").uniform(-1, 1)
        assert record.timing is not None
        timing = record.timing.model_copy(update={"steady_epoch_s": 4 * pace})
        facts = record.host.model_copy(update=host)
        return record.model_copy(update={"timing": timing, "host": facts})

    return change


def nights(lab: Any, *changes: Change, summary: bool = True) -> list[Path]:
    """Write one execution a night."""
    found = []
    for number, change in enumerate(changes):
        folder = lab.execution(
            f"202611{number + 1:02d}T020000Z",
            models=("cnn10",),
            repeats=2,
            samples=False,
            change=change,
        )
        if summary:
            write_summary(folder)
        found.append(folder)
    return found


def history(lab: Any) -> History:
    [experiment] = read_past(lab.root).experiments
    return history_of(experiment)


def found(lab: Any) -> list[tuple[int, str, bool]]:
    tracks = history(lab).tracks
    return [
        (point.execution, stray.kind, stray.worse)
        for track in tracks
        for point in track.points
        for stray in point.strays
    ]


def test_a_slower_version_is_a_step_and_the_version_is_named(lab: Any) -> None:
    def newer(number: int) -> Change:
        def change(record: RunRecord) -> RunRecord:
            versions = record.host.versions | {"keras": "3.16.0"}
            slower = night(number, 1.2, versions=versions)(record)
            assert slower is not None
            return slower

        return change

    nights(lab, *(night(each) for each in range(6)), newer(6), newer(7))
    assert found(lab) == [(6, "step", True)] * 2
    changes = [str(each) for each in history(lab).tracks[0].points[6].changes]
    assert changes == ["keras 3.15.1 → 3.16.0"]
    assert len(history(lab).regressions) == 2


def test_other_hosts_are_not_compared_with_each_other(lab: Any) -> None:
    other = [night(each, 3.0, hostname="ward8") for each in (3, 5)]
    nights(lab, *(night(each) for each in range(3)), other[0], night(4), other[1])
    assert found(lab) == []
    assert [point.series for point in history(lab).tracks[0].points] == [0, 0, 0, 1, 0, 1]


def test_other_work_is_not_compared(lab: Any) -> None:
    nights(lab, *(night(each) for each in range(4)))
    for number in (5, 6):
        folder = lab.execution(
            f"202611{number:02d}T020000Z", models=("cnn10",), repeats=2, samples=False,
            fingerprint="77aa", change=night(number, 2.0),
        )  # fmt: skip
        write_summary(folder)
    assert found(lab) == []
    assert "data fingerprint" in str(history(lab).tracks[0].points[4].changes)


def test_resumed_runs_have_no_time_and_failed_ones_leave_a_gap(lab: Any) -> None:
    def resumed(record: RunRecord) -> RunRecord:
        assert record.timing is not None
        timing = record.timing.model_copy(update={"resumed": True})
        return record.model_copy(update={"timing": timing})

    nights(lab, night(0), resumed, lambda _: None, night(3))
    points = history(lab).tracks[0].points
    assert [(each.execution, each.runs, each.resumed) for each in points] == [
        (0, 2, 0),
        (1, 0, 2),
        (3, 2, 0),
    ]
    assert "4 runs missing" in str(history(lab).experiment.executions[2].failures)


def test_what_was_only_timed_has_no_accuracy(lab: Any) -> None:
    folder = lab.execution(models=("cnn10",), epochs=20, timing_epochs={"cpu": 2}, samples=False)
    write_summary(folder)
    points = [track.points[0] for track in history(lab).tracks]
    assert [each.accuracy is None for each in points] == [
        each.timing_only for each in write_summary(folder).cells
    ]


def test_a_summary_is_enough_and_records_are_not_read(
    lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = nights(lab, *(night(each) for each in range(4)))
    whole = history(lab)
    for folder in folders:
        shutil.rmtree(folder / "runs")
    assert history(lab) == whole


def test_records_stand_in_for_a_summary_that_is_missing_or_torn(lab: Any) -> None:
    folders = nights(lab, *(night(each) for each in range(4)))
    whole = history(lab)
    (folders[1] / "summary.json").unlink()
    (folders[2] / "summary.json").write_text('{"schema')
    assert history(lab).tracks == whole.tracks
    notes = [each.note for each in history(lab).experiment.executions]
    assert "no summary" in notes[1]
    assert "can't be read" in notes[2]


def test_foreign_and_broken_folders_become_sentences(lab: Any) -> None:
    nights(lab, night(0))
    (lab.root / "photos").mkdir()
    (lab.root / "quick" / "notes").mkdir()
    (lab.root / ".cache").mkdir()
    broken = lab.root / "quick" / "20261130T000000Z" / "runs" / "cnn10-cpu.t1"
    broken.mkdir(parents=True)
    (broken / "record.json").write_text("{")
    read = read_past(lab.root)
    assert read.notes == ("photos holds no execution that can be read.",)
    assert read.experiments[0].notes == ("notes: is no execution's folder.",)
    assert "no record that can be read" in str(read.experiments[0].executions[-1].failures)


@pytest.mark.parametrize("where", ["", "absent", "quick/20261101T020000Z"])
def test_a_folder_without_executions_is_refused(lab: Any, tmp_path: Path, where: str) -> None:
    nights(lab, night(0))
    folder = lab.root / where if where else tmp_path / "empty"
    folder.mkdir(exist_ok=True) if not where else None
    with pytest.raises(Refused, match="A history is of executions"):
        read_past(folder)


def test_the_index_links_every_report_there_is_and_asks_nothing_of_the_network(lab: Any) -> None:
    folders = nights(lab, *(night(each) for each in range(15)))
    for folder in folders[1:]:
        (folder / "report.html").write_text("a report")
    page = write_index(lab.root)
    reader = Reader(page.read_text())
    links = {value for value in reader.values("href") if not value.startswith("#")}
    assert {(lab.root / link).resolve() for link in links} == {
        (folder / "report.html").resolve() for folder in folders[1:]
    }
    assert not {"script", "link", "iframe", "img"} & set(reader.tags)
    assert "default-src 'none'" in page.read_text()
    ids = reader.values("id")
    assert len(ids) == len(set(ids))
    assert {each[1:] for each in reader.values("href") if each.startswith("#")} <= set(ids)
    drawings = re.findall(r'<svg[^>]*aria-label="([^"]+)"', page.read_text())
    assert len(drawings) == 2
    assert all("over 15 executions" in each for each in drawings)


def test_hostile_names_are_shown_and_do_nothing(lab: Any) -> None:
    hostile = type(lab)(lab.root / 'a"><script>x</script>&\u202e')
    nights(hostile, *(night(each, hostname="<b>ward</b>\u202e") for each in range(3)))
    text = write_index(hostile.root).read_text()
    assert "<script" not in text
    assert "<b>ward" not in text
    assert "\u202e" not in text


def test_the_index_of_many_executions_stays_small(lab: Any) -> None:
    [folder] = nights(lab, night(0))
    for number in range(300):
        copy = folder.with_name(
            f"2027{number // 28 % 12 + 1:02d}{number % 28 + 1:02d}T{number // 336 + 1:02d}0000Z"
        )
        copy.mkdir()
        for name in ("experiment.json", "summary.json"):
            shutil.copy(folder / name, copy / name)
    page = write_index(lab.root)
    assert page.stat().st_size < 300_000
    assert page.read_text().count('<tr><th scope="row">') >= 301


def test_publishing_writes_the_index_and_survives_that_it_can_not(
    lab: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    [folder] = nights(lab, night(0), summary=False)
    assert publish(folder) == folder / "report.html"
    index = lab.root / "index.html"
    assert "20261101T020000Z/report.html" in index.read_text()

    def torn(_: Path) -> past.Past:
        raise RuntimeError("it broke")

    monkeypatch.setattr(index_page, "read_past", torn)
    index.unlink()
    assert publish(folder).exists()
    assert not index.exists()
    assert "it broke" in caplog.text


def test_an_index_in_the_way_is_a_warning(lab: Any, caplog: pytest.LogCaptureFixture) -> None:
    nights(lab, night(0))
    (lab.root / "index.html").mkdir()
    assert rebuild_index(lab.root) is None
    assert "no index" in caplog.text
