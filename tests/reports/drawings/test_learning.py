import re
from collections.abc import Callable, Sequence

import pytest
from markupsafe import Markup

from lungbench.record import Epoch
from reports.drawings.learning import Learnt, learning_bands, learning_curves

Draw = Callable[[Sequence[Learnt], str, str], Markup]


def run(number: int, epochs: int, tested: float | None = 0.8, **known: float) -> Learnt:
    of_epoch = {"loss": 0.5, "accuracy": 0.6 + number / 100, "val_loss": 0.6, "val_accuracy": 0.5}
    learnt = [
        Epoch(epoch=at, started_s=0, train_s=1, images_per_s=1, **(known or of_epoch))
        for at in range(1, epochs + 1)
    ]
    return Learnt(f"run {number}", learnt, tested)


def titles(svg: str) -> list[str]:
    return re.findall("<title>([^<]*)</title>", svg)


def test_every_run_is_a_line_of_each_kind_in_both_panels() -> None:
    named = titles(learning_curves([run(1, 20), run(2, 20)], "p", "two runs"))
    assert [named.count(f"run {number}, training") for number in (1, 2)] == [2, 2]
    assert [named.count(f"run {number}, validation") for number in (1, 2)] == [2, 2]


def test_many_runs_are_one_line_of_each_kind_in_both_panels_each_over_its_band() -> None:
    svg = learning_bands([run(number, 20) for number in range(1, 13)], "p", "twelve runs")
    named = titles(svg)
    assert named.count("training, median of 12 runs") == 2
    assert named.count("validation, median of 12 runs") == 2
    # What is filled: a band of each of two kinds in each of two panels.
    assert len(re.findall(r'opacity="0.22"', svg)) == 4


def test_the_test_images_of_many_runs_are_one_diamond() -> None:
    runs = [run(1, 20, 0.7), run(2, 15, 0.9), run(3, 20, None), run(4, 20, 0.75)]
    named = titles(learning_bands(runs, "p", "four runs"))
    assert [each for each in named if "test images" in each] == [
        "test images, median of 3 runs: 75.0%"
    ]


@pytest.mark.parametrize("draw", [learning_curves, learning_bands])
def test_runs_without_test_or_validation_can_be_drawn(draw: Draw) -> None:
    runs = [run(number, 20, None, loss=0.5, accuracy=0.6) for number in range(12)]
    drawn = re.findall(' d="[^>]*><title>([^<]*)', draw(runs, "p", "nothing but training"))
    assert any("training" in each for each in drawn)
    assert not any("validation" in each or "test images" in each for each in drawn)


@pytest.mark.parametrize("draw", [learning_curves, learning_bands])
def test_a_run_that_ended_before_its_first_epoch_draws_nothing(draw: Draw) -> None:
    assert draw([run(1, 20), run(2, 0)], "p", "a") == draw(
        [run(1, 20), Learnt("run 2", [], None)], "p", "a"
    )
    assert "run 2" not in draw([run(1, 20), run(2, 0)], "p", "one run")
