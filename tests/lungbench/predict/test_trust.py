"""Which record speaks for a model, and which doesn't."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lungbench.files import sha256_of
from lungbench.metrics import metrics_of
from lungbench.predict.trust import claimed_record, voucher_of

Recorded = Callable[..., Path]
RUN = "quick/20261122T211100Z/runs/cnn10-cpu-r1"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results"


def speaks(model: Path, results: Path) -> bool:
    return voucher_of(sha256_of(model), results) is not None


def test_a_completed_run_in_ones_own_results_speaks_for_its_model(
    saved_model: Path, recorded: Recorded, results: Path
) -> None:
    model = recorded(saved_model, results / RUN)
    voucher = voucher_of(sha256_of(model), results)
    assert voucher is not None
    assert voucher.record.run_id == "cnn10-cpu-r1"
    assert voucher.folder == model.parent


@pytest.mark.parametrize("below", ["", "quick", "quick/20261122T211100Z"])
def test_results_may_be_named_at_every_level(
    saved_model: Path, recorded: Recorded, results: Path, below: str
) -> None:
    model = recorded(saved_model, results / RUN)
    assert speaks(model, results / below)


def test_the_model_may_lie_anywhere_since_its_bytes_are_what_is_named(
    saved_model: Path, recorded: Recorded, results: Path
) -> None:
    recorded(saved_model, results / RUN)
    assert speaks(saved_model, results)


def test_a_record_beside_a_model_outside_of_the_results_does_not_speak(
    saved_model: Path, recorded: Recorded, tmp_path: Path, results: Path
) -> None:
    model = recorded(saved_model, tmp_path / "mailed" / RUN)
    results.mkdir()
    assert not speaks(model, results)
    assert claimed_record(sha256_of(model), model) is not None


def test_results_that_do_not_exist_speak_for_nothing(saved_model: Path, results: Path) -> None:
    assert not speaks(saved_model, results)


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "failed"},
        {"status": "interrupted"},
        {"run_id": "vgg16-cpu-r1"},
        {"artifacts": {}},
        {"artifacts": {"model.keras": "0" * 64}},
        {"metrics": None},
        {"metrics": metrics_of(((1, 0), (0, 1)), ("a", "b"))},
    ],
)
def test_a_record_that_tells_another_story_does_not_speak(
    saved_model: Path, recorded: Recorded, results: Path, changes: dict[str, Any]
) -> None:
    model = recorded(saved_model, results / RUN, **changes)
    assert not speaks(model, results)


def test_the_hash_elsewhere_in_a_record_does_not_speak(
    saved_model: Path, recorded: Recorded, results: Path
) -> None:
    other = {"predictions.csv": sha256_of(saved_model), "model.keras": "0" * 64}
    recorded(saved_model, results / RUN, artifacts=other)
    assert not speaks(saved_model, results)


def test_a_model_changed_by_a_byte_is_not_spoken_for(
    saved_model: Path, recorded: Recorded, results: Path
) -> None:
    model = recorded(saved_model, results / RUN)
    model.write_bytes(model.read_bytes()[:-1] + b"\1")
    assert not speaks(model, results)


def test_a_damaged_record_or_a_pipe_is_passed_over(
    saved_model: Path, recorded: Recorded, results: Path
) -> None:
    model = recorded(saved_model, results / RUN)
    cut = results / "quick/20261122T211101Z/runs/cut"
    cut.mkdir(parents=True)
    whole = (model.parent / "record.json").read_bytes()
    (cut / "record.json").write_bytes(whole[: len(whole) // 2])
    deep = results / "quick/20261122T211101Z/runs/deep"
    deep.mkdir()
    (deep / "record.json").write_bytes(sha256_of(model).encode() + b"[" * 100_000)
    pipe = results / "a/20261122T211100Z/runs/pipe"
    pipe.mkdir(parents=True)
    os.mkfifo(pipe / "record.json")
    assert speaks(model, results)
