from collections.abc import Iterator
from pathlib import Path

import pytest

from lungbench import doctor
from lungbench.checks import Asked, Check
from lungbench.doctor import checks
from lungbench.experiment import Experiment

QUICK = Experiment.model_validate(
    {"name": "quick", "matrix": {"models": ["cnn10"], "devices": ["cpu"]}}
)


@pytest.mark.slow
def test_a_machine_is_examined_whole_and_only_what_is_wrong_gets_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    found = {check.name: check for check in checks(QUICK, tmp_path)}
    of_the_machine = "python, dependencies, prefect server, prefect exposure, processors, memory"
    of_the_experiment = "data, devices, backends, weights"
    names = f"{of_the_machine}, disk, energy, nvml, gpus, {of_the_experiment}"
    assert list(found) == names.split(", ")
    assert all((check.outcome == "pass") == (check.advice is None) for check in found.values())


def test_a_check_that_breaks_is_a_failed_check_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_asked: Asked) -> Iterator[Check]:
        yield Check("half", "pass", "so far so good")
        raise RuntimeError("a bug")

    def sound(_asked: Asked) -> Iterator[Check]:
        yield Check("sound", "pass", "fine")

    monkeypatch.setattr(doctor, "_CHECKS", (broken, sound))
    first, second = checks(None, tmp_path)
    assert first == Check("broken", "fail", "RuntimeError: a bug", "please report this.")
    assert second.name == "sound"


def test_every_check_is_in_the_table_once() -> None:
    names = [check.__name__ for check in doctor._CHECKS]
    assert len(names) == len(set(names)) == 14
