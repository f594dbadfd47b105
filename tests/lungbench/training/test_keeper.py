"""When checkpoints are written: seldom enough to cost little, often enough to lose little."""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
keras = pytest.importorskip("keras")

from lungbench.errors import TrainingFailed  # noqa: E402
from lungbench.experiment import RunSpec  # noqa: E402
from lungbench.job import Spent  # noqa: E402
from lungbench.record import Epoch  # noqa: E402
from lungbench.training import keeper  # noqa: E402 - after the backend is fixed
from lungbench.training.checkpoint import Header, read_checkpoint  # noqa: E402
from lungbench.training.keeper import Keeper, Kept, Stopped, put_back, state_of  # noqa: E402

STEPS = 100


class Time:
    """A clock that the test moves."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Log:
    """Stands for the callback that writes epochs."""

    def __init__(self) -> None:
        self.epochs: list[Epoch] = []
        self.paused_s = 0.0

    def pause(self, seconds: float) -> None:
        self.paused_s += seconds

    def epoch_s(self) -> float:
        return 1.0


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch, time: Time) -> list[float]:
    """When checkpoints were written; each takes two seconds of the test's clock."""
    begun: list[float] = []

    def write(*_: Any) -> None:
        begun.append(time.now_s)
        time.now_s += 2.0

    monkeypatch.setattr(keeper, "write_checkpoint", write)
    return begun


@pytest.fixture
def callback(spec: RunSpec, tmp_path: Path, time: Time, log: Log) -> Keeper:
    def header(epochs: tuple[Epoch, ...], batches: int, epoch_s: float, spent_s: float) -> Header:
        return Header(
            spec=spec,
            data="f",
            environment={},
            epochs=epochs,
            batches=batches,
            spent=Spent(epoch_s=epoch_s, checkpoint_s=spent_s),
            attempts=1,
        )

    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    network.compile(optimizer="adam", loss="mse")
    made = Keeper(Kept(tmp_path / "checkpoint" / "last.ckpt", header, time), log, STEPS)
    made.set_model(network)
    return made


def epochs_of(seconds: float, count: int, callback: Keeper, time: Time) -> None:
    for epoch in range(count):
        callback.on_epoch_begin(epoch)
        for batch in range(STEPS):
            time.now_s += seconds / STEPS
            callback.on_train_batch_end(batch)
        callback.on_epoch_end(epoch)


def test_checkpoints_take_a_fiftieth_of_the_time_at_most(
    callback: Keeper, time: Time, written: list[float]
) -> None:
    epochs_of(10.0, 100, callback, time)
    assert len(written) > 5
    assert callback.spent_s == 2.0 * len(written)
    gaps = np.diff(written)
    assert gaps.min() >= 100  # 2 s each
    assert gaps.max() < 100 + 10 + 2  # and then at the next epoch's end


def test_an_epoch_of_minutes_ends_with_one(
    callback: Keeper, time: Time, written: list[float]
) -> None:
    epochs_of(300.0, 3, callback, time)
    assert written == [300.0, 602.0, 904.0]


def test_no_more_than_ten_minutes_of_a_long_epoch_are_at_stake(
    callback: Keeper, time: Time, written: list[float], log: Log
) -> None:
    epochs_of(3600.0, 1, callback, time)
    assert np.diff([0.0, *written]).max() <= 600 + 36 + 2  # a batch takes 36 s
    assert log.paused_s == 2.0 * len(written)


def test_a_stop_is_obeyed_after_the_batch_with_a_checkpoint(
    callback: Keeper, time: Time, written: list[float]
) -> None:
    callback.on_epoch_begin(0)
    time.now_s = 1.0
    callback.on_train_batch_end(0)
    callback._stop.set()
    with pytest.raises(Stopped):
        callback.on_train_batch_end(1)
    assert written == [1.0]


def test_a_stop_at_an_epochs_last_batch_waits_for_its_validation(
    callback: Keeper, written: list[float]
) -> None:
    callback.on_epoch_begin(0)
    callback._stop.set()
    callback._batches = STEPS - 1
    callback.on_train_batch_end(STEPS - 1)
    assert written == []
    with pytest.raises(Stopped):
        callback.on_epoch_end(0)
    assert len(written) == 1


def failing(number: int) -> Callable[..., None]:
    def write(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    return write


@pytest.mark.parametrize(("number", "kind"), [(28, "disk_full"), (122, "disk_full"), (5, "error")])
def test_a_checkpoint_that_cant_be_written_names_what_it_needs(
    callback: Keeper, monkeypatch: pytest.MonkeyPatch, number: int, kind: str, tmp_path: Path
) -> None:
    (tmp_path / "checkpoint").mkdir()
    monkeypatch.setattr(keeper, "write_checkpoint", failing(number))
    callback.on_epoch_begin(0)
    with pytest.raises(TrainingFailed, match="MB must be written; the one before is kept") as found:
        callback.on_epoch_end(0)
    assert found.value.kind == kind


def test_state_is_put_back_where_it_was_taken(callback: Keeper) -> None:
    variables = callback.model.variables
    taken = state_of({"network": variables})
    before = [np.asarray(each).copy() for each in variables]
    for variable in variables:
        variable.assign(np.asarray(variable) + 1)
    put_back(taken, {"network": variables})
    for variable, value in zip(variables, before, strict=True):
        np.testing.assert_array_equal(np.asarray(variable), value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda arrays: arrays.pop("network/1"), "1 in the checkpoint, 2 in the network"),
        (
            lambda arrays: arrays.update({"network/0": np.zeros((7, 1), np.float32)}),
            "network/0: (7, 1) in the checkpoint",
        ),
    ],
)
def test_the_state_of_another_network_is_refused(
    callback: Keeper, change: Callable[[dict[str, Any]], Any], words: str
) -> None:
    taken = state_of({"network": callback.model.variables})
    change(taken)
    with pytest.raises(TrainingFailed, match="must be of the network") as found:
        put_back(taken, {"network": callback.model.variables})
    assert words in str(found.value)


def test_a_real_checkpoint_holds_network_optimizer_and_metrics(
    callback: Keeper, tmp_path: Path
) -> None:
    callback.model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    callback.on_epoch_begin(0)
    callback.on_epoch_end(0)
    arrays = read_checkpoint(tmp_path / "checkpoint" / "last.ckpt").arrays
    counts = Counter(name.split("/")[0] for name in arrays)
    # a kernel and a bias; Adam's iteration, rate, and two moments of each; the loss's sum and count
    assert counts == {"network": 2, "optimizer": 2 + 2 * 2, "metrics": 2}
