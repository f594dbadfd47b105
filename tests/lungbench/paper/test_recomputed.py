from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from lungbench.metrics import RATE_NAMES, metrics_of
from lungbench.paper.contradictions import Paper, contradictions_in
from lungbench.paper.published import four_decimals, matrices, statements
from lungbench.paper.recomputed import (
    CLASSES,
    Comparison,
    PublishedRun,
    comparison,
    contradictions,
    published,
    recomputed,
    speedups,
)

RUNS = published()
PER_CLASS = 169
RUN_IDS = [f"{run.model}-{run.device}" for run in RUNS]


@pytest.mark.parametrize(
    "row", comparison(), ids=lambda row: f"{row.table}-{row.model}-{row.device}-{row.of}-{row.rate}"
)
def test_a_published_figure_is_reproduced_to_4_decimals(row: Comparison) -> None:
    assert row.recomputed == row.published
    assert row.matches


def test_every_published_figure_is_compared() -> None:
    # Tables I to VI: 3 classes x 5 rates and one overall accuracy; Table VII: 6 rows of 5.
    assert len(comparison()) == 6 * (3 * 5 + 1) + 6 * 5


def test_a_wrong_figure_does_not_match() -> None:
    row = replace(comparison()[0], published=Decimal("0.9429"))
    assert not row.matches


def test_every_figure_is_printed_with_4_decimals() -> None:
    assert {row.published.as_tuple().exponent for row in comparison()} == {-4}


@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        (Fraction(1, 3), "0.3333"),
        (Fraction(2, 3), "0.6667"),
        (Fraction(12345, 100_000), "0.1235"),  # a tie goes up; half to even would give 0.1234
        (Fraction(12344999, 100_000_000), "0.1234"),
        (Fraction(1), "1.0000"),
    ],
)
def test_rounding_is_half_up(value: Fraction, rounded: str) -> None:
    assert str(four_decimals(value)) == rounded


@pytest.mark.parametrize("run", RUNS, ids=RUN_IDS)
def test_the_counts_are_the_only_ones_that_give_the_printed_rates(run: PublishedRun) -> None:
    positives, negatives = np.meshgrid(
        np.arange(PER_CLASS + 1), np.arange(2 * PER_CLASS + 1), indexing="ij"
    )
    repaired = ("II", "III", "IV")  # there the scan damaged the accuracy of tuberculosis
    for name, each in run.per_class.items():
        fits = np.ones(positives.shape, dtype=bool)
        with np.errstate(invalid="ignore"):
            for rate, values in _rates_on_a_grid(positives, negatives).items():
                if not (rate == "accuracy" and name == "tuberculosis" and run.table in repaired):
                    # Half a unit of the fourth decimal, and float noise beside it.
                    fits &= np.abs(values - float(each.printed[rate])) <= 0.5e-4 + 1e-12
        assert np.argwhere(fits).tolist() == [[each.counts.tp, each.counts.fp]]


def _rates_on_a_grid(tp: np.ndarray, fp: np.ndarray) -> dict[str, np.ndarray]:
    fn, tn = PER_CLASS - tp, 2 * PER_CLASS - fp
    return {
        "accuracy": (tp + tn) / (3 * PER_CLASS),
        "precision": tp / (tp + fp),
        "recall": tp / PER_CLASS,
        "specificity": tn / (2 * PER_CLASS),
        "f1": 2 * tp / (2 * tp + fp + fn),
    }


@pytest.mark.parametrize("run", RUNS, ids=RUN_IDS)
def test_every_class_has_169_test_images(run: PublishedRun) -> None:
    for each in run.per_class.values():
        assert each.counts.tp + each.counts.fn == PER_CLASS
        assert each.counts.fp + each.counts.tn == 2 * PER_CLASS


@pytest.mark.parametrize("run", RUNS, ids=RUN_IDS)
def test_every_matrix_gives_the_published_rates(run: PublishedRun) -> None:
    exact = recomputed(run)
    assert matrices(run)
    for matrix in matrices(run):
        metrics = metrics_of(matrix, CLASSES)
        assert metrics.overall_accuracy == float(exact.overall_accuracy)
        for name in CLASSES:
            ours = metrics.per_class[name].model_dump(include=set(RATE_NAMES))
            theirs = {rate: float(value or 0) for rate, value in exact.per_class[name].items()}
            assert ours == theirs


def test_no_possible_matrix_is_left_out() -> None:
    # Brute force over all matrices with the diagonal and the row sums of Table IV.
    run = next(run for run in RUNS if run.table == "IV")
    covid, healthy, tuberculosis = (run.per_class[name].counts for name in CLASSES)
    possible = [
        (
            (covid.tp, a, covid.fn - a),
            (b, healthy.tp, healthy.fn - b),
            (c, tuberculosis.fn - c, tuberculosis.tp),
        )
        for a in range(covid.fn + 1)
        for b in range(healthy.fn + 1)
        for c in range(tuberculosis.fn + 1)
        if b + c == covid.fp and a + tuberculosis.fn - c == healthy.fp
    ]
    assert sorted(matrices(run)) == sorted(possible)


def test_speedups_are_ratios_of_the_published_epoch_times() -> None:
    found = {each.model: each for each in speedups()}
    assert found["cnn10"].estimate == pytest.approx(130 / 24)
    assert found["inceptionv3"].estimate == pytest.approx(136.5 / 36)
    assert found["vgg16"].estimate == pytest.approx(359.5 / 23)


def test_a_speedup_has_a_range_where_epochs_were_given_as_one() -> None:
    found = {each.model: (each.lowest, each.highest) for each in speedups()}
    assert found["cnn10"] == (None, None)
    assert found["vgg16"] == pytest.approx((285 / 23, 434 / 23))


@pytest.mark.parametrize("run", RUNS, ids=RUN_IDS)
def test_an_epoch_time_with_a_range_is_its_middle(run: PublishedRun) -> None:
    if run.epoch_s_range is not None:
        assert run.epoch_s == sum(run.epoch_s_range) / 2


@pytest.mark.parametrize(
    "figures",
    [
        ("120 epochs of 24 s", "48 min", "80 min"),
        ("VGG16 on the CPU leads in all 5 rates", "0.9270 and 0.9428 against 0.9527"),
        ("General Precision is overall accuracy in 6 of 6",),
        ("0.9513", "0.9270", "470 in 507"),
        ("676 training and 169 validation images are all 845", "169 test images"),
        ("2,535", "2,028"),
        ("TensorFlow 2.1 and 2.5",),
        ("InceptionV3 on the CPU and InceptionV3 on the GPU", "inceptionv3.h5"),
        ("94.08%", "79.68%"),
        ("VGG16 takes 2.8 times as long", "23 against 24 s"),
    ],
    ids=lambda figures: figures[0],
)
def test_a_contradiction_is_told_with_its_figures(figures: tuple[str, ...]) -> None:
    told = [each for each in contradictions() if all(figure in each for figure in figures)]
    assert len(told) == 1


def test_every_contradiction_is_one_line() -> None:
    assert not [each for each in contradictions() if "\n" in each or not each.endswith(".")]


def test_figures_that_agree_are_no_contradiction() -> None:
    cpu, gpu = (replace(_sound_run(), device=device) for device in ("cpu", "gpu"))
    text = replace(
        statements(),
        images=3 * (676 + 2 * 169),
        training_images_in_the_abstract=2028,
        tensorflow_versions=("2.5",),
        best_model="vgg16",
    )
    named = (replace(cpu, saved_as="cpu.keras"), replace(gpu, saved_as="gpu.keras"))
    assert contradictions_in(Paper(named, text)) == ()


def _sound_run() -> PublishedRun:
    """Table VI with one name for one figure: the true macro precision as General Precision."""
    run = next(run for run in RUNS if run.table == "VI")
    return replace(
        run,
        macro={**run.macro, "accuracy": run.overall_accuracy, "precision": run.overall_accuracy},
    )


def test_times_in_order_are_no_contradiction() -> None:
    slower = [
        replace(run, epoch_s=60.0) if (run.model, run.device) == ("vgg16", "gpu") else run
        for run in RUNS
    ]
    told = contradictions_in(Paper(tuple(slower), statements()))
    assert not [each for each in told if "times as long" in each]


def test_tables_are_in_order() -> None:
    order = ["I", "II", "III", "IV", "V", "VI"]
    assert [run.table for run in RUNS] == order
    assert all(first.model == second.model for first, second in list(pairwise(RUNS))[::2])
