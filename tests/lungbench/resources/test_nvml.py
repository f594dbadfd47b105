"""The GPU here is a stand-in (see tests/conftest.py); the error classes are pynvml's own."""

import sys
from pathlib import Path
from typing import Any

import pynvml
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungbench.resources import nvml as nvml_module
from lungbench.resources.nvml import (
    GpuProcess,
    GpuReading,
    numbers_are_the_hosts,
    open_nvml,
    throttle_names,
)

ERRORS = sorted(
    value
    for name, value in vars(pynvml).items()
    if name.startswith("NVML_ERROR_") and isinstance(value, int) and value
)

# Which of pynvml's functions each field comes from.
QUESTIONS = {
    "utilisation_percent": "nvmlDeviceGetUtilizationRates",
    "memory_used_bytes": "nvmlDeviceGetMemoryInfo",
    "power_w": "nvmlDeviceGetPowerUsage",
    "temperature_c": "nvmlDeviceGetTemperature",
    "sm_clock_mhz": "nvmlDeviceGetClockInfo",
    "memory_clock_mhz": "nvmlDeviceGetClockInfo",
    "energy_j": "nvmlDeviceGetTotalEnergyConsumption",
}


def error(number: int) -> pynvml.NVMLError:
    return pynvml.NVMLError(number)


def test_a_reading_is_in_base_units(nvml_stand_in: Any) -> None:
    with open_nvml(nvml_stand_in()) as nvml:
        reading = nvml.read(0)
    # 215,500 mW and 5,000,000 mJ of the stand-in are 215.5 W and 5,000 J
    assert reading == GpuReading(87.0, 2**30, 215.5, 64.0, 1410.0, 877.0, 5000.0, 0x5)
    assert nvml.missing == {}


def test_every_gpu_is_described(nvml_stand_in: Any) -> None:
    with open_nvml(nvml_stand_in(gpus=2)) as nvml:
        first, second = nvml.describe()
    assert (first.index, second.index) == (0, 1)
    assert first.name == "Stand-in GPU"
    assert first.uuid == "GPU-0000"
    assert first.memory_bytes == 24 * 2**30
    assert first.driver == "550.54.15"


def test_the_cuda_version_is_spelled_as_people_know_it(nvml_stand_in: Any) -> None:
    with open_nvml(nvml_stand_in()) as nvml:
        assert nvml.cuda_version() == "12.4"


def test_the_processes_on_a_gpu_are_listed(nvml_stand_in: Any) -> None:
    with open_nvml(nvml_stand_in()) as nvml:
        assert nvml.processes(0) == (GpuProcess(11, 300 * 2**20), GpuProcess(12, None))


@pytest.mark.parametrize(
    ("own", "hosts", "strangers"),
    [
        ((), True, 2),
        ((12,), True, 1),
        ((11, 12), True, 0),
        ((), False, 2),  # before a run whoever is seen is a stranger
        ((12,), False, None),  # in a container nobody can tell whether 12 is this one's 12
    ],
)
def test_strangers_are_the_processes_that_are_not_ones_own(
    nvml_stand_in: Any,
    monkeypatch: pytest.MonkeyPatch,
    own: tuple[int, ...],
    hosts: bool,
    strangers: int | None,
) -> None:
    monkeypatch.setattr(nvml_module, "numbers_are_the_hosts", lambda: hosts)
    with open_nvml(nvml_stand_in()) as nvml:
        assert nvml.strangers((0,), own) == strangers


def test_an_empty_list_in_a_container_proves_nothing(
    nvml_stand_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nvml_module, "numbers_are_the_hosts", lambda: False)
    library = nvml_stand_in()
    library.answers["nvmlDeviceGetComputeRunningProcesses"] = []
    with open_nvml(library) as nvml:
        assert nvml.strangers((0,)) is None
        assert nvml.missing == {"gpu strangers": "a container hides the host's processes"}


def test_without_a_gpu_nobody_is_asked_for_strangers(nvml_stand_in: Any) -> None:
    with open_nvml(nvml_stand_in()) as nvml:
        assert nvml.strangers(()) is None
        assert nvml.memory_used_bytes(()) is None
        assert nvml.missing == {}


def test_process_numbers_are_the_hosts_only_in_the_first_namespace(tmp_path: Path) -> None:
    assert not numbers_are_the_hosts(tmp_path)  # no such file
    (tmp_path / "self/ns").mkdir(parents=True)
    (tmp_path / "self/ns/pid").touch()
    assert not numbers_are_the_hosts(tmp_path)  # another number


@pytest.mark.parametrize("number", ERRORS)
@pytest.mark.parametrize("field", QUESTIONS)
def test_one_field_that_fails_leaves_the_others(
    nvml_stand_in: Any, field: str, number: int
) -> None:
    function = QUESTIONS[field]
    with open_nvml(nvml_stand_in(failing={function: error(number)})) as nvml:
        reading = nvml.read(0)
    lost = {name for name, asked in QUESTIONS.items() if asked == function}
    assert {name for name in QUESTIONS if getattr(reading, name) is None} == lost
    assert nvml.missing[f"gpu 0 {field}"] == str(error(number))


@pytest.mark.parametrize("number", ERRORS)
def test_a_gpu_that_is_lost_reads_nothing_and_says_why(nvml_stand_in: Any, number: int) -> None:
    lost = {"nvmlDeviceGetHandleByIndex": error(number)}
    with open_nvml(nvml_stand_in(failing=lost)) as nvml:
        assert nvml.read(0) == GpuReading()
        assert nvml.describe()[0].name is None
        assert nvml.processes(0) is None
    assert set(nvml.missing.values()) == {str(error(number))}


@pytest.mark.parametrize("number", ERRORS)
def test_nvml_that_does_not_open_says_why(nvml_stand_in: Any, number: int) -> None:
    with open_nvml(nvml_stand_in(failing={"nvmlInit": error(number)})) as nvml:
        assert nvml.unavailable == str(error(number))
        assert nvml.describe() == ()
        assert nvml.read(0) == GpuReading()
        assert nvml.cuda_version() is None


def test_a_missing_package_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with open_nvml() as nvml:
        assert "nvidia-ml-py" in str(nvml.unavailable)


def test_this_machine_answers_with_gpus_or_a_reason() -> None:
    with open_nvml() as nvml:
        assert nvml.count() > 0 or nvml.unavailable or "count" in nvml.missing


def test_nvml_is_closed_after_use(nvml_stand_in: Any) -> None:
    library = nvml_stand_in()
    with open_nvml(library):
        assert library.open == 1
    assert library.open == 0


def test_a_failing_close_is_no_failure(nvml_stand_in: Any) -> None:
    failing = {"nvmlShutdown": error(pynvml.NVML_ERROR_UNINITIALIZED)}
    with open_nvml(nvml_stand_in(failing=failing)) as nvml:
        assert nvml.count() == 1


def test_the_first_reason_stays(nvml_stand_in: Any) -> None:
    library = nvml_stand_in(
        failing={"nvmlDeviceGetPowerUsage": error(pynvml.NVML_ERROR_NOT_SUPPORTED)}
    )
    with open_nvml(library) as nvml:
        nvml.read(0)
        library.failing["nvmlDeviceGetPowerUsage"] = error(pynvml.NVML_ERROR_TIMEOUT)
        nvml.read(0)
    assert nvml.missing == {"gpu 0 power_w": "Not Supported"}


def test_a_gpu_index_that_is_absent_reads_nothing(nvml_stand_in: Any) -> None:
    with open_nvml(nvml_stand_in(gpus=1)) as nvml:
        assert nvml.read(3) == GpuReading()
    assert nvml.missing["gpu 3 power_w"] == "Invalid Argument"


def test_an_old_driver_is_asked_for_throttling_under_its_old_name(nvml_stand_in: Any) -> None:
    unknown = error(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND)
    library = nvml_stand_in(failing={"nvmlDeviceGetCurrentClocksEventReasons": unknown})
    with open_nvml(library) as nvml:
        assert nvml.read(0).throttle_bits == 0x40


def test_an_old_pynvml_without_a_function_loses_one_field(nvml_stand_in: Any) -> None:
    library = nvml_stand_in(failing={"nvmlDeviceGetPowerUsage": AttributeError("no such name")})
    with open_nvml(library) as nvml:
        assert nvml.read(0).power_w is None
        assert nvml.read(0).temperature_c == 64.0


def test_idling_and_clocks_set_by_people_are_no_throttling() -> None:
    harmless = (
        pynvml.nvmlClocksEventReasonGpuIdle
        | pynvml.nvmlClocksEventReasonApplicationsClocksSetting
        | pynvml.nvmlClocksEventReasonSyncBoost
        | pynvml.nvmlClocksEventReasonDisplayClockSetting
    )
    assert throttle_names(harmless) == ()


@pytest.mark.parametrize(
    ("bit", "name"),
    [
        (pynvml.nvmlClocksEventReasonSwPowerCap, "sw_power_cap"),
        (pynvml.nvmlClocksEventReasonHwSlowdown, "hw_slowdown"),
        (pynvml.nvmlClocksEventReasonSwThermalSlowdown, "sw_thermal"),
        (pynvml.nvmlClocksEventReasonHwThermalSlowdown, "hw_thermal"),
        (pynvml.nvmlClocksEventReasonHwPowerBrakeSlowdown, "hw_power_brake"),
        (pynvml.nvmlClocksThrottleReasonBoardLimit, "board_limit"),
        (pynvml.nvmlClocksThrottleReasonReliability, "reliability"),
    ],
)
def test_each_throttle_bit_has_its_name(bit: int, name: str) -> None:
    assert throttle_names(bit) == (name,)


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
@settings(max_examples=50)
def test_bits_of_two_readings_name_what_either_named(one: int, other: int) -> None:
    assert set(throttle_names(one | other)) == {*throttle_names(one), *throttle_names(other)}
