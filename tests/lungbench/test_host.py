import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil
import pynvml
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungbench import host
from lungbench.device import Device
from lungbench.errors import DeviceUnavailable
from lungbench.experiment import Matrix
from lungbench.host import describe_host, pick_cpus, unavailable, usable_cpus, why_unusable
from lungbench.record import Gpu, Host

HERE = Host(
    hostname="lab", os="Linux", cpu_logical=8, cpu_usable=4, memory_bytes=2**33, versions={}
)
TWO_GPUS = HERE.model_copy(update={"gpus": (Gpu(index=0), Gpu(index=1))})


def topology(root: Path, cores: dict[int, tuple[int, int]]) -> Path:
    """Lay out a sysfs in which each processor has (package, core)."""
    for cpu, (package, core) in cores.items():
        folder = root / f"sys/devices/system/cpu/cpu{cpu}/topology"
        folder.mkdir(parents=True)
        (folder / "physical_package_id").write_text(f"{package}\n")
        (folder / "core_id").write_text(f"{core}\n")
    return root


def version_2_limits(root: Path, **limits: str) -> Path:
    group = root / "sys/fs/cgroup"
    group.mkdir(parents=True)
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text("0::/\n")
    (root / "proc/self/mountinfo").write_text("30 23 0:27 / /sys/fs/cgroup rw - cgroup2 c rw\n")
    for name, text in limits.items():
        (group / name.replace("_", ".")).write_text(text + "\n")
    return root


def given_cpus(monkeypatch: pytest.MonkeyPatch, *cpus: int) -> None:
    monkeypatch.setattr(host, "usable_cpus", lambda: cpus)


def test_this_machine_is_described() -> None:
    here = describe_host(gpus=False)
    assert here.cpu_logical == os.cpu_count()
    assert 1 <= here.cpu_usable <= here.cpu_logical
    assert 0 < here.memory_bytes <= psutil.virtual_memory().total
    assert here.cpu_model
    assert platform.machine() in here.os


def test_versions_are_those_installed_and_absent_packages_are_left_out() -> None:
    versions = describe_host(gpus=False).versions
    assert versions["python"] == platform.python_version()
    assert versions["numpy"] == metadata.version("numpy")
    installed = {dist.name.lower() for dist in metadata.distributions()}
    assert versions.keys() - {"python"} <= installed


def test_gpus_and_the_drivers_cuda_version_are_described(nvml_stand_in: Any) -> None:
    here = describe_host(library=nvml_stand_in(gpus=2))
    assert [gpu.name for gpu in here.gpus] == ["Stand-in GPU", "Stand-in GPU"]
    assert here.versions["cuda_driver"] == "12.4"


def test_gpus_are_not_asked_for_when_not_wanted(nvml_stand_in: Any) -> None:
    assert describe_host(gpus=False, library=nvml_stand_in()).gpus == ()


def test_a_quota_below_the_processors_limits_what_is_usable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_cpus(monkeypatch, *range(16))
    root = version_2_limits(tmp_path, cpu_max="250000 100000")
    assert describe_host(gpus=False, root=root).cpu_usable == 2


def test_a_quota_of_half_a_processor_leaves_one_usable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_cpus(monkeypatch, *range(16))
    root = version_2_limits(tmp_path, cpu_max="50000 100000")
    assert describe_host(gpus=False, root=root).cpu_usable == 1


def test_a_quota_above_the_affinity_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_cpus(monkeypatch, 4, 7)
    root = version_2_limits(tmp_path, cpu_max="900000 100000")
    assert describe_host(gpus=False, root=root).cpu_usable == 2


def test_a_memory_limit_below_the_machine_counts(tmp_path: Path) -> None:
    root = version_2_limits(tmp_path, memory_max="1048576")
    assert describe_host(gpus=False, root=root).memory_bytes == 1048576


def test_a_memory_limit_above_the_machine_does_not(tmp_path: Path) -> None:
    root = version_2_limits(tmp_path, memory_max=str(2**60))
    assert describe_host(gpus=False, root=root).memory_bytes == psutil.virtual_memory().total


def test_the_processor_is_named_by_the_kernel(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text("processor\t: 0\nmodel name\t: Abacus 9000\n")
    assert describe_host(gpus=False, root=tmp_path).cpu_model == "Abacus 9000"


def test_a_kernel_that_names_no_processor_leaves_it_to_the_platform(tmp_path: Path) -> None:
    expected = platform.processor() or platform.machine()
    assert describe_host(gpus=False, root=tmp_path).cpu_model == expected


def test_usable_processors_follow_the_affinity() -> None:
    before = os.sched_getaffinity(0)
    assert usable_cpus() == tuple(sorted(before))
    try:
        os.sched_setaffinity(0, {min(before)})
        assert usable_cpus() == (min(before),)
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(
    ("layout", "order"),
    [
        # siblings far apart, as most Intel and AMD servers number them
        ({0: (0, 0), 1: (0, 1), 2: (0, 0), 3: (0, 1)}, (0, 1, 2, 3)),
        # siblings side by side, as virtual machines number them
        ({0: (0, 0), 1: (0, 0), 2: (0, 1), 3: (0, 1)}, (0, 2, 1, 3)),
        # two packages that both count their cores from 0
        ({0: (0, 0), 1: (1, 0), 2: (0, 0), 3: (1, 0)}, (0, 1, 2, 3)),
    ],
)
def test_siblings_of_a_core_come_last(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    layout: dict[int, tuple[int, int]],
    order: tuple[int, ...],
) -> None:
    given_cpus(monkeypatch, *layout)
    root = topology(tmp_path, layout)
    assert [pick_cpus(n, root=root) for n in range(1, 5)] == [order[:n] for n in range(1, 5)]


def test_only_usable_processors_are_picked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given_cpus(monkeypatch, 2, 3)
    root = topology(tmp_path, {0: (0, 0), 1: (0, 1), 2: (0, 0), 3: (0, 1)})
    assert pick_cpus(2, root=root) == (2, 3)


def test_without_a_topology_the_lowest_numbers_are_picked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_cpus(monkeypatch, 1, 3, 5)
    assert pick_cpus(2, root=tmp_path) == (1, 3)


def test_more_threads_than_processors_are_refused() -> None:
    with pytest.raises(DeviceUnavailable, match=f"at most {len(usable_cpus())}"):
        pick_cpus(len(usable_cpus()) + 1)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3)), min_size=1, max_size=8))
@settings(max_examples=30)
def test_no_core_is_used_twice_before_each_is_used_once(
    tmp_path_factory: pytest.TempPathFactory, cores: list[tuple[int, int]]
) -> None:
    layout = dict(enumerate(cores))
    root = topology(tmp_path_factory.mktemp("sysfs"), layout)
    with pytest.MonkeyPatch.context() as monkeypatch:
        given_cpus(monkeypatch, *layout)
        picked = pick_cpus(len(cores), root=root)
    assert sorted(picked) == sorted(layout)
    first = [layout[cpu] for cpu in picked[: len(set(cores))]]
    assert len(set(first)) == len(first)


@pytest.mark.parametrize("text", ["cpu", "cpu:threads=1", "cpu:threads=4", "gpu:0", "gpu:1"])
def test_a_device_that_is_there_has_no_complaint(text: str) -> None:
    assert unavailable(Device.parse(text), TWO_GPUS) is None


def test_all_gpus_are_there_when_one_is() -> None:
    one = HERE.model_copy(update={"gpus": (Gpu(index=0),)})
    assert unavailable(Device.parse("gpu:all"), one) is None


def test_more_threads_than_usable_say_how_many_are() -> None:
    why = unavailable(Device.parse("cpu:threads=5"), TWO_GPUS)
    assert why == "cpu:threads=5 asks for more than the 4 processors usable here"


def test_an_absent_gpu_says_which_are_there() -> None:
    why = unavailable(Device.parse("gpu:2"), TWO_GPUS)
    assert why == "gpu:2 is absent; NVML sees 2: gpu:0, gpu:1"


def test_a_device_that_a_backend_cannot_use_is_told_from_one_that_is_absent() -> None:
    matrix = Matrix(
        models=("cnn10",),
        devices=(Device.parse("gpu:all"), Device.parse("gpu:7")),
        backends=("tensorflow", "jax"),
    )
    first, second, *absent = why_unusable(matrix, TWO_GPUS)
    assert first is None
    assert "MirroredStrategy" in str(second)
    assert absent == ["gpu:7 is absent; NVML sees 2: gpu:0, gpu:1"] * 2


@pytest.mark.parametrize("text", ["gpu:0", "gpu:all"])
@pytest.mark.parametrize(
    ("failing", "reason"),
    [
        ({"nvmlInit": pynvml.NVMLError(pynvml.NVML_ERROR_DRIVER_NOT_LOADED)}, "Driver Not Loaded"),
        ({"nvmlDeviceGetCount": pynvml.NVMLError(pynvml.NVML_ERROR_UNKNOWN)}, "Unknown Error"),
        ({}, "it counts 0 GPUs"),
    ],
)
def test_no_gpu_at_all_says_why(
    nvml_stand_in: Any, text: str, failing: dict[str, Exception], reason: str
) -> None:
    why = unavailable(Device.parse(text), HERE, library=nvml_stand_in(gpus=0, failing=failing))
    assert why == f"{text} needs a GPU, and NVML sees none: {reason}"
