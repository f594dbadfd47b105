"""No GPU is needed: NVML is a stand-in, and TensorFlow's answers are given, but for one test."""

from pathlib import Path
from typing import Any

import pynvml
import pytest

from lungbench.checks import gpus
from lungbench.checks.gpus import Seen, explain
from lungbench.checks.question import Answer, ask

WELL = Seen(by_nvml=2, driver_cuda="12.4", cards=2, libraries=True)


def tensorflow(count: int, *, cuda_build: bool = True, cuda: str | None = "12.5.1") -> Answer:
    return Answer({"gpus": count, "cuda_build": cuda_build, "cuda": cuda})


def card(root: Path, vendor: str = "0x10de", kind: str = "0x030200") -> Path:
    """Put a device on the PCI bus of a fixture's sysfs."""
    device = root / f"sys/bus/pci/devices/{vendor}-{kind}"
    device.mkdir(parents=True)
    (device / "vendor").write_text(f"{vendor}\n")
    (device / "class").write_text(f"{kind}\n")
    return root


def test_all_gpus_seen_is_well() -> None:
    assert explain(tensorflow(2), WELL, needed=True).outcome == "pass"


def test_no_gpu_and_none_needed_is_well() -> None:
    check = explain(tensorflow(0), Seen(), needed=False)
    assert check.outcome == "pass"
    assert check.found == "this machine has no NVIDIA GPU; the CPU trains"


@pytest.mark.parametrize(
    ("answer", "seen", "cause", "cure"),
    [
        (tensorflow(0), Seen(), "no NVIDIA GPU", "matrix.devices"),
        (tensorflow(0), Seen(cards=1), "no working driver", "install the NVIDIA driver"),
        (
            tensorflow(0),
            Seen(by_nvml=2, hidden="-1", libraries=True),
            "CUDA_VISIBLE_DEVICES='-1' hides",
            "unset it",
        ),
        (
            tensorflow(0, cuda_build=False, cuda=None),
            Seen(by_nvml=1, libraries=True),
            "built for the CPU alone",
            "lungbench[cuda]",
        ),
        (tensorflow(0), Seen(by_nvml=1), "libraries are not installed", "lungbench[cuda]"),
        (
            tensorflow(0),
            Seen(by_nvml=1, libraries=True, driver_cuda="11.8"),
            "the driver supports CUDA 11.8, TensorFlow is built for 12.5.1",
            "newer NVIDIA driver",
        ),
        (tensorflow(0), WELL, "can't use the rest", "TF_CPP_MIN_LOG_LEVEL"),
    ],
)
def test_a_gpu_that_tensorflow_lacks_is_explained(
    answer: Answer, seen: Seen, cause: str, cure: str
) -> None:
    check = explain(answer, seen, needed=True)
    assert check.outcome == "fail"
    assert cause in check.found
    assert cure in str(check.advice)


def test_a_lack_is_only_a_warning_where_no_gpu_is_asked_for() -> None:
    assert explain(tensorflow(0), WELL, needed=False).outcome == "warn"


def test_some_gpus_missing_is_a_warning() -> None:
    check = explain(tensorflow(1), WELL, needed=True)
    assert check.outcome == "warn"
    assert check.found.startswith("TensorFlow sees 1, NVML 2")


def test_gpus_that_nvml_cannot_watch_are_a_warning() -> None:
    check = explain(tensorflow(1), Seen(), needed=True)
    assert check.outcome == "warn"
    assert "energy" in str(check.advice)


def test_a_tensorflow_that_cannot_be_imported_is_a_failure() -> None:
    check = explain(Answer(messages="ImportError: libfoo.so"), WELL, needed=False)
    assert check.outcome == "fail"
    assert "ImportError: libfoo.so" in check.found


def test_a_tensorflow_that_takes_too_long_is_a_warning() -> None:
    assert explain(Answer(late=True), WELL, needed=True).outcome == "warn"


@pytest.mark.slow
def test_tensorflow_here_answers_the_question() -> None:
    facts = ask(gpus._TENSORFLOW, timeout_s=300).facts
    assert facts is not None
    assert facts["gpus"] >= 0
    assert isinstance(facts["cuda_build"], bool)


def test_a_gpu_that_tells_everything_and_is_free_is_well(asked: Any, nvml_stand_in: Any) -> None:
    library = nvml_stand_in()
    library.answers["nvmlDeviceGetComputeRunningProcesses"] = []
    (check,) = gpus.nvml(asked(library=library))
    assert (check.outcome, check.found) == ("pass", "gpu:0 Stand-in GPU")


def test_a_gpu_in_use_is_a_warning_that_names_who(asked: Any, nvml_stand_in: Any) -> None:
    (check,) = gpus.nvml(asked(library=nvml_stand_in()))
    assert check.outcome == "warn"
    assert "in use by process 11 on gpu:0, process 12 on gpu:0" in check.found


def test_what_a_gpu_cannot_tell_is_a_warning(asked: Any, nvml_stand_in: Any) -> None:
    unsupported = pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
    library = nvml_stand_in(failing={"nvmlDeviceGetTotalEnergyConsumption": unsupported})
    library.answers["nvmlDeviceGetComputeRunningProcesses"] = []
    (check,) = gpus.nvml(asked(library=library))
    assert check.outcome == "warn"
    assert check.found == "gpu:0 Stand-in GPU; it can't tell gpu 0 energy_j: Not Supported"


def test_no_nvml_without_a_card_is_well(asked: Any, nvml_stand_in: Any) -> None:
    absent = pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)
    (check,) = gpus.nvml(asked(library=nvml_stand_in(failing={"nvmlInit": absent})))
    assert check.outcome == "pass"
    assert "NVML Shared Library Not Found" in check.found


@pytest.mark.parametrize(
    ("vendor", "kind", "outcome"),
    [
        ("0x10de", "0x030000", "warn"),  # with an output
        ("0x10de", "0x030200", "warn"),  # without one, as in servers
        ("0x10de", "0x040300", "pass"),  # the sound device of a card
        ("0x1002", "0x030000", "pass"),  # another vendor's
    ],
)
def test_a_card_without_a_driver_is_a_warning(
    asked: Any, nvml_stand_in: Any, tmp_path: Path, vendor: str, kind: str, outcome: str
) -> None:
    absent = pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)
    library = nvml_stand_in(failing={"nvmlInit": absent})
    (check,) = gpus.nvml(asked(library=library, root=card(tmp_path, vendor, kind)))
    assert check.outcome == outcome
