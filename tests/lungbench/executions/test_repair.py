"""What dead processes left of executions, and what the next command makes of it."""

import gzip
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from lungbench.data.dataset import DATA_FILE, PreparedData
from lungbench.data.packed import Rows
from lungbench.errors import Refused
from lungbench.executions import repair as module
from lungbench.executions.execution import EXPERIMENT_FILE, record_name
from lungbench.executions.hold import LOCK_FILE, hold, signed_here
from lungbench.executions.repair import await_trainings, repair_all, trainings_in
from lungbench.executions.seal import read_seal
from lungbench.experiment import Experiment, Matrix, RunSpec
from lungbench.flock import Holder
from lungbench.job import (
    EPOCHS_FILE,
    JOB_FILE,
    PREDICTIONS_FILE,
    SAMPLES_FILE,
    TRAINING_FILE,
    Job,
)
from lungbench.record import read_record

# A process that is gone: the kernel gives no process this number (the largest is 2 ** 22).
GONE = 2**22 + 1
EPOCH = {"started_s": 2.0, "train_s": 1.5, "validation_s": 0.5, "images_per_s": 8.0}


@pytest.fixture
def results(tmp_path: Path, data: PreparedData, spec: RunSpec) -> Path:
    """An execution whose process died in the middle of its first run."""
    make_execution(tmp_path / "results", "20261122T211100Z", data, spec)
    return tmp_path / "results"


def make_execution(results: Path, stamp: str, data: PreparedData, spec: RunSpec) -> Path:
    folder = results / "tiny" / stamp
    run_dir = folder / "runs" / spec.run_id
    run_dir.mkdir(parents=True)
    experiment = Experiment(name="tiny", matrix=Matrix(models=("cnn10",), devices=(spec.device,)))
    (folder / EXPERIMENT_FILE).write_text(experiment.model_dump_json())
    (folder / DATA_FILE).write_text(data.model_dump_json())
    (run_dir / JOB_FILE).write_text(Job(spec=spec, data=folder / DATA_FILE).model_dump_json())
    sign(folder)
    return folder


def sign(folder: Path, **parts: object) -> None:
    dead = {"pid": GONE, "what": "lungbench run"} | parts
    (folder / LOCK_FILE).write_text(Holder.here("x").model_copy(update=dead).model_dump_json())


def run_dir_of(results: Path) -> Path:
    [run_dir] = results.glob("*/*/runs/*")
    return run_dir


def write_epochs(run_dir: Path, *attempts: int) -> None:
    lines = [
        json.dumps({"epoch": n, "attempt": each, **EPOCH}) for n, each in enumerate(attempts, 1)
    ]
    (run_dir / EPOCHS_FILE).write_text("\n".join(lines) + '\n{"epoch": 9, "sta')


def write_samples(path: Path, last_s: float) -> None:
    """Write readings as a killed process leaves them: the end of the zip is missing."""
    table = f"t_s,cpu_percent\n0.0,\n{last_s},90.0\n"
    path.write_bytes(gzip.compress(table.encode())[:-8])


def test_a_run_without_a_record_gets_one_that_says_what_is_known(
    results: Path, spec: RunSpec, data: PreparedData
) -> None:
    run_dir = run_dir_of(results)
    write_epochs(run_dir, 1, 1)
    write_samples(run_dir / SAMPLES_FILE, 7.5)

    [repaired] = repair_all(results)
    assert repaired.runs == (spec.run_id,)
    record = read_record(run_dir)
    assert (record.status, record.spec) == ("interrupted", spec)
    assert record.reason is not None
    assert record.reason.kind == "lost"
    assert f"Process {GONE} (lungbench run) ended without a word" in record.reason.message
    assert record.data == data.facts()
    assert [epoch.epoch for epoch in record.epochs] == [1, 2]
    assert record.timing is not None
    assert (record.timing.wall_s, record.timing.resumed) == (7.5, False)
    assert record.resources is not None
    assert record.resources.cpu_percent_mean == 90.0
    assert record.artifacts.keys() == {JOB_FILE, EPOCHS_FILE, SAMPLES_FILE}
    assert list(read_seal(repaired.folder)) == [record_name(spec.run_id)]


def test_a_run_that_had_gone_on_before_counts_all_its_attempts(results: Path) -> None:
    run_dir = run_dir_of(results)
    write_epochs(run_dir, 1, 2)
    write_samples(run_dir / "samples-1.csv.gz", 10.0)
    write_samples(run_dir / SAMPLES_FILE, 3.0)
    repair_all(results)
    timing = read_record(run_dir).timing
    assert timing is not None
    # The second attempt's epoch ended at 2 + 1.5 + 0.5 s, after its last reading.
    assert (timing.wall_s, timing.resumed) == (14.0, True)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({}, "completed"),
        ({"stopped": True}, "interrupted"),
        ({"failure": {"kind": "diverged", "message": "NaN"}}, "interrupted"),
        # what its first attempt took is known to its checkpoint alone, from which it ends again
        ({"resumption": {"epochs": 1, "batches": 0, "attempts": 2, "exact": True}}, "interrupted"),
    ],
)
def test_a_training_that_was_done_before_its_parent_could_say_so_is_not_lost(
    results: Path, said: dict[str, Any], status: str
) -> None:
    run_dir = run_dir_of(results)
    write_epochs(run_dir, 1, 1)
    write_samples(run_dir / SAMPLES_FILE, 7.5)
    marks = {"started_s": 1.0, "built_s": 2.0, "fitted_s": 6.0, "controlled_s": 8.0}
    (run_dir / TRAINING_FILE).write_text(json.dumps({"marks": marks, **said}))
    (run_dir / PREDICTIONS_FILE).write_text(
        "path,true,predicted,p_covid,p_normal\na,covid,covid,0.9,0.1\nb,normal,covid,0.6,0.4\n"
    )
    repair_all(results)
    record = read_record(run_dir)
    assert record.status == status
    assert record.timing is not None
    assert record.timing.wall_s == 8.0
    if status == "completed":
        assert record.metrics is not None
        assert record.metrics.overall_accuracy == 0.5
        assert record.reason is None


def test_where_nothing_tells_how_long_a_run_was_no_time_is_invented(results: Path) -> None:
    repair_all(results)
    record = read_record(run_dir_of(results))
    assert (record.timing, record.resources, record.epochs) == (None, None, ())


def test_a_run_needs_no_pixels_to_get_its_record(results: Path, data: PreparedData) -> None:
    facts = data.facts()
    (data.pixels / "labels.npy").unlink()
    repair_all(results)
    assert read_record(run_dir_of(results)).data == facts


def test_a_run_of_a_fold_is_recorded_with_that_folds_images(
    tmp_path: Path, data: PreparedData, spec: RunSpec
) -> None:
    second = {"train": Rows([0, 10]), "validation": Rows([1, 11]), "test": Rows([2])}
    crossed = data.model_copy(update={"folds": (data.rows, second)})
    make_execution(
        tmp_path / "results", "20261122T211100Z", crossed, spec.model_copy(update={"fold": 2})
    )
    repair_all(tmp_path / "results")
    assert read_record(run_dir_of(tmp_path / "results")).data.counts == {
        "train": {"covid": 1, "normal": 1},
        "validation": {"covid": 1, "normal": 1},
        "test": {"covid": 1, "normal": 0},
    }


def test_once_is_enough(results: Path) -> None:
    assert repair_all(results)
    record = read_record(run_dir_of(results))
    assert repair_all(results) == []
    assert read_record(run_dir_of(results)) == record
    assert not signed_here(run_dir_of(results).parents[1])


def test_what_a_dead_process_left_half_made_is_swept(results: Path) -> None:
    run_dir = run_dir_of(results)
    folder = run_dir.parents[1]
    left = [
        folder / ".report.html.abc.tmp",
        folder / ".data.abc.tmp" / "data.json",
        run_dir / ".training.json.abc.tmp",
        run_dir / "checkpoint" / ".last.ckpt.abc.tmp",
        run_dir / "images" / "train" / "covid" / "1.png",
    ]
    kept = [run_dir / "checkpoint" / "last.ckpt", run_dir / "log.txt", folder / "notes.tmp"]
    for path in (*left, *kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    outside = results.parent / "files"  # what the links of `images` lead to
    (run_dir / "images" / "link").symlink_to(outside)

    [repaired] = repair_all(results)
    assert repaired.swept == len(left)
    assert not [path for path in left if path.exists()]
    assert not (run_dir / "images").exists()
    assert all(path.exists() for path in kept)
    assert any(outside.iterdir())


def test_what_is_younger_than_the_lock_has_somebody_who_writes_it(results: Path) -> None:
    folder = run_dir_of(results).parents[1]
    young = folder / ".report.html.abc.tmp"
    young.touch()
    later = time.time() + 60
    os.utime(young, (later, later))
    repair_all(results)
    assert young.exists()


@contextmanager
def process(code: str, *arguments: object) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        running.stdout.readline()
        try:
            yield running
        finally:
            running.kill()


HOLDER = """
import pathlib, sys, time
from lungbench.executions.hold import hold
with hold(pathlib.Path(sys.argv[1]), "lungbench run"):
    print("here", flush=True)
    time.sleep(60)
"""
TRAINING = "import time; print('here', flush=True); time.sleep(60)"


def test_an_execution_that_is_held_is_not_touched(results: Path) -> None:
    folder = run_dir_of(results).parents[1]
    (folder / ".x.tmp").touch()
    with process(HOLDER, folder):
        assert repair_all(results) == []
        assert (folder / ".x.tmp").exists()
    assert not (run_dir_of(results) / "record.json").exists()
    assert len(repair_all(results)) == 1  # now that its holder is dead


def test_an_execution_in_which_a_training_still_ends_is_not_touched(results: Path) -> None:
    run_dir = run_dir_of(results)
    with process(TRAINING, run_dir) as training:
        assert [each.pid for each in trainings_in(run_dir.parents[1])] == [training.pid]
        assert repair_all(results) == []
    assert len(repair_all(results)) == 1


def test_a_training_that_ends_in_time_is_waited_for(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dir = run_dir_of(results)
    monkeypatch.setattr(module, "_LAST_BREATH_S", 0.2)
    with process(TRAINING, run_dir) as training:
        with pytest.raises(Refused, match=f"process {training.pid} still trains"):
            await_trainings(run_dir.parents[1])
        psutil.Process(training.pid).kill()
        training.wait()
        await_trainings(run_dir.parents[1])


@pytest.mark.parametrize("what", ["another host", "nobody"])
def test_what_another_host_or_nobody_signed_is_not_touched(results: Path, what: str) -> None:
    folder = run_dir_of(results).parents[1]
    if what == "nobody":
        (folder / LOCK_FILE).unlink()
    else:  # a copy of an execution that is alive on that host looks just like this
        sign(folder, host="elsewhere.example")
    assert repair_all(results) == []
    assert not (run_dir_of(results) / "record.json").exists()


@pytest.mark.parametrize("name", [EXPERIMENT_FILE, DATA_FILE, f"runs/*/{JOB_FILE}"])
def test_a_damaged_file_stops_no_repair(results: Path, name: str) -> None:
    folder = run_dir_of(results).parents[1]
    [damaged] = folder.glob(name)
    damaged.write_text("{")
    (folder / ".x.tmp").touch()
    repair_all(results)
    assert not (run_dir_of(results) / "record.json").exists()
    with hold(folder, "lungbench resume"):  # nothing hangs
        pass


def test_nothing_is_read_of_executions_that_were_left_in_order(
    tmp_path: Path, data: PreparedData, spec: RunSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = tmp_path / "results"
    for number in range(300):
        folder = make_execution(results, f"20261122T211100Z-{number + 2}", data, spec)
        (folder / "runs" / spec.run_id / "record.json").write_text("unread")
        (folder / LOCK_FILE).write_text("")
    opened: list[str] = []
    watch_opened(opened, monkeypatch)
    assert repair_all(results) == []
    assert not files_below(results, opened)
    sign(folder)
    repair_all(results)
    read = files_below(results, opened)
    assert folder / LOCK_FILE in read
    assert all(path.is_relative_to(folder) for path in read)


def watch_opened(opened: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Note every path that this process opens, by the interpreter's own audit."""
    monkeypatch.setattr(_Audit, "opened", opened)
    if not _Audit.hooked:
        sys.addaudithook(_Audit.hear)
        _Audit.hooked = True


class _Audit:
    opened: list[str] | None = None
    hooked = False

    @classmethod
    def hear(cls, event: str, arguments: tuple[object, ...]) -> None:
        if cls.opened is not None and event == "open":
            cls.opened.append(str(arguments[0]))


def files_below(results: Path, opened: list[str]) -> set[Path]:
    paths = set(map(Path, opened))
    return {path for path in paths if path.is_relative_to(results) and not path.is_dir()}
