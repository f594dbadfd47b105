"""What a benchmark prints and leaves behind."""

import json
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import results
from benchmarks.pairs import PairedRatio
from benchmarks.results import Report, Steal, Table, steal_text
from lungbench.stats.intervals import Interval


def test_a_table_is_markdown_with_columns_of_one_width() -> None:
    lines = str(Table(("a", "long"), [("wide cell", "1"), ("b", "2")])).splitlines()
    assert lines[0] == "| a         | long |"
    assert lines[1] == "|-----------|------|"
    assert len({len(line) for line in lines}) == 1


def test_the_file_holds_values_machine_noise_and_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report("trial", Namespace(out=tmp_path, rounds=2))
    report.publish(Table(("a",), [("1",)]), [{"ratio": PairedRatio(2.0, Interval(1.0, 4.0), 3)}])
    left = json.loads((tmp_path / "trial.json").read_text())
    assert left["measured"][0]["ratio"]["interval"] == {"low": 1.0, "high": 4.0}
    assert left["settings"] == {"out": str(tmp_path), "rounds": 2}
    assert left["machine"]["cpu_logical"] >= 1
    assert {"load_before", "load_after", "steal_percent"} == left["noise"].keys()
    assert str(tmp_path / "trial.json") in capsys.readouterr().out


def test_stolen_time_is_a_share_of_all_time_since_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    readings = iter([_times(user=10, idle=80, steal=5), _times(user=40, idle=120, steal=15)])
    monkeypatch.setattr(results.psutil, "cpu_times", lambda: next(readings))
    # 30 s worked, 40 s idle, 10 s stolen; a guest's time is in user already.
    assert Steal().percent() == pytest.approx(100 * 10 / 80)


def test_stolen_time_is_unknown_where_the_system_does_not_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(results.psutil, "cpu_times", lambda: SimpleNamespace(user=1.0, idle=2.0))
    assert Steal().percent() is None
    assert steal_text([None]) == "-"


def _times(user: float, idle: float, steal: float) -> SimpleNamespace:
    return SimpleNamespace(
        user=user, idle=idle, steal=steal, guest=user, _fields=("user", "idle", "steal", "guest")
    )
