from dataclasses import replace
from fractions import Fraction

import pytest
from statsmodels.stats.proportion import proportion_confint

from lungbench.metrics import RATE_NAMES, Counts
from lungbench.paper import counts as published_counts
from lungbench.paper.check import paper_table
from lungbench.paper.count_limits import demands
from lungbench.paper.counts import exact_rate, rate_intervals, solutions
from lungbench.paper.published import PublishedRun, matrices, published
from lungbench.paper.rounding import printed_rate
from lungbench.paper.table import PrintedClass, PrintedRun

PAPER = tuple(zip(published(), paper_table(), strict=True))
RUN_IDS = [f"{run.model}-{run.device}" for run in published()]


def coarse(run: PrintedRun) -> PrintedRun:
    """The run as a paper prints it that tells recall and precision by one decimal."""
    classes = tuple(
        PrintedClass(
            each.name,
            {
                name: shorter
                for name in ("recall", "precision")
                if (shorter := printed_rate(str(round(each.rates[name].value, 1))))
            },
        )
        for each in run.classes
    )
    return replace(run, classes=classes, overall=None)


@pytest.mark.parametrize(("known", "printed"), PAPER, ids=RUN_IDS)
def test_the_papers_counts_and_matrices_are_found_and_no_others(
    known: PublishedRun, printed: PrintedRun
) -> None:
    found = solutions(demands(printed, "half_up"), (169, 169, 169))
    assert found is not None
    assert found.counts == (tuple(each.counts for each in known.per_class.values()),)
    assert found.complete
    assert found.matrices == len(matrices(known))
    assert found.matrices_complete
    assert found.example in matrices(known)
    assert found.right == (known.correct, known.correct)


def test_no_counts_are_none() -> None:
    assert solutions(demands(PAPER[0][1], "half_up"), (168, 168, 168)) is None


def test_every_printed_rate_has_wilsons_interval_of_its_counts() -> None:
    known, printed = PAPER[0]
    found = solutions(demands(printed, "half_up"), (169, 169, 169))
    assert found is not None
    intervals = {(each.of, each.rate): each for each in rate_intervals(printed, found)}
    assert len(intervals) == 3 * 5 + 1
    covid = known.per_class["covid"].counts
    recall = intervals["covid", "recall"]
    assert (recall.printed, recall.numerator, recall.denominator) == ("0.8639", covid.tp, 169)
    assert recall.interval is not None
    expected = proportion_confint(covid.tp, 169, method="wilson")
    assert (recall.interval.low, recall.interval.high) == pytest.approx(expected)
    overall = intervals["overall", "accuracy"]
    assert (overall.printed, overall.numerator, overall.denominator) == ("0.9270", 470, 507)
    for (of, rate), each in intervals.items():
        if of != "overall":
            exact = known.per_class[of].counts.rates()[rate]
            assert Fraction(each.numerator, each.denominator) == exact


def test_the_limits_of_f1_are_those_of_its_share_turned() -> None:
    _, printed = PAPER[0]
    found = solutions(demands(printed, "half_up"), (169, 169, 169))
    assert found is not None
    f1 = next(each for each in rate_intervals(printed, found) if each.rate == "f1")
    # 146 of the 146 + 6 + 23 images that are COVID-19 or were diagnosed as it.
    low, high = proportion_confint(146, 175, method="wilson")
    assert f1.interval is not None
    assert f1.interval.low == pytest.approx(2 * low / (1 + low))
    assert f1.interval.high == pytest.approx(2 * high / (1 + high))


def test_the_interval_covers_all_counts_that_are_possible() -> None:
    run = coarse(PAPER[0][1])
    found = solutions(demands(run, "half_up"), (30, 30, 30))
    assert found is not None
    assert len(found.counts) > 1
    recall = next(each for each in rate_intervals(run, found) if each.rate == "recall")
    limits = [proportion_confint(vector[0].tp, 30, method="wilson") for vector in found.counts]
    assert recall.interval is not None
    assert recall.interval.low == pytest.approx(min(low for low, _ in limits))
    assert recall.interval.high == pytest.approx(max(high for _, high in limits))


def test_more_counts_than_are_listed_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = demands(coarse(PAPER[0][1]), "half_up")
    everything = solutions(wanted, (30, 30, 30))
    assert everything is not None
    assert everything.complete
    monkeypatch.setattr(published_counts, "MOST_COUNTS", len(everything.counts) - 1)
    fewer = solutions(wanted, (30, 30, 30))
    assert fewer is not None
    assert len(fewer.counts) == len(everything.counts) - 1
    assert not fewer.complete
    assert not fewer.matrices_complete
    # What isn't listed is still within the extremes.
    assert fewer.right[0] <= everything.right[0] <= everything.right[1] <= fewer.right[1]
    for some, every in zip(fewer.right_of_class, everything.right_of_class, strict=True):
        assert some[0] <= every[0] <= every[1] <= some[1]
    run = coarse(PAPER[0][1])
    wide, narrow = (
        {(each.of, each.rate): each.interval for each in rate_intervals(run, found)}
        for found in (fewer, everything)
    )
    for of, limits in narrow.items():
        assert limits is not None
        assert wide[of] is not None
        assert wide[of].low <= limits.low <= limits.high <= wide[of].high


def test_more_matrices_than_are_counted_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    known, printed = PAPER[0]
    monkeypatch.setattr(published_counts, "MOST_MATRICES", len(matrices(known)) - 1)
    found = solutions(demands(printed, "half_up"), (169, 169, 169))
    assert found is not None
    assert (found.matrices, found.matrices_complete) == (len(matrices(known)) - 1, False)


def test_exact_rates_are_those_of_the_metrics() -> None:
    for counts in (Counts(3, 1, 2, 9), Counts(0, 0, 2, 9)):
        assert {name: exact_rate(name, counts) for name in RATE_NAMES} == counts.rates()
