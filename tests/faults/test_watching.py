"""Rows 35 to 40: what watches a training fails, and the training doesn't notice."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pynvml
import pytest
from fault_lab import LONG, Lab, Outcome, wait_for
from fault_points import Plan
from fault_tally import Fault

from lungbench.job import LOG_FILE, SAMPLES_FILE
from lungbench.record import Gpu, RunRecord
from lungbench.resources.nvml import Nvml, open_nvml
from lungbench.resources.process_tree import ProcessTree
from lungbench.resources.sampler import Sampler
from lungbench.resources.samples import read_samples
from lungbench.run.child import Child

STAND_IN = "NVIDIA's library, by a stand-in that raises its errors"
FIELDS = {
    "utilisation_percent": "nvmlDeviceGetUtilizationRates",
    "memory_used_bytes": "nvmlDeviceGetMemoryInfo",
    "power_w": "nvmlDeviceGetPowerUsage",
    "temperature_c": "nvmlDeviceGetTemperature",
    "sm_clock_mhz": "nvmlDeviceGetClockInfo",
    "energy_j": "nvmlDeviceGetTotalEnergyConsumption",
    "throttle_bits": "nvmlDeviceGetCurrentClocksEventReasons",
}
ERRORS = [
    getattr(pynvml, name)
    for name in dir(pynvml)
    if name.startswith("NVML_ERROR_") and isinstance(getattr(pynvml, name), int)
]
# What a broken driver or an older module does instead of raising an error of its own.
OTHERS = [AttributeError("no such function"), OSError(5, "input/output error"), ValueError("x")]


@pytest.fixture
def outcome(whole: Any) -> Outcome:
    """What the run computes under a library that works; the same as on any device."""
    result: Outcome = whole()
    return result


@pytest.fixture
def on_a_gpu(outcome: Outcome, lab: Lab) -> Lab:
    """A run on a GPU of this host, which is a stand-in."""
    lab.spec = lab.spec.model_copy(update={"device": lab.spec.device.parse("gpu:0")})
    lab.host = lab.host.model_copy(update={"gpus": (Gpu(index=0, memory_bytes=2**34),)})
    return lab


def watched(lab: Lab, run_dir: Path, whole: Outcome, **plan: Any) -> RunRecord:
    """Train under a failing watcher; the run must complete all the same."""
    record = lab.launch(run_dir, Plan(**plan), sample_interval_s=0.1)
    assert record.status == "completed", record.reason
    assert record.resources is not None
    assert Outcome.of(run_dir) == whole
    return record


def not_measured(run_dir: Path) -> str:
    lines = (run_dir / LOG_FILE).read_text().splitlines()
    return "\n".join(line for line in lines if line.startswith("not measured: "))


@pytest.mark.fault(35)
@pytest.mark.parametrize("how", ["package", "library"])
def test_without_nvml_a_run_completes_and_says_what_is_missing(
    on_a_gpu: Lab,
    outcome: Outcome,
    nvml_stand_in: Any,
    tmp_path: Path,
    fault: Fault,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    with fault.trial():
        fault.by(STAND_IN)
        absent = pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)
        library = None if how == "package" else nvml_stand_in(failing={"nvmlInit": absent})
        monkeypatch.setitem(sys.modules, "pynvml", library)
        record = watched(on_a_gpu, tmp_path / "run", outcome)
        assert record.resources
        assert record.resources.gpu_percent_mean is None
        assert record.resources.energy_j is None
        assert "nvml: " in not_measured(tmp_path / "run")


@pytest.mark.fault(36)
def test_nvml_that_fails_at_its_start_is_a_reason_and_no_more(
    on_a_gpu: Lab,
    outcome: Outcome,
    nvml_stand_in: Any,
    tmp_path: Path,
    fault: Fault,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fault.by(STAND_IN)
    errors: list[Exception] = [*map(pynvml.NVMLError, ERRORS), *OTHERS[:2]]
    for error in errors:
        with fault.trial(), open_nvml(nvml_stand_in(failing={"nvmlInit": error})) as nvml:
            assert nvml.unavailable
            assert nvml.count() == 0
            assert nvml.read(0).power_w is None
    with fault.trial():
        error = pynvml.NVMLError(pynvml.NVML_ERROR_DRIVER_NOT_LOADED)
        monkeypatch.setitem(sys.modules, "pynvml", nvml_stand_in(failing={"nvmlInit": error}))
        record = watched(on_a_gpu, tmp_path / "run", outcome)
        assert record.resources
        assert record.resources.gpu_memory_peak_bytes is None
        assert str(error) in not_measured(tmp_path / "run")


@pytest.mark.fault(37)
def test_a_field_that_fails_is_missing_and_the_others_are_there(
    nvml_stand_in: Any, fault: Fault
) -> None:
    fault.by(STAND_IN)
    errors: list[Exception] = [*map(pynvml.NVMLError, ERRORS), *OTHERS]
    for field, function in FIELDS.items():
        for error in errors:
            with fault.trial():
                library = nvml_stand_in(failing={function: error})
                if isinstance(error, pynvml.NVMLError_FunctionNotFound):
                    library.failing["nvmlDeviceGetCurrentClocksThrottleReasons"] = error
                with open_nvml(library) as nvml:
                    reading = nvml.read(0)
                    assert getattr(reading, field) is None
                    others = {name for name in FIELDS if getattr(reading, name) is None} - {field}
                    assert not others
                    assert str(error) in nvml.missing[f"gpu 0 {field}"]
                assert library.open == 0


@pytest.mark.fault(37)
def test_a_run_of_which_every_field_fails_completes(
    on_a_gpu: Lab,
    outcome: Outcome,
    nvml_stand_in: Any,
    tmp_path: Path,
    fault: Fault,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with fault.trial():
        fault.by(STAND_IN)
        error = pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        failing = dict.fromkeys(FIELDS.values(), error)
        monkeypatch.setitem(sys.modules, "pynvml", nvml_stand_in(failing=failing))
        record = watched(on_a_gpu, tmp_path / "run", outcome)
        assert record.resources
        assert record.resources.gpu_percent_mean is None
        said = not_measured(tmp_path / "run")
        assert all(f"gpu 0 {field}: " in said for field in FIELDS)


@pytest.mark.fault(38)
def test_a_gpu_lost_during_a_run_leaves_the_readings_before(
    on_a_gpu: Lab,
    outcome: Outcome,
    nvml_stand_in: Any,
    tmp_path: Path,
    fault: Fault,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fault.by(STAND_IN)
    with fault.trial():
        library, run_dir = nvml_stand_in(), tmp_path / "run"
        monkeypatch.setitem(sys.modules, "pynvml", library)
        plan = Plan(at={"batch:4": f"wait={tmp_path}"}, batch_s=0.1)
        flight = on_a_gpu.begin(run_dir, plan, sample_interval_s=0.1)
        wait_for((tmp_path / "reached").exists)
        lost = pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        library.failing |= dict.fromkeys((*FIELDS.values(), "nvmlDeviceGetHandleByIndex"), lost)
        (tmp_path / "go").touch()
        assert flight.record().status == "completed"
        assert Outcome.of(run_dir) == outcome
        power = read_samples(run_dir / SAMPLES_FILE)["gpu0_power_w"]
        assert power[0] is not None
        assert power[-1] is None
        assert str(lost) in not_measured(run_dir)


@pytest.mark.fault(38)
def test_a_training_that_fails_with_its_gpu_says_so_and_the_checkpoint_is_kept(
    on_a_gpu: Lab,
    outcome: Outcome,
    nvml_stand_in: Any,
    tmp_path: Path,
    fault: Fault,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with fault.trial():
        monkeypatch.setitem(sys.modules, "pynvml", nvml_stand_in())
        words = "CUDA error: device is lost"
        record = on_a_gpu.launch(
            tmp_path / "run", Plan(at={"batch:5": f"raise=RuntimeError:{words}"})
        )
        assert record.status == "failed"
        assert record.reason
        assert words in record.reason.message
        assert on_a_gpu.committed(tmp_path / "run") == (1, 0)
        on_a_gpu.finish(tmp_path / "run", outcome)


@pytest.mark.fault(39)
@pytest.mark.parametrize("when", [pytest.param("at once", marks=pytest.mark.long), "later"])
def test_a_sampler_that_dies_leaves_the_run_whole(
    lab: Lab,
    whole: Any,
    tmp_path: Path,
    fault: Fault,
    monkeypatch: pytest.MonkeyPatch,
    when: str,
) -> None:
    expected, real, calls = whole(), Sampler._sample, iter(range(10**6))

    def dying(self: Sampler, nvml: Nvml) -> Any:
        if when == "at once" or next(calls) == 3:
            raise RuntimeError("the sampler dies")
        return real(self, nvml)

    with fault.trial():
        monkeypatch.setattr(Sampler, "_sample", dying)
        record = watched(lab, tmp_path / "run", expected, batch_s=0.1)
        assert record.resources
        assert record.resources.samples == (0 if when == "at once" else 3)
        assert "sampling ended early: RuntimeError: the sampler dies" in not_measured(
            tmp_path / "run"
        )


@pytest.mark.fault(39)
def test_a_sampler_that_is_blocked_does_not_hold_up_the_record(
    on_a_gpu: Lab,
    outcome: Outcome,
    nvml_stand_in: Any,
    tmp_path: Path,
    fault: Fault,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with fault.trial():
        fault.by(STAND_IN)
        released = threading.Event()

        class Blocked(nvml_stand_in):  # type: ignore[misc]
            def nvmlDeviceGetPowerUsage(self, _: int) -> int:  # noqa: N802 - as pynvml names it
                if threading.current_thread().name == "sampler":
                    released.wait(60)
                return 1

        if not LONG:
            monkeypatch.setattr("lungbench.resources.sampler._JOIN_S", 0.5)
        monkeypatch.setitem(sys.modules, "pynvml", Blocked())
        began = time.monotonic()
        watched(on_a_gpu, tmp_path / "run", outcome)
        assert time.monotonic() - began < 50  # it didn't wait for what blocks for a minute
        assert "sampling ended early: TimeoutError" in not_measured(tmp_path / "run")
        released.set()


@pytest.mark.fault(40)
def test_a_training_with_zombies_is_watched_to_its_end(
    lab: Lab, whole: Any, tmp_path: Path, fault: Fault
) -> None:
    expected = whole()
    with fault.trial():
        plan: dict[str, Any] = {"at": {f"batch:{n}": "zombie" for n in (1, 2, 3)}}
        record = watched(lab, tmp_path / "run", expected, batch_s=0.1, **plan)
        assert record.resources
        assert record.resources.rss_peak_bytes
        assert max(read_samples(tmp_path / "run" / SAMPLES_FILE)["processes"] or []) == 1


@pytest.mark.fault(40)
@pytest.mark.parametrize(
    "asked",
    [
        "memory_info",
        *(
            pytest.param(each, marks=pytest.mark.long)
            for each in ("cpu_times", "children", "status")
        ),
    ],
)
def test_processes_that_may_not_be_looked_at_are_a_gap(
    lab: Lab,
    whole: Any,
    tmp_path: Path,
    fault: Fault,
    monkeypatch: pytest.MonkeyPatch,
    asked: str,
) -> None:
    expected, me = whole(), os.getpid()
    real = getattr(psutil.Process, asked)

    def denied(self: psutil.Process, *given: Any, **named: Any) -> Any:
        if self.pid != me:
            raise psutil.AccessDenied(self.pid)
        return real(self, *given, **named)

    with fault.trial():
        fault.by("psutil's AccessDenied, raised in place of the answer")
        monkeypatch.setattr(psutil.Process, asked, denied)
        watched(lab, tmp_path / "run", expected, batch_s=0.1)


@pytest.fixture
def reused() -> Iterator[tuple[psutil.Process, "subprocess.Popen[bytes]"]]:
    """A process that is gone, and an innocent one that got its number."""
    numbers = Path("/proc/sys/kernel/ns_last_pid")
    for _ in range(50):
        with subprocess.Popen(["sleep", "600"]) as first:
            gone = psutil.Process(first.pid)
            first.kill()
        try:
            numbers.write_text(str(gone.pid - 1))
        except OSError as error:
            pytest.skip(f"the kernel doesn't let numbers be chosen here ({error.strerror})")
        innocent = subprocess.Popen(["sleep", "600"])
        if innocent.pid == gone.pid and psutil.Process(innocent.pid) != gone:
            yield gone, innocent
            innocent.kill()
            innocent.wait()
            return
        innocent.kill()
        innocent.wait()
    pytest.skip("another process took the number each time")


@pytest.mark.fault(40)
def test_a_process_that_got_a_dead_ones_number_is_neither_counted_nor_killed(
    reused: tuple[psutil.Process, "subprocess.Popen[bytes]"],
    lab: Lab,
    tmp_path: Path,
    fault: Fault,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gone, innocent = reused
    with fault.trial():
        tree = ProcessTree(os.getpid())
        tree.read()
        tree._clocks[gone] = next(iter(tree._clocks.values()))
        tree.read()
        assert gone not in tree._clocks
    with fault.trial():
        monkeypatch.setattr("lungbench.run.child._descendants", lambda _: [gone])
        child = Child(tmp_path, {}, command=("sleep", "600", "--"))
        child.end(0)
        child.close()
        assert innocent.poll() is None
