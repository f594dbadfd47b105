"""Every flipped byte is found, and nothing that is whole is called damaged."""

import os
import random
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lungbench.data.dataset import DATA_FILE, PreparedData
from lungbench.executions.execution import EXPERIMENT_FILE, OWN_FILES, record_name
from lungbench.executions.seal import SEAL_FILE, seal
from lungbench.executions.verify import Finding, verify
from lungbench.experiment import Experiment, Matrix, RunSpec
from lungbench.host import describe_host
from lungbench.job import HEARTBEAT_FILE, Spent
from lungbench.record import RECORD_FILE, read_record, write_record
from lungbench.run.launch import Surroundings, launch
from lungbench.training.checkpoint import CHECKPOINT_FILE, Header, write_checkpoint

CHILD = """
import csv, json, pathlib, sys
run = pathlib.Path(sys.argv[1])
epoch = dict(epoch=1, started_s=1, train_s=0.5, validation_s=0.1, images_per_s=24, loss=1.0)
(run / "epochs.jsonl").write_text(json.dumps(epoch) + "\\n")
with (run / "predictions.csv").open("w", newline="") as file:
    csv.writer(file).writerows([["path", "true", "predicted"], ["x", "covid", "covid"]])
(run / "model.keras").write_bytes(bytes(range(256)))
(run / "training.json").write_text(json.dumps({}))
print("here")
"""


@pytest.fixture(scope="module")
def written(
    tmp_path_factory: pytest.TempPathFactory,
    spec: RunSpec,
    make_data: Callable[[Path], PreparedData],
) -> Path:
    """An execution with a completed run, and one whose checkpoint waits for a resume."""
    folder = tmp_path_factory.mktemp("execution")
    experiment = Experiment(
        name="tiny", matrix=Matrix(models=("cnn10",), devices=(spec.device,), repeats=2)
    )
    (folder / EXPERIMENT_FILE).write_text(experiment.model_dump_json())
    home = tmp_path_factory.mktemp("data")
    facts = make_data(home).facts()
    shutil.copy(home / DATA_FILE, folder)
    for name in OWN_FILES:
        if not (folder / name).exists():
            (folder / name).write_text(f"what is in {name}")
    (home / "child.py").write_text(CHILD)
    command = (sys.executable, str(home / "child.py"))
    around = Surroundings(folder / DATA_FILE, facts, describe_host(gpus=False), command=command)
    runs = (spec, spec.model_copy(update={"repeat": 2}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LUNGBENCH_LOCKS", str(home))
        for each in runs:
            assert launch(each, folder / "runs" / each.run_id, around).status == "completed"
    run_dir = folder / "runs" / runs[1].run_id
    checkpoint(runs[1], run_dir)
    write_record(read_record(run_dir).model_copy(update={"status": "interrupted"}), run_dir)
    seal(folder, [*OWN_FILES, *(record_name(each.run_id) for each in runs)])
    return folder


@pytest.fixture
def execution(written: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(written, tmp_path / "execution"))


def checkpoint(spec: RunSpec, run_dir: Path) -> None:
    header = Header(
        spec=spec, data="f" * 64, environment={}, epochs=(), batches=0, spent=Spent(), attempts=1
    )
    write_checkpoint(run_dir / CHECKPOINT_FILE, header, {"network/0": np.arange(9.0)})


def names(execution: Path) -> list[str]:
    """Every file that was written, by its path in the execution."""
    files = (path for path in execution.rglob("*") if path.is_file())
    found = sorted(path.relative_to(execution).as_posix() for path in files)
    return [name for name in found if not name.endswith(HEARTBEAT_FILE)]


def kinds(execution: Path) -> dict[str, str]:
    return {finding.path: finding.kind for finding in verify(execution).findings}


def test_what_is_as_it_was_written_has_no_findings(execution: Path) -> None:
    verified = verify(execution)
    assert verified.findings == ()
    # All but the list itself and the checkpoint, which hold hashes of their own.
    assert verified.files == len(names(execution)) - 2


def test_every_flipped_byte_is_found_and_its_file_named(execution: Path) -> None:
    chance = random.Random(4)
    for name in names(execution):
        whole = (execution / name).read_bytes()
        places = {0, len(whole) - 1, *(chance.randrange(len(whole)) for _ in range(10))}
        for place in places:
            flipped = bytearray(whole)
            flipped[place] ^= 1 << chance.randrange(8)
            (execution / name).write_bytes(flipped)
            assert kinds(execution) == {name: "damaged"}, (name, place)
        (execution / name).write_bytes(whole)
    assert kinds(execution) == {}


def test_a_record_that_reads_well_and_lies_is_found(execution: Path, spec: RunSpec) -> None:
    path = execution / record_name(spec.run_id)
    path.write_text(path.read_text().replace('"overall_accuracy": 1.0', '"overall_accuracy": 0.9'))
    read_record(path.parent)  # by its schema nothing is wrong with it
    assert kinds(execution) == {record_name(spec.run_id): "damaged"}


def test_every_missing_file_is_found(execution: Path) -> None:
    for name in names(execution):
        whole = (execution / name).read_bytes()
        (execution / name).unlink()
        found = kinds(execution)
        (execution / name).write_bytes(whole)
        if name.endswith(CHECKPOINT_FILE) or name == SEAL_FILE:
            assert found == {}, name  # a resume begins anew; an older lungbench made no list
        else:
            assert found == {name: "missing"}, name


def test_a_run_folder_that_is_gone_is_found(execution: Path, spec: RunSpec) -> None:
    shutil.rmtree(execution / "runs" / spec.run_id)
    assert kinds(execution) == {record_name(spec.run_id): "missing"}


def test_files_that_nothing_tells_of_are_no_damage(execution: Path, spec: RunSpec) -> None:
    run_dir = execution / "runs" / spec.run_id
    extra = [execution / "notes.txt", run_dir / ".x.tmp", run_dir / "images" / "train" / "1.png"]
    for path in extra:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = verify(execution).findings
    expected = {path.relative_to(execution).as_posix() for path in extra}
    assert {finding.path for finding in found if finding.kind == "extra"} == expected
    assert not any(finding.is_damage for finding in found)


def test_a_run_without_a_record_is_unfinished(execution: Path) -> None:
    run_dir = execution / "runs" / "cnn10-cpu.t1-float32-tensorflow-cached-r3"
    run_dir.mkdir()
    (run_dir / "spec.json").touch()
    [finding] = verify(execution).findings
    assert (finding.path, finding.kind) == (f"runs/{run_dir.name}", "unfinished")
    assert not finding.is_damage


def test_an_execution_of_an_older_lungbench_has_no_list_and_is_read_all_the_same(
    execution: Path, spec: RunSpec
) -> None:
    (execution / SEAL_FILE).unlink()
    assert kinds(execution) == {}
    (execution / EXPERIMENT_FILE).write_text("{}")
    (execution / DATA_FILE).write_text("{")
    (execution / record_name(spec.run_id)).write_text("[]")
    damaged = [EXPERIMENT_FILE, DATA_FILE, record_name(spec.run_id)]
    assert kinds(execution) == dict.fromkeys(damaged, "damaged")


def test_a_record_of_another_run_is_found(execution: Path, spec: RunSpec) -> None:
    (execution / SEAL_FILE).unlink()
    run_dir = execution / "runs" / spec.run_id
    run_dir.rename(run_dir.with_name("another"))
    assert kinds(execution) == {record_name("another"): "damaged"}


def test_a_record_may_not_reach_out_of_its_execution_nor_block_its_reader(
    execution: Path, spec: RunSpec
) -> None:
    (execution / SEAL_FILE).unlink()
    run_dir = execution / "runs" / spec.run_id
    record = read_record(run_dir)
    os.mkfifo(run_dir / "pipe")
    hostile = {"../../../data.json": "0" * 64, "pipe": "0" * 64, "/etc/hostname": "0" * 64}
    write_record(record.model_copy(update={"artifacts": record.artifacts | hostile}), run_dir)
    found = {finding.path: finding for finding in verify(execution).findings}
    inside = f"runs/{spec.run_id}"
    outside = found[f"{inside}/../../../data.json"]
    assert (outside.kind, "SHA-256 is" in outside.why) == ("damaged", False)
    assert found[f"{inside}/pipe"].why.startswith("its SHA-256 is none, since it is no file")
    assert found[f"{inside}//etc/hostname"].kind == "missing"


def test_no_finding_has_two_lines(execution: Path, spec: RunSpec) -> None:
    (execution / SEAL_FILE).write_text("")
    (execution / EXPERIMENT_FILE).write_text('{"name":\n"x"}')
    (execution / record_name(spec.run_id)).unlink()
    findings: tuple[Finding, ...] = verify(execution).findings
    assert findings
    assert not [each for each in findings if "\n" in each.why]


def test_nothing_is_changed_by_looking(execution: Path) -> None:
    before = {name: (execution / name).stat().st_mtime_ns for name in names(execution)}
    verify(execution)
    assert {name: (execution / name).stat().st_mtime_ns for name in names(execution)} == before
    assert RECORD_FILE in {Path(name).name for name in before}
