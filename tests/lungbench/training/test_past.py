"""What a training that goes on says of the checkpoint that it goes on from."""

from pathlib import Path

import pytest

from lungbench.environment import environment
from lungbench.experiment import RunSpec
from lungbench.job import Spent
from lungbench.training.checkpoint import CHECKPOINT_FILE, Header, write_checkpoint
from lungbench.training.past import Past


@pytest.mark.parametrize(
    ("seen", "differences"),
    [
        ("2 gpu", ()),
        ("1 gpu", ("device: 2 gpu, now 1 gpu",)),
        ("4 gpu", ("device: 2 gpu, now 4 gpu",)),
    ],
)
def test_another_number_of_gpus_is_named_and_not_called_exact(
    spec: RunSpec, tmp_path: Path, seen: str, differences: tuple[str, ...]
) -> None:
    header = Header(
        spec=spec,
        data="f" * 64,
        environment=environment("2 gpu"),
        epochs=(),
        batches=1,
        spent=Spent(),
        attempts=1,
    )
    write_checkpoint(tmp_path / CHECKPOINT_FILE, header, {})
    resumption = Past.found(tmp_path, seen).resumption
    assert resumption is not None
    assert resumption.differences == differences
    assert resumption.exact == (not differences)


def test_without_a_checkpoint_there_is_nothing_to_go_on_from(tmp_path: Path) -> None:
    past = Past.found(tmp_path, "cpu")
    assert (past.resumption, past.epochs, past.batches, past.attempt) == (None, (), 0, 1)
