"""A run's folder between attempts: nothing of worth is thrown away."""

from pathlib import Path

import numpy as np
import pytest

from lungbench.experiment import RunSpec
from lungbench.job import HEARTBEAT_FILE, Spent
from lungbench.record import Epoch
from lungbench.run.attempt import made_ready
from lungbench.training.checkpoint import CHECKPOINT_FILE, Header, write_checkpoint

DATA = "f" * 64


@pytest.fixture
def run_dir(spec: RunSpec, tmp_path: Path) -> Path:
    """Hold a checkpoint of one epoch."""
    header = Header(
        spec=spec,
        data=DATA,
        environment={"numpy": np.__version__},
        epochs=(Epoch(epoch=1, started_s=1.0, train_s=2.0, images_per_s=6.0, loss=0.5),),
        batches=0,
        spent=Spent(elapsed_s=3.25),
        attempts=1,
    )
    write_checkpoint(tmp_path / CHECKPOINT_FILE, header, {"network/0": np.zeros(3, np.float32)})
    return tmp_path


def test_a_checkpoint_of_this_training_is_gone_on_from(spec: RunSpec, run_dir: Path) -> None:
    earlier = made_ready(spec, run_dir, DATA)
    assert earlier is not None
    assert earlier.spent.elapsed_s == 3.25  # as written above


def test_an_attempt_that_goes_on_has_given_no_sign_of_life(spec: RunSpec, run_dir: Path) -> None:
    (
        run_dir / HEARTBEAT_FILE
    ).touch()  # of the attempt before, which would end the start's deadline
    made_ready(spec, run_dir, DATA)
    assert not (run_dir / HEARTBEAT_FILE).exists()


def test_a_checkpoint_of_another_training_is_removed(spec: RunSpec, run_dir: Path) -> None:
    other = spec.model_copy(update={"seed": spec.seed + 1})
    assert made_ready(other, run_dir, DATA) is None
    assert not any(run_dir.iterdir())


def test_a_flipped_bit_does_not_make_a_checkpoint_anothers(spec: RunSpec, run_dir: Path) -> None:
    path = run_dir / CHECKPOINT_FILE
    whole = path.read_bytes()
    for place in range(len(whole)):
        broken = bytearray(whole)
        broken[place] ^= 1 << place % 8
        path.write_bytes(broken)
        made_ready(spec, run_dir, DATA)
        assert path.read_bytes() == broken, place  # for somebody to look at
