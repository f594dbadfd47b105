"""Where a training stands, from what lies in its folder."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lungbench.experiment import Experiment, Matrix
from lungbench.host import describe_host
from lungbench.job import EPOCHS_FILE, JOB_FILE, SAMPLES_FILE
from lungbench.record import DataFacts, Epoch, Reason, RunRecord, Status, write_record
from tasks.standing import Watch

[SPEC] = Experiment(name="x", matrix=Matrix(models=("cnn10",), devices=("cpu",))).runs()


def record(status: Status, reason: Reason | None = None) -> RunRecord:
    return RunRecord(
        run_id=SPEC.run_id,
        status=status,
        reason=reason,
        started=datetime(2026, 11, 22, tzinfo=UTC),
        spec=SPEC,
        host=describe_host(gpus=False),
        data=DataFacts(fingerprint="f", source="x", classes=("a", "b"), counts={}),
    )


def begin(run_dir: Path, epochs: int) -> None:
    """Leave what a run leaves whose process was started."""
    run_dir.mkdir(exist_ok=True)
    (run_dir / JOB_FILE).write_text("{}")
    (run_dir / SAMPLES_FILE).touch()
    lines = (
        Epoch(epoch=n, started_s=1, train_s=2, images_per_s=3).model_dump_json() + "\n"
        for n in range(1, epochs + 1)
    )
    (run_dir / EPOCHS_FILE).write_text("".join(lines))


def test_a_training_waits_trains_and_ends(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    watch = Watch(SPEC, run_dir)
    assert (watch.look().state, watch.look().percent) == ("waiting", 0.0)

    begin(run_dir, epochs=60)
    now = watch.look()
    # 60 of the paper's 120 epochs
    assert (now.state, now.epoch, now.percent) == ("training", 60, 50.0)
    assert now.note == "about 2 min 0 s to go"

    write_record(record("completed"), run_dir)
    now = watch.look()
    assert (now.state, now.percent) == ("completed", 100.0)
    assert watch.look() is now  # it is over: nothing is read again


def test_one_that_failed_says_why_and_how_far_it_was(tmp_path: Path) -> None:
    watch = Watch(SPEC, tmp_path)
    begin(tmp_path, epochs=30)
    message = "out of memory " * 100
    write_record(record("failed", Reason(kind="out_of_memory", message=message)), tmp_path)
    now = watch.look()
    assert (now.state, now.percent) == ("failed", 0.0)  # this record tells of no epoch
    assert message.startswith(now.note)
    assert len(now.note) == 200


def test_one_without_a_turn_is_what_its_record_says(tmp_path: Path) -> None:
    watch = Watch(SPEC, tmp_path, record("completed"))
    begin(tmp_path, epochs=1)
    assert watch.look().state == "completed"


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_a_record_that_cannot_be_read_is_no_end(tmp_path: Path, text: str) -> None:
    watch = Watch(SPEC, tmp_path)
    begin(tmp_path, epochs=1)
    (tmp_path / "record.json").write_text(text)
    assert watch.look().state == "training"
