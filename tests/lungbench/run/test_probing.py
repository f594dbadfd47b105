"""A probe seen from its parent: what it finds, how it fails, and that it leaves nothing."""

import json
import sys
import tempfile
from pathlib import Path

import pytest

from lungbench.experiment import Experiment, RunSpec
from lungbench.run.probing import COMMAND, kind_of, probed

TIMES = {
    "startup_s": 1.0,
    "build_s": 1.0,
    "first_step_s": 2.0,
    "step_s": [0.1, 0.2, 0.3],
    "first_validation_step_s": 1.0,
    "validation_step_s": [0.1],
}


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give probes a temporary folder and locks of their own."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    monkeypatch.setenv("LUNGBENCH_LOCKS", str(tmp_path / "locks"))
    return place


def specs(**matrix: object) -> tuple[RunSpec, ...]:
    experiment = Experiment.model_validate(
        {
            "name": "x",
            "data": {"image_size": 32},
            "train": {"epochs": 2, "batch_size": 4, "weights": "imagenet"},
            "matrix": {"models": ["cnn10"], "devices": ["cpu:threads=1"], **matrix},
        }
    )
    return experiment.runs()


def child(body: str) -> tuple[str, ...]:
    """Return a command that is given the probe's folder as `folder`."""
    start = "import json, pathlib, sys; folder = pathlib.Path(sys.argv[1]); "
    return (sys.executable, "-c", start + body)


def test_what_the_child_measured_is_found_and_its_folder_is_gone(alone: Path) -> None:
    write = f"(folder / 'probe.json').write_text({json.dumps(TIMES)!r})"
    (spec,) = specs()
    found = probed(spec, 3, command=child(write))
    assert found.times is not None
    assert found.times.step_s == (0.1, 0.2, 0.3)
    assert list(alone.iterdir()) == []


def test_the_child_is_asked_for_the_run_without_what_costs_a_download() -> None:
    said = (
        "job = json.loads((folder / 'spec.json').read_text())['spec']; "
        "(folder / 'training.json').write_text(json.dumps({'failure': {'kind': 'error', "
        "'message': ' '.join(str(job[key]) for key in ('weights', 'pipeline', 'batch_size'))}}))"
    )
    (spec,) = specs(models=["vgg16"], pipelines=["paper"])
    assert probed(spec, 3, command=child(said)).reason == "none cached 4"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("sys.exit(7)", "The training process ended with exit code 7."),
        ("print('OOM when allocating'); sys.exit(1)", "The framework could not get memory."),
        ("import os; os.kill(os.getpid(), 9)", "The training process was ended by SIGKILL."),
        ("(folder / 'probe.json').write_text('{')", "exit code 0"),
    ],
)
def test_a_child_that_fails_is_a_reason_and_leaves_nothing(
    alone: Path, body: str, reason: str
) -> None:
    (spec,) = specs()
    found = probed(spec, 3, command=child(body))
    assert found.times is None
    assert reason in (found.reason or "")
    assert list(alone.iterdir()) == []


def test_a_child_that_takes_too_long_is_ended(alone: Path) -> None:
    (spec,) = specs()
    found = probed(spec, 3, command=child("import time; time.sleep(600)"), longest_s=0.3)
    assert found.reason == "4 steps take longer than 0.3 s"
    assert list(alone.iterdir()) == []


def test_repeats_and_pipelines_of_a_cell_are_one_kind() -> None:
    found = {kind_of(spec) for spec in specs(repeats=3, pipelines=["cached", "paper"])}
    assert found == {("cnn10", "cpu:threads=1", "float32", "tensorflow")}


@pytest.mark.slow
def test_a_real_probe_takes_three_steps_after_the_first(alone: Path) -> None:
    (spec,) = specs()
    found = probed(spec, 3, command=COMMAND)
    assert found.reason is None
    assert found.times is not None
    assert len(found.times.step_s) == len(found.times.validation_step_s) == 3
    assert all(0 < seconds < found.times.first_step_s for seconds in found.times.step_s)
    assert list(alone.iterdir()) == []
