"""Real processes; the only stand-in is the GPU, on a machine that need not have one."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pynvml
import pytest

from lungbench.record import Resources
from lungbench.resources import nvml
from lungbench.resources.sampler import Sampler, host_busy_s, host_stolen_s, read_samples
from lungbench.resources.samples import tick

MIB = 2**20
NEVER_A_PID = 2**31 - 1  # Linux numbers processes up to 2**22
SLEEPS = "import sys; sys.stdin.read()"
BUSY = "while True: pass"
SPAWNS = "import subprocess, sys\nkid = subprocess.Popen([sys.executable, '-c', {0!r}])\n{1}"

Program = subprocess.Popen[bytes]
Start = Callable[[str], Program]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "samples.csv.gz"


@pytest.fixture
def start() -> Iterator[Start]:
    """Start programs, and end them with their children afterwards."""
    started: list[Program] = []

    def start_one(program: str) -> Program:
        started.append(subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE))
        return started[-1]

    yield start_one
    for process in started:
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
        process.kill()
        process.__exit__(None, None, None)


def until(condition: Callable[[], bool]) -> None:
    """Wait for what must come; the test run's own timeout ends a wait in vain."""
    while not condition():
        time.sleep(0.01)


def rows(out: Path) -> int:
    return len(read_samples(out).get("t_s", [])) if out.exists() else 0


def sampled(pid: int, out: Path, until_then: Callable[[], bool], **options: Any) -> Resources:
    """Watch a process quickly until a condition holds."""
    sampler = Sampler(pid, out=out, started=time.monotonic(), interval_s=0.1, **options)
    sampler.start()
    until(until_then)
    resources = sampler.stop()
    assert sampler.failure is None
    return resources


def later(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


def cpu_s(process: psutil.Process) -> float:
    return sum(process.cpu_times()[:2])


def test_a_busy_grandchild_is_counted_as_the_kernel_counts_it(start: Start, out: Path) -> None:
    started = time.monotonic()
    process = start(SPAWNS.format(BUSY, BUSY))
    until(lambda: len(psutil.Process(process.pid).children()) == 1)
    tree = [psutil.Process(process.pid), *psutil.Process(process.pid).children()]
    sampler = Sampler(process.pid, out=out, started=started, interval_s=0.1)
    sampler.start()
    until(lambda: min(map(cpu_s, tree)) > 0.3)
    before = sum(map(cpu_s, tree))
    until(later(0.1))  # so that a reading follows; one too soon after another shows no rate
    sampler.stop()
    after = sum(map(cpu_s, tree))
    assert before <= counted_s(out) + 0.01 * len(tree) * 2  # a clock has ticks of 10 ms
    assert counted_s(out) <= after + 0.01 * len(tree) * 2
    assert read_samples(out)["processes"][-1] == 2


def counted_s(out: Path) -> float:
    """Add up the CPU seconds that the rows show: their percentages over their time."""
    samples = read_samples(out)
    total, before = 0.0, 0.0
    for t_s, percent in zip(samples["t_s"], samples["cpu_percent"], strict=True):
        if t_s is not None and percent is not None:
            total, before = total + (t_s - before) * percent / 100, t_s
    return total


def test_memory_that_a_grandchild_holds_shows(start: Start, out: Path) -> None:
    hungry = f"kept = b'x' * (100 * {MIB})\n{SLEEPS}"
    process = start(SPAWNS.format(hungry, "kid.wait()"))
    root = psutil.Process(process.pid)
    until(lambda: any(child.memory_info().rss > 100 * MIB for child in root.children()))
    resources = sampled(process.pid, out, later(0.25))
    assert resources.rss_peak_bytes is not None
    assert resources.rss_peak_bytes > 100 * MIB


def test_a_process_that_ends_midway_leaves_empty_cells(start: Start, out: Path) -> None:
    process = start(SLEEPS)
    sampler = Sampler(process.pid, out=out, started=time.monotonic(), interval_s=0.1)
    sampler.start()
    until(later(0.25))
    process.kill()
    process.wait()
    until(later(0.25))
    resources = sampler.stop()
    samples = read_samples(out)
    assert samples["rss_bytes"][0] is not None
    assert samples["rss_bytes"][-1] is None
    assert samples["cpu_percent"][-1] is None
    assert samples["processes"][-1] == 0
    assert samples["host_memory_used_bytes"][-1] is not None
    assert resources.rss_peak_bytes == max(v for v in samples["rss_bytes"] if v is not None)


def test_a_zombie_is_no_living_process(start: Start, out: Path) -> None:
    process = start("pass")
    root = psutil.Process(process.pid)
    until(lambda: root.status() == psutil.STATUS_ZOMBIE)
    sampled(process.pid, out, later(0.15))
    assert set(read_samples(out)["processes"]) == {0}
    assert set(read_samples(out)["rss_bytes"]) == {0}


def test_a_pid_that_never_existed_leaves_the_host_to_be_read(out: Path) -> None:
    resources = sampled(NEVER_A_PID, out, later(0.25))
    assert resources.cpu_percent_mean is None
    assert resources.rss_peak_bytes is None
    assert resources.host_cpu_percent_mean is not None
    assert resources.samples > 0


def test_a_run_shorter_than_one_interval_still_has_a_first_and_a_last_reading(
    start: Start, out: Path
) -> None:
    process = start(SLEEPS)
    sampler = Sampler(process.pid, out=out, started=time.monotonic(), interval_s=60.0)
    sampler.start()
    until(later(0.1))
    resources = sampler.stop()
    assert resources.samples == 2
    assert resources.coverage_percent is None


def test_each_due_moment_is_read_once_and_not_before_it_is_due(start: Start, out: Path) -> None:
    sampled(start(SLEEPS).pid, out, later(1.05))
    inner = [t for t in read_samples(out)["t_s"] if t is not None][1:-1]
    numbers = [tick(t, 0.1) for t in inner]
    assert numbers == sorted(set(numbers))
    assert all(t >= number * 0.1 - 0.001 for t, number in zip(inner, numbers, strict=True))


@pytest.mark.parametrize(
    ("elapsed_s", "wait_s"),
    [(0.0, 1.0), (0.25, 0.75), (1.0, 1.0), (1.25, 0.75), (7.5, 0.5), (7.995, 1.005)],
)
def test_the_next_reading_is_due_at_the_next_multiple_of_the_interval(
    out: Path, monkeypatch: pytest.MonkeyPatch, elapsed_s: float, wait_s: float
) -> None:
    # the last one: a reading within a hundredth of a moment stands for that moment
    sampler = Sampler(NEVER_A_PID, out=out, started=0.0, interval_s=1.0)
    monkeypatch.setattr(sampler, "_elapsed_s", lambda: elapsed_s)
    assert sampler._until_due_s() == pytest.approx(wait_s)


def test_readings_missed_before_the_sampler_started_lower_the_coverage(
    start: Start, out: Path
) -> None:
    process = start(SLEEPS)
    sampler = Sampler(process.pid, out=out, started=time.monotonic() - 10, interval_s=1.0)
    sampler.start()
    until(later(0.1))
    coverage = sampler.stop().coverage_percent
    assert coverage is not None
    assert coverage <= 20.0  # at most 2 of the 10 that were due


def test_the_sampler_knows_what_it_costs(start: Start, out: Path) -> None:
    overhead = sampled(start(SLEEPS).pid, out, later(0.25)).sampler_overhead_percent
    assert overhead is not None
    assert overhead > 0


def test_load_of_others_is_the_hosts_without_the_trees(start: Start, out: Path) -> None:
    sampled(start(BUSY).pid, out, later(0.5))
    samples = read_samples(out)
    logical = psutil.cpu_count() or 1
    columns = ("cpu_percent", "host_cpu_percent", "other_load_percent")
    known = [
        values
        for values in zip(*(samples[name] for name in columns), strict=True)
        if None not in values
    ]
    assert known
    for own, host, other in known:
        assert own is not None
        assert host is not None
        assert other == pytest.approx(max(0.0, host * logical - own), abs=0.01 * logical)


PROC_STAT = "cpu  100 0 50 600 0 0 0 {steal} 0 0\ncpu0 100 0 50 600 0 0 0 {steal} 0 0\n"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's /proc/stat")
def test_stolen_time_is_read_where_the_kernel_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks_per_s = os.sysconf("SC_CLK_TCK")
    (tmp_path / "stat").write_text(PROC_STAT.format(steal=3 * ticks_per_s))
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path))
    assert host_stolen_s() == 3.0
    assert host_busy_s() == 150 / ticks_per_s  # stolen and idle time is no work


def test_stolen_time_is_a_share_of_all_processors(
    start: Start, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a machine from which the hypervisor takes half of every processor, all the time
    began, processors = time.monotonic(), os.cpu_count() or 1
    monkeypatch.setattr(
        "lungbench.resources.sampler.host_stolen_s",
        lambda: (time.monotonic() - began) * processors / 2,
    )
    resources = sampled(start(SLEEPS).pid, out, later(0.35))
    assert resources.steal_percent == pytest.approx(50, abs=10)  # clocks are read moments apart


def test_a_stranger_on_the_gpu_is_seen_and_the_run_itself_is_none(
    start: Start, out: Path, nvml_stand_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nvml, "numbers_are_the_hosts", lambda: True)
    process = start(SLEEPS)
    library = nvml_stand_in()
    library.answers["nvmlDeviceGetComputeRunningProcesses"] = [
        SimpleNamespace(pid=pid, usedGpuMemory=MIB) for pid in (process.pid, NEVER_A_PID)
    ]
    resources = sampled(process.pid, out, later(0.25), gpus=(0,), library=library)
    assert resources.gpu_strangers_max == 1


def test_a_folder_that_is_absent_fails_the_sampler_and_nothing_else(
    start: Start, tmp_path: Path
) -> None:
    process = start(SLEEPS)
    sampler = Sampler(process.pid, out=tmp_path / "no" / "s.csv.gz", started=time.monotonic() - 5)
    sampler.start()
    resources = sampler.stop()
    assert resources.samples == 0
    assert resources.coverage_percent == 0.0
    assert "FileNotFoundError" in str(sampler.failure)
    assert process.poll() is None


def test_a_sampler_that_never_started_can_be_stopped(out: Path) -> None:
    sampler = Sampler(NEVER_A_PID, out=out, started=time.monotonic())
    assert sampler.stop().samples == 0


def test_stopping_twice_gives_the_same_rows(start: Start, out: Path) -> None:
    sampler = Sampler(start(SLEEPS).pid, out=out, started=time.monotonic(), interval_s=0.1)
    sampler.start()
    until(later(0.25))
    assert sampler.stop().samples == sampler.stop().samples


def test_a_killed_parent_leaves_readable_samples(start: Start, out: Path) -> None:
    watcher = start(
        "import os, time\nfrom pathlib import Path\n"
        "from lungbench.resources.sampler import Sampler\n"
        f"sampler = Sampler(os.getpid(), out=Path({str(out)!r}), started=time.monotonic(),"
        " interval_s=0.01)\nsampler.start()\ntime.sleep(600)\n"
    )
    until(lambda: rows(out) >= 30)
    watcher.kill()
    watcher.wait()
    samples = read_samples(out)
    assert len(samples["t_s"]) >= 30
    assert len({len(values) for values in samples.values()}) == 1


def test_energy_is_the_counters_gain_over_the_selected_gpus(
    start: Start, out: Path, nvml_stand_in: Any
) -> None:
    library = nvml_stand_in(gpus=2)
    library.energy_step_mj = 7000  # the one counter of both gains 7 J whenever it is asked
    resources = sampled(start(SLEEPS).pid, out, later(0.25), gpus=(0, 1), library=library)
    asked = 2 * resources.samples
    # the first GPU is asked first of all and next to last, the second GPU second and last
    assert resources.energy_j == 2 * 7.0 * (asked - 2)
    assert library.open == 0


def test_gpus_are_read_beside_the_processes(start: Start, out: Path, nvml_stand_in: Any) -> None:
    resources = sampled(start(SLEEPS).pid, out, later(0.25), gpus=(0,), library=nvml_stand_in())
    assert resources.gpu_percent_mean == pytest.approx(87.0)
    assert resources.gpu_memory_peak_bytes == 1024 * MIB
    assert resources.gpu_power_mean_w == pytest.approx(215.5)
    assert resources.gpu_throttle_reasons == ("sw_power_cap",)


def test_a_gpu_that_is_lost_leaves_its_cells_empty_and_says_why(
    start: Start, out: Path, nvml_stand_in: Any
) -> None:
    lost = pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
    library = nvml_stand_in(failing={"nvmlDeviceGetPowerUsage": lost})
    sampler = Sampler(
        start(SLEEPS).pid,
        out=out,
        started=time.monotonic(),
        interval_s=0.1,
        gpus=(0,),
        library=library,
    )
    sampler.start()
    until(later(0.25))
    resources = sampler.stop()
    assert resources.gpu_power_mean_w is None
    assert resources.gpu_percent_mean == pytest.approx(87.0)
    assert sampler.missing["gpu 0 power_w"] == "GPU is lost"


def test_a_machine_without_nvml_leaves_every_gpu_cell_empty(
    start: Start, out: Path, nvml_stand_in: Any
) -> None:
    absent = pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)
    library = nvml_stand_in(failing={"nvmlInit": absent})
    resources = sampled(start(SLEEPS).pid, out, later(0.15), gpus=(0,), library=library)
    assert resources.gpu_percent_mean is None
    assert resources.gpu_throttle_reasons is None
    assert resources.energy_j is None
    assert resources.cpu_percent_mean is not None


def test_an_unforeseen_failure_of_the_gpu_ends_the_sampling_only(
    start: Start, out: Path, nvml_stand_in: Any
) -> None:
    library = nvml_stand_in(failing={"nvmlDeviceGetPowerUsage": RuntimeError("unforeseen")})
    sampler = Sampler(
        start(SLEEPS).pid, out=out, started=time.monotonic() - 10, gpus=(0,), library=library
    )
    sampler.start()
    assert sampler.stop().coverage_percent == 0.0
    assert sampler.failure == "RuntimeError: unforeseen"


def test_the_nodes_energy_is_read_with_every_sample(
    start: Start, out: Path, tmp_path: Path
) -> None:
    zone = tmp_path / "sys/class/powercap/intel-rapl:0"
    zone.mkdir(parents=True)
    for name, text in (("name", "package-0"), ("max_energy_range_uj", "1000000000")):
        (zone / name).write_text(text)
    (zone / "energy_uj").write_text("999000000")
    process = start(SLEEPS)
    sampler = Sampler(process.pid, out=out, started=time.monotonic(), interval_s=0.1, root=tmp_path)
    sampler.start()
    until(later(0.25))
    (zone / "energy_uj").write_text("1500000")  # it started again from 0
    resources = sampler.stop()
    assert sampler.failure is None
    assert resources.node_energy_j == {"package-0": 2.5}
    assert resources.node_energy_missing is None


def test_a_node_without_counters_says_why_its_energy_is_unknown(
    start: Start, out: Path, tmp_path: Path
) -> None:
    process = start(SLEEPS)
    sampler = Sampler(process.pid, out=out, started=time.monotonic(), interval_s=0.1, root=tmp_path)
    sampler.start()
    until(later(0.15))
    resources = sampler.stop()
    assert resources.node_energy_j is None
    assert "no counter" in str(resources.node_energy_missing)
    assert sampler.missing["energy of the node"] == resources.node_energy_missing
