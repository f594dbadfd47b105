"""Launching with a stand-in for the training child that speaks its protocol, in real processes."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from lungbench.experiment import RunSpec
from lungbench.record import Gpu, RunRecord, read_record
from lungbench.resources.samples import read_samples
from lungbench.run.launch import Surroundings, launch
from lungbench.run.lock import host_lock
from lungbench.settings import MeasureSettings

Make = Callable[..., Surroundings]

SUCCESS = """
import csv, json, os, pathlib, sys
run = pathlib.Path(sys.argv[1])
with (run / "epochs.jsonl").open("w") as log:
    for epoch, seconds in ((1, 0.5), (2, 0.2), (3, 0.8)):
        line = dict(epoch=epoch, started_s=epoch, train_s=seconds, validation_s=0.1,
                    images_per_s=12 / seconds, loss=1.0, accuracy=0.5)
        log.write(json.dumps(line) + "\\n")
with (run / "predictions.csv").open("w", newline="") as file:
    table = csv.writer(file)
    table.writerow(["path", "true", "predicted", "p_covid", "p_normal"])
    for true, predicted in (("covid", "covid"), ("covid", "normal"), ("normal", "normal")):
        table.writerow(["x", true, predicted, 0.5, 0.5])
(run / "model.keras").write_text("weights")
marks = dict(started_s=0.1, built_s=0.2, fitted_s=2.0, evaluated_s=2.3, saved_s=2.4)
print(json.dumps({name: os.environ.get(name) for name in (
    "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "KERAS_BACKEND", "LUNGBENCH_CPUS",
    "PREFECT__FLOW_RUN_ID", "MKL_NUM_THREADS", "HOME")}))
(run / "training.json").write_text(json.dumps(dict(marks=marks)))
"""
SLEEP = "import time; print('here', flush=True); time.sleep(600)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SLEEP
FAMILY = """
import subprocess
grandchild = subprocess.Popen(["sleep", "600"])
print(grandchild.pid, flush=True)
grandchild.wait()
"""


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def family() -> set[psutil.Process]:
    """The processes below this one; a server for other tests may be among them."""
    return set(psutil.Process().children(recursive=True))


def on_disk(run_dir: Path) -> RunRecord:
    return read_record(run_dir)


def test_a_completed_run_has_a_whole_record(
    spec: RunSpec, tmp_path: Path, surroundings: Make
) -> None:
    record = launch(spec, tmp_path / "run", surroundings(SUCCESS))
    assert record == on_disk(tmp_path / "run")
    assert (record.status, record.reason) == ("completed", None)
    assert record.timing is not None
    assert record.timing.first_epoch_s == 0.5
    assert record.timing.steady_epoch_s == pytest.approx(0.4)  # geometric mean of 0.2 and 0.8
    assert record.timing.images_per_s == pytest.approx(12 / 0.4)
    assert record.metrics is not None
    assert record.metrics.confusion == ((1, 1), (0, 1))
    assert record.resources is not None
    assert record.resources.other_load_before_percent is not None
    assert record.resources.tool_percent is not None


def test_the_ledger_sums_to_the_wall_time(
    spec: RunSpec, tmp_path: Path, surroundings: Make
) -> None:
    timing = launch(spec, tmp_path / "run", surroundings(SUCCESS)).timing
    assert timing is not None
    parts = timing.ledger.model_dump()
    assert (parts["first_epoch_s"], parts["train_s"]) == (0.5, pytest.approx(1.0))
    assert parts["checkpoint_s"] is None
    assert sum(part for part in parts.values() if part is not None) == pytest.approx(timing.wall_s)


def test_every_file_of_a_run_is_hashed(spec: RunSpec, tmp_path: Path, surroundings: Make) -> None:
    record = launch(spec, tmp_path / "run", surroundings(SUCCESS))
    files = {path.name for path in (tmp_path / "run").iterdir()}
    assert record.artifacts.keys() == files - {"record.json"}


def test_the_child_gets_its_device_and_nothing_of_the_parents_pools(
    spec: RunSpec, tmp_path: Path, surroundings: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MKL_NUM_THREADS", "77")
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "a flow")
    launch(spec, tmp_path / "run", surroundings(SUCCESS))
    seen = json.loads((tmp_path / "run" / "log.txt").read_text().splitlines()[0])
    assert seen["CUDA_VISIBLE_DEVICES"] == "-1"
    assert seen["OMP_NUM_THREADS"] == seen["MKL_NUM_THREADS"] == "1"
    assert seen["KERAS_BACKEND"] == "tensorflow"
    assert int(seen["LUNGBENCH_CPUS"]) in os.sched_getaffinity(0)
    assert seen["PREFECT__FLOW_RUN_ID"] is None
    assert seen["HOME"] == os.environ.get("HOME")


def test_a_completed_run_is_not_trained_again(
    spec: RunSpec, tmp_path: Path, surroundings: Make
) -> None:
    first = launch(spec, tmp_path / "run", surroundings(SUCCESS))
    again = launch(spec, tmp_path / "run", surroundings("raise SystemExit(3)"))
    assert again == first


def test_other_settings_in_the_same_folder_are_trained_anew(
    spec: RunSpec, tmp_path: Path, surroundings: Make
) -> None:
    launch(spec, tmp_path / "run", surroundings(SUCCESS))
    other = spec.model_copy(update={"epochs": 3})
    assert launch(other, tmp_path / "run", surroundings("raise SystemExit(3)")).status == "failed"


@pytest.mark.parametrize(
    ("script", "kind", "words"),
    [
        ("raise SystemExit(3)", "error", "exit code 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "signal", "SIGKILL"),
        ("import os; os.abort()", "signal", "SIGABRT"),
        ("print('std::bad_alloc'); import os; os.abort()", "out_of_memory", "memory"),
        (
            "import sys, pathlib, json\n"
            "word = dict(failure=dict(kind='diverged', message='The loss must stay a number.'))\n"
            "(pathlib.Path(sys.argv[1]) / 'training.json').write_text(json.dumps(word))\n"
            "raise SystemExit(1)",
            "diverged",
            "number",
        ),
    ],
)
def test_a_failed_run_says_why(
    spec: RunSpec, tmp_path: Path, surroundings: Make, script: str, kind: str, words: str
) -> None:
    record = launch(spec, tmp_path / "run", surroundings(script))
    assert record == on_disk(tmp_path / "run")
    assert record.status == "failed"
    assert record.reason is not None
    assert record.reason.kind == kind
    assert words in record.reason.message
    assert record.metrics is None


def test_epochs_before_a_death_are_kept_and_a_torn_line_is_dropped(
    spec: RunSpec, tmp_path: Path, surroundings: Make
) -> None:
    script = SUCCESS.split('with (run / "predictions.csv")', maxsplit=1)[0] + (
        "with (run / 'epochs.jsonl').open('a') as log: log.write('{\"epoch\": 4, \"sta')\n"
        "os.kill(os.getpid(), 9)"
    )
    record = launch(spec, tmp_path / "run", surroundings(script))
    assert [epoch.epoch for epoch in record.epochs] == [1, 2, 3]
    assert record.timing is not None
    assert record.timing.steady_epoch_s is not None


def test_a_run_past_its_deadline_is_ended(
    spec: RunSpec, tmp_path: Path, surroundings: Make
) -> None:
    measure = MeasureSettings(timeout_s=1.0)
    record = launch(spec, tmp_path / "run", surroundings(SLEEP, measure=measure))
    assert record.status == "failed"
    assert record.reason is not None
    assert record.reason.kind == "timeout"


def test_a_child_that_gets_the_groups_signal_first_is_interrupted_all_the_same(
    spec: RunSpec, tmp_path: Path, surroundings: Make
) -> None:
    stop = threading.Event()
    script = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"
    log = tmp_path / "run" / "log.txt"
    thread = threading.Thread(target=lambda: (wait_for(log.exists), stop.set()))
    thread.start()
    record = launch(spec, tmp_path / "run", surroundings(script, stop=stop))
    thread.join()
    assert record.status == "interrupted"


@pytest.mark.parametrize("script", [SLEEP, DEAF], ids=["obedient", "deaf to TERM"])
def test_a_stop_ends_the_child_and_is_recorded(
    spec: RunSpec, tmp_path: Path, surroundings: Make, script: str
) -> None:
    stop, before = threading.Event(), family()
    log = tmp_path / "run" / "log.txt"
    thread = threading.Thread(
        target=lambda: (wait_for(lambda: log.exists() and "here" in log.read_text()), stop.set())
    )
    thread.start()
    record = launch(spec, tmp_path / "run", surroundings(script, stop=stop))
    thread.join()
    assert record.status == "interrupted"
    assert family() == before


def test_a_stop_ends_the_childs_own_children(
    spec: RunSpec, tmp_path: Path, surroundings: Make
) -> None:
    stop = threading.Event()
    log = tmp_path / "run" / "log.txt"
    thread = threading.Thread(
        target=lambda: (
            wait_for(lambda: log.exists() and log.read_text().endswith("\n")),
            stop.set(),
        )
    )
    thread.start()
    launch(spec, tmp_path / "run", surroundings(FAMILY, stop=stop))
    thread.join()
    grandchild = int(log.read_text().splitlines()[0])
    wait_for(
        lambda: not psutil.pid_exists(grandchild) or psutil.Process(grandchild).status() == "zombie"
    )


def test_an_absent_gpu_is_skipped_without_starting_anything(
    spec: RunSpec, tmp_path: Path, surroundings: Make
) -> None:
    absent = spec.model_copy(update={"device": spec.device.parse("gpu:97")})
    record = launch(absent, tmp_path / "run", surroundings(SUCCESS))
    assert record.status == "skipped"
    assert record.reason is not None
    assert record.reason.kind == "device_unavailable"
    assert not (tmp_path / "run" / "log.txt").exists()


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_all_gpus_with_another_backend_are_skipped_and_say_why(
    spec: RunSpec, tmp_path: Path, surroundings: Make, backend: str
) -> None:
    everywhere = {"device": spec.device.parse("gpu:all"), "backend": backend}
    record = launch(spec.model_copy(update=everywhere), tmp_path / "run", surroundings(SUCCESS))
    assert record.status == "skipped"
    assert record.reason is not None
    assert record.reason.kind == "device_unavailable"
    assert "MirroredStrategy" in record.reason.message
    assert record.device_seen is None


def test_all_gpus_of_a_host_without_any_are_skipped(
    spec: RunSpec, tmp_path: Path, surroundings: Make
) -> None:
    everywhere = spec.model_copy(update={"device": spec.device.parse("gpu:all")})
    bare = surroundings(SUCCESS)
    bare = surroundings(SUCCESS, host=bare.host.model_copy(update={"gpus": ()}))
    record = launch(everywhere, tmp_path / "run", bare)
    assert record.status == "skipped"
    assert record.reason is not None
    assert record.reason.message.startswith("gpu:all needs a GPU, and NVML sees none: ")


@pytest.mark.parametrize(
    ("device", "watched"), [("gpu:1", {"gpu1"}), ("gpu:all", {"gpu0", "gpu1"})]
)
def test_the_gpus_that_a_run_trains_on_are_watched(
    spec: RunSpec, tmp_path: Path, surroundings: Make, device: str, watched: set[str]
) -> None:
    on_gpus = spec.model_copy(update={"device": spec.device.parse(device)})
    here = surroundings(SUCCESS).host
    two = here.model_copy(update={"gpus": (Gpu(index=0), Gpu(index=1))})
    record = launch(on_gpus, tmp_path / "run", surroundings(SUCCESS, host=two))
    assert record.status == "completed"
    columns = read_samples(tmp_path / "run" / "samples.csv.gz")
    assert {name.partition("_")[0] for name in columns if name.endswith("power_w")} == watched


def test_a_record_tells_what_its_backend_saw(
    spec: RunSpec, tmp_path: Path, surroundings: Make
) -> None:
    script = SUCCESS.replace("dict(marks=marks)", "dict(marks=marks, device_seen='2 gpu')")
    assert launch(spec, tmp_path / "run", surroundings(script)).device_seen == "2 gpu"


def test_an_absent_backend_is_skipped_and_says_what_to_install(
    spec: RunSpec, tmp_path: Path, surroundings: Make
) -> None:
    around = surroundings(SUCCESS)
    versions = {name: v for name, v in around.host.versions.items() if name != "jax"}
    bare = surroundings(SUCCESS, host=around.host.model_copy(update={"versions": versions}))
    record = launch(spec.model_copy(update={"backend": "jax"}), tmp_path / "run", bare)
    assert record.status == "skipped"
    assert record.reason is not None
    assert "lungbench[jax]" in record.reason.message


def test_a_child_that_finds_no_device_is_a_skipped_run(
    spec: RunSpec, tmp_path: Path, surroundings: Make
) -> None:
    script = (
        "import sys, pathlib, json\n"
        "word = dict(failure=dict(kind='device_unavailable', message='sees 0 GPUs'))\n"
        "(pathlib.Path(sys.argv[1]) / 'training.json').write_text(json.dumps(word))\n"
        "raise SystemExit(1)"
    )
    assert launch(spec, tmp_path / "run", surroundings(script)).status == "skipped"


def test_two_runs_on_one_host_wait_for_each_other(
    spec: RunSpec, tmp_path: Path, surroundings: Make
) -> None:
    stop = threading.Event()
    around = surroundings(SLEEP, stop=stop)
    first = threading.Thread(target=launch, args=(spec, tmp_path / "one", around))
    second = threading.Thread(target=launch, args=(spec, tmp_path / "two", around))
    first.start()
    wait_for((tmp_path / "one" / "log.txt").exists)
    second.start()
    time.sleep(1.2)  # more than two looks at the lock
    assert not (tmp_path / "two").exists()
    stop.set()
    first.join()
    second.join()
    assert on_disk(tmp_path / "two").status == "interrupted"


def test_a_folder_is_left_to_an_orphan_as_long_as_that_owns_the_host(
    spec: RunSpec, tmp_path: Path, surroundings: Make
) -> None:
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    (run_dir / "epochs.jsonl").write_text("the orphan's")
    ended: list[RunRecord] = []
    around = surroundings(SUCCESS)
    thread = threading.Thread(target=lambda: ended.append(launch(spec, run_dir, around)))
    with host_lock("an orphan", threading.Event()):
        thread.start()
        time.sleep(1.2)  # more than two looks at the lock
        assert [path.name for path in run_dir.iterdir()] == ["epochs.jsonl"]
        assert (run_dir / "epochs.jsonl").read_text() == "the orphan's"
    thread.join()
    assert [record.status for record in ended] == ["completed"]
    assert len(ended[0].epochs) == 3


def test_what_another_process_completed_while_the_host_was_waited_for_is_the_result(
    spec: RunSpec, tmp_path: Path, surroundings: Make
) -> None:
    ended: list[RunRecord] = []
    done = launch(spec, tmp_path / "elsewhere", surroundings(SUCCESS))
    later = surroundings("raise SystemExit(3)")
    thread = threading.Thread(target=lambda: ended.append(launch(spec, tmp_path / "run", later)))
    with host_lock("another", threading.Event()):
        thread.start()
        time.sleep(0.7)  # more than one look at the lock
        (tmp_path / "elsewhere").rename(tmp_path / "run")
    thread.join()
    assert ended == [done]


def test_a_stop_before_a_runs_turn_leaves_what_its_last_attempt_recorded(
    spec: RunSpec, tmp_path: Path, surroundings: Make
) -> None:
    stop = threading.Event()
    failed = launch(spec, tmp_path / "run", surroundings("raise SystemExit(3)"))
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    stop.set()
    assert launch(spec, tmp_path / "run", surroundings(SUCCESS, stop=stop)) == failed
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


def test_the_host_is_free_as_soon_as_a_killed_child_is_gone(
    spec: RunSpec, tmp_path: Path, surroundings: Make
) -> None:
    log = tmp_path / "one" / "log.txt"
    before = family()
    thread = threading.Thread(target=launch, args=(spec, tmp_path / "one", surroundings(SLEEP)))
    thread.start()
    wait_for(lambda: log.exists() and "here" in log.read_text())
    [child] = family() - before
    child.send_signal(signal.SIGKILL)
    thread.join()
    assert launch(spec, tmp_path / "two", surroundings(SUCCESS)).status == "completed"
