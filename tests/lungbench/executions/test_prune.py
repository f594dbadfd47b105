"""What is removed to make room, and what never is."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lungbench.data.dataset import DATA_FILE, PreparedData
from lungbench.errors import Refused
from lungbench.executions.execution import CACHE, EXPERIMENT_FILE, Execution
from lungbench.executions.hold import LOCK_FILE
from lungbench.executions.prune import GONE, Pruned, judge, remove
from lungbench.experiment import Experiment, Matrix
from lungbench.host import describe_host
from lungbench.record import Reason, RunRecord, Status, write_record
from lungbench.settings import TrainSettings

EXPERIMENT = Experiment(
    name="tiny",
    train=TrainSettings(epochs=1, weights="none"),
    matrix=Matrix(models=("cnn10",), devices=("cpu",)),
)

Execute = Callable[..., Path]


@pytest.fixture
def execute(tmp_path: Path, data: PreparedData) -> Execute:
    """Leave an execution of this day, whose only run ended so."""

    def call(day: int, status: Status | None = "completed", pixels: str = "pixels-32-a") -> Path:
        folder = tmp_path / "results" / "tiny" / f"202611{day:02}T000000Z"
        folder.mkdir(parents=True)
        (folder / EXPERIMENT_FILE).write_text(EXPERIMENT.model_dump_json())
        cache = tmp_path / "results" / CACHE / pixels
        cache.mkdir(parents=True, exist_ok=True)
        (cache / "images.npy").write_bytes(b"p" * 100)
        prepared = data.model_copy(update={"pixels": cache})
        (folder / DATA_FILE).write_text(prepared.model_dump_json())
        if status is not None:
            _record(folder, data, status)
        return folder

    return call


def _record(folder: Path, data: PreparedData, status: Status) -> None:
    spec = EXPERIMENT.runs()[0]
    run_dir = Execution.open(folder).run_dir(spec)
    run_dir.mkdir(parents=True)
    reason = None if status == "completed" else Reason(kind="error", message="as the test wants")
    record = RunRecord(
        run_id=spec.run_id,
        status=status,
        reason=reason,
        started=datetime.now(UTC),
        spec=spec,
        host=describe_host(gpus=False),
        data=data.facts(),
    )
    write_record(record, run_dir)


def kept(results: Path, keep: int) -> list[str]:
    return [each.folder.name for each in judge(results, keep) if each.stays]


def test_the_newest_executions_stay(execute: Execute, tmp_path: Path) -> None:
    for day in (1, 2, 3, 4):
        execute(day)
    assert kept(tmp_path / "results", 2) == [
        "20261103T000000Z",
        "20261104T000000Z",
        "pixels-32-a",
    ]


@pytest.mark.parametrize("end", ["failed", "interrupted", None])
def test_the_last_good_one_stays_however_old(
    execute: Execute, tmp_path: Path, end: Status | None
) -> None:
    execute(1)
    execute(2)
    for day in (3, 4):
        execute(day, end)
    assert kept(tmp_path / "results", 1)[:2] == ["20261102T000000Z", "20261104T000000Z"]


def test_judging_removes_nothing(execute: Execute, tmp_path: Path) -> None:
    folders = [execute(1), execute(2)]
    assert not judge(tmp_path / "results", 1)[0].stays
    assert all(folder.is_dir() for folder in folders)


def test_images_go_with_the_last_execution_that_used_them(execute: Execute, tmp_path: Path) -> None:
    old = execute(1, pixels="pixels-32-old")
    new = execute(2, pixels="pixels-32-new")
    gone = list(remove(judge(tmp_path / "results", 1)))
    assert gone == [old, tmp_path / "results" / CACHE / "pixels-32-old"]
    assert not any(folder.exists() for folder in gone)
    assert new.is_dir()
    assert (tmp_path / "results" / CACHE / "pixels-32-new" / "images.npy").is_file()


def test_what_a_process_works_on_stays(execute: Execute, tmp_path: Path) -> None:
    at_work, _ = execute(1), execute(2)
    code = (
        "import sys, pathlib; from lungbench.executions.hold import hold\n"
        "with hold(pathlib.Path(sys.argv[1]), 'a test'): print('held', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(at_work)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        judged = judge(tmp_path / "results", 1)
        assert [each.why for each in judged if each.folder == at_work] == ["a process works on it"]
        # One that is taken between the look and the removal is refused.
        with pytest.raises(Refused, match="held by"):
            list(remove([Pruned(at_work, 0, stays=False, why="judged too early")]))
        assert (at_work / LOCK_FILE).exists()
        holder.communicate("\n")


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="Results are pruned in their folder"):
        judge(tmp_path / "nowhere", 1)


def test_what_a_killed_pruning_left_goes(execute: Execute, tmp_path: Path) -> None:
    stays = execute(1)
    half = stays.with_name(f".20261031T000000Z{GONE}")
    half.mkdir()
    (half / "rest").write_text("of an execution")
    assert list(remove(judge(tmp_path / "results", 1))) == [half]
    assert not half.exists()
    assert stays.exists()
