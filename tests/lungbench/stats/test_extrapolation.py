import numpy as np
import pytest

from lungbench.record import Epoch
from lungbench.stats.extrapolation import predicted


def epochs(first_s: float, *steady_s: float) -> list[Epoch]:
    """Epochs that follow each other without a pause, 5 s after the start of the process."""
    lines, now_s = [], 5.0
    for number, train_s in enumerate((first_s, *steady_s), 1):
        lines.append(Epoch(epoch=number, started_s=now_s, train_s=train_s, images_per_s=1.0))
        now_s += train_s
    return lines


def test_equal_epochs_predict_their_sum_exactly() -> None:
    prediction = predicted(epochs(9, 2, 2, 2), planned=120)
    assert prediction is not None
    assert prediction.wall_s == prediction.low_s == prediction.high_s == 5 + 9 + 119 * 2


def test_one_steady_epoch_has_no_interval() -> None:
    prediction = predicted(epochs(9, 2), planned=10)
    assert prediction is not None
    assert (prediction.wall_s, prediction.low_s, prediction.high_s) == (5 + 9 + 9 * 2, None, None)


def test_without_a_steady_epoch_nothing_is_predicted() -> None:
    assert predicted(epochs(9), planned=10) is None


def test_the_lower_end_is_not_below_the_time_already_spent() -> None:
    # Epochs of 1 and 11 s: a normal distribution around 6 s reaches far below 0.
    prediction = predicted(epochs(9, 1, 11), planned=120)
    assert prediction is not None
    assert prediction.low_s == 5 + 9 + 1 + 11
    assert prediction.wall_s == 5 + 9 + 1 + 11 + 117 * 6
    assert prediction.high_s is not None
    assert prediction.high_s > prediction.wall_s


def test_the_interval_holds_the_true_time_as_often_as_it_says() -> None:
    rng, draws, held = np.random.default_rng(0), 4000, 0
    for _ in range(draws):
        steady = rng.normal(10, 1, 29)
        prediction = predicted(epochs(12, *steady[:4]), planned=30)
        assert prediction is not None
        assert prediction.low_s is not None
        assert prediction.high_s is not None
        held += prediction.low_s <= 5 + 12 + steady.sum() <= prediction.high_s
    # Four standard errors of a share of 0.95 among 4 000 draws.
    assert held / draws == pytest.approx(0.95, abs=4 * (0.95 * 0.05 / draws) ** 0.5)
