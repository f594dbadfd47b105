"""The plan: what a probe adds to it, and what it says of what can't be probed."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from flows.planning import as_json, as_table, planned, with_probes
from lungbench.experiment import Experiment, RunSpec
from lungbench.run.probing import Probed
from lungbench.training.step_times import StepTimes

TIMES = StepTimes(
    startup_s=4,
    build_s=1,
    first_step_s=3,
    step_s=(1.0, 2.0, 3.0),
    first_validation_step_s=1,
    validation_step_s=(1.0,),
)


def experiment(**matrix: object) -> Experiment:
    return Experiment.model_validate(
        {
            "name": "x",
            "train": {"epochs": 2, "weights": "none"},
            "matrix": {"models": ["cnn10"], "devices": ["cpu"], **matrix},
        }
    )


class Prober:
    """Finds the same of every training, and remembers which it was asked for."""

    def __init__(self, found: Probed) -> None:
        self.found = found
        self.asked: list[str] = []

    def __call__(self, spec: RunSpec, classes: int) -> Probed:
        assert classes == 3  # those that are drawn
        self.asked.append(spec.run_id)
        return self.found


def test_every_kind_of_training_is_probed_once(tmp_path: Path) -> None:
    asked = experiment(models=["cnn10", "vgg16"], pipelines=["cached", "paper"], repeats=2)
    probe = Prober(Probed(TIMES))
    runs = with_probes(planned(asked, tmp_path), asked, probe)
    assert probe.asked == [
        "cnn10-cpu-float32-tensorflow-cached-r1",
        "vgg16-cpu-float32-tensorflow-cached-r1",
    ]
    assert len(runs) == 8
    assert all(run.time_from == "probe" for run in runs)
    for run in runs:
        assert run.low_s is not None
        assert run.expected_s is not None
        assert run.high_s is not None
        assert run.low_s < run.expected_s < run.high_s


def test_the_table_labels_what_a_probe_estimated(tmp_path: Path) -> None:
    asked = experiment(pipelines=["cached", "paper"])
    text = as_table(with_probes(planned(asked, tmp_path), asked, Prober(Probed(TIMES))), asked)
    cached, paper, *_ = text.splitlines()[1:]
    assert "by a probe)" in cached
    assert "the files are read in every epoch" in paper
    assert "from 3 steps on random images" in text.splitlines()[-1]
    assert "probe" not in as_table(planned(asked, tmp_path), asked)


def test_an_absent_device_is_said_and_not_probed(tmp_path: Path) -> None:
    asked = experiment(devices=["cpu:threads=4096", "cpu"])
    probe = Prober(Probed(TIMES))
    absent, here = with_probes(planned(asked, tmp_path), asked, probe)
    assert probe.asked == ["cnn10-cpu-float32-tensorflow-cached-r1"]
    assert absent.expected_s is None
    assert "more than" in (absent.obstacle or "")
    assert here.expected_s is not None


def test_a_probe_that_fails_is_a_line_and_no_failure(tmp_path: Path) -> None:
    asked = experiment()
    found = Prober(Probed(reason="The framework could not get memory."))
    (run,) = with_probes(planned(asked, tmp_path), asked, found)
    assert run.expected_s is None
    assert run.obstacle == "the probe failed: The framework could not get memory."


def test_scripts_are_told_where_a_time_comes_from(tmp_path: Path) -> None:
    asked = experiment()
    (run,) = json.loads(
        as_json(with_probes(planned(asked, tmp_path), asked, Prober(Probed(TIMES))))
    )
    assert run["time_from"] == "probe"
    assert run["low_s"] < run["expected_s"] < run["high_s"]
    (unknown,) = json.loads(as_json(planned(asked, tmp_path)))
    assert unknown["time_from"] is unknown["low_s"] is None


def test_a_plan_leaves_nothing_in_the_results(tmp_path: Path) -> None:
    asked = experiment()
    with_probes(planned(asked, tmp_path), asked, Prober(Probed(TIMES)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kept", [True, False])
def test_a_time_that_is_known_is_not_probed_again(tmp_path: Path, kept: bool) -> None:
    asked = experiment()
    (run,) = planned(asked, tmp_path)
    known = [replace(run, expected_s=60.0 if kept else None)]
    probe = Prober(Probed(TIMES))
    (after,) = with_probes(known, asked, probe)
    assert bool(probe.asked) is not kept
    assert (after.expected_s == 60.0) is kept


@pytest.mark.parametrize("problem", ["absent", "no_manifest.txt", "empty"])
def test_images_that_a_run_would_refuse_are_refused_in_the_same_words(
    problem: str, tmp_path: Path, experiment_file: Path, environment: dict[str, str]
) -> None:
    (tmp_path / "no_manifest.txt").touch()
    (tmp_path / "empty").mkdir()

    def asked(command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [
                *(sys.executable, "-c", "from flows.cli import main; main()", command),
                *(str(experiment_file), "--data", problem),
            ],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    run, plan = asked("run"), asked("plan")
    assert (plan.returncode, plan.stdout, plan.stderr) == (3, "", run.stderr)
    assert run.returncode == 3
    [line] = plan.stderr.splitlines()
    assert line.startswith("lungbench: ")
    assert problem in line
    assert not (tmp_path / "results").exists()
