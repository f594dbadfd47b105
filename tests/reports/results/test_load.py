from pathlib import Path
from typing import Any

import pytest

from lungbench.errors import LungbenchError
from reports.results.load import load, log_tail


def test_a_whole_execution_is_read(lab: Any) -> None:
    results = load(lab.execution())
    assert results.experiment is not None
    assert results.data is not None
    assert len(results.completed) == 6
    assert results.failures == ()
    assert results.notes == ()
    assert results.name == "quick 20261122T211100Z"


def test_an_image_that_was_left_out_is_named_with_its_reason(lab: Any) -> None:
    [skipped] = load(lab.execution(models=("cnn10",))).skipped_images
    assert (skipped.path, skipped.reason) == ("covid/torn.png", "truncated file")


def test_a_run_without_record_is_missing(lab: Any) -> None:
    folder = lab.execution(models=("cnn10",))
    next((folder / "runs").glob("cnn10-cpu.t1*/record.json")).unlink()
    [failure] = load(folder).failures
    assert failure.status == "missing"
    assert failure.run_id.startswith("cnn10-cpu.t1")


def test_a_run_that_was_never_started_is_missing(lab: Any) -> None:
    folder = lab.execution(
        models=("cnn10",),
        change=lambda record: record if record.spec.device.threads == 1 else None,
    )
    [failure] = load(folder).failures
    assert (failure.status, failure.reason) == ("missing", "No run folder: it was never started.")


def test_a_record_of_another_schema_is_broken_and_says_why_in_one_line(lab: Any) -> None:
    folder = lab.execution(models=("cnn10",))
    record = next((folder / "runs").glob("cnn10-cpu.t1*/record.json"))
    record.write_text(record.read_text().replace('"schema_version": 1', '"schema_version": 9'))
    [failure] = load(folder).failures
    assert failure.status == "broken"
    assert "schema_version" in failure.reason
    assert str(folder) not in failure.reason
    assert "\n" not in failure.reason


@pytest.mark.parametrize("content", ["no json", '{"name": "x"}'])
def test_an_experiment_that_cant_be_read_is_noted(lab: Any, content: str) -> None:
    folder = lab.execution(models=("cnn10",))
    (folder / "experiment.json").write_text(content)
    results = load(folder)
    assert results.experiment is None
    assert any(note.startswith("experiment.json can't be read") for note in results.notes)
    assert len(results.completed) == 2


def test_a_folder_without_an_execution_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LungbenchError, match="execution folders"):
        load(tmp_path)


def test_the_end_of_a_log_is_read_without_terminal_codes_and_overwritten_lines(
    tmp_path: Path,
) -> None:
    (tmp_path / "log.txt").write_bytes(b"10%\r50%\r100%\r\n\x1b[31mred\x1b[0m \xff\n\n")
    assert log_tail(tmp_path) == ("100%", "red \N{REPLACEMENT CHARACTER}")


def test_only_the_last_lines_of_a_long_log_are_read(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("\n".join(f"line {number}" for number in range(9999)))
    lines = log_tail(tmp_path)
    assert len(lines) == 15
    assert lines[-1] == "line 9998"


def test_a_run_without_log_has_an_empty_one(tmp_path: Path) -> None:
    assert log_tail(tmp_path) == ()
