"""The frames that notebooks get: the exported rows, in types that keep what is missing."""

import csv
from pathlib import Path

import pandas as pd
import pytest

from lungbench.errors import Refused
from reports import frames as module
from reports.export import export
from reports.frames import Frames, frames

TABLES = ("runs", "epochs", "classes", "samples", "columns")


def test_frames_hold_the_rows_of_the_export(lab, tmp_path: Path) -> None:
    folder = lab.execution(models=("cnn10",), devices=("cpu", "gpu:0"), epochs=2)
    out = export([folder], tmp_path / "out").path
    f = frames(folder)
    for table in TABLES:
        frame = getattr(f, table)
        with (out / f"{table}.csv").open(newline="") as file:
            header, *rows = csv.reader(file)
        assert list(frame.columns) == header
        assert len(frame) == len(rows) > 0
        for place, name in enumerate(header):
            missing = [row[place] == "" for row in rows]
            assert frame[name].isna().tolist() == missing, name


def test_types_keep_whole_numbers_whole_beside_missing_ones(lab) -> None:
    f = frames(lab.execution(models=("cnn10",), epochs=2))
    assert str(f.runs.dtypes["fold"]) == "Int64"
    assert f.runs["fold"].isna().all()
    assert str(f.runs.dtypes["steady_epoch_s"]) == "Float64"
    assert str(f.runs.dtypes["resumed"]) == "boolean"
    assert str(f.runs.dtypes["model"]) == "string"
    assert f.runs["started_utc"].dt.tz is not None
    assert f.samples["rss_bytes"].dtype == "Int64"


def test_nothing_at_all_still_has_columns_of_their_types(lab) -> None:
    f = frames(lab.execution(models=("cnn10",), change=lambda _: None))
    assert len(f.epochs) == len(f.classes) == len(f.samples) == 0
    assert str(f.epochs.dtypes["loss"]) == "Float64"
    assert set(f.runs.status) == {"missing"}
    assert f.runs["started_utc"].isna().all()


def test_long_tables_are_put_together_from_pieces(lab, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = lab.execution(models=("cnn10",), epochs=5)
    whole = frames(folder).epochs
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", 3)
    pd.testing.assert_frame_equal(frames(folder).epochs, whole)


def test_hostile_text_is_given_as_it_is(lab) -> None:
    f = frames(str(lab.execution(models=("cnn10",), classes=("=1+1", "healthy"))))
    assert set(f.classes["class"]) == {"=1+1", "healthy"}


def test_a_folder_without_executions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"folder of an execution.* Next: name"):
        frames(tmp_path)


def test_every_table_is_documented() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "notebook.md").read_text(encoding="utf-8")
    assert [name for name in TABLES if f"`f.{name}`" not in guide] == []
    assert all(hasattr(Frames, name) for name in TABLES)
