from dataclasses import replace
from decimal import Decimal

from lungbench.paper.check import paper_table
from lungbench.paper.obstacles import Clash, clashes, obstacles
from lungbench.paper.rounding import printed_rate
from lungbench.paper.table import PrintedRun

PAPER = paper_table()
SIZES = [(n, n, n) for n in range(1, 400)]


def with_rate(run: PrintedRun, label: int, rate: str, text: str) -> PrintedRun:
    printed = printed_rate(text)
    assert printed is not None
    classes = list(run.classes)
    classes[label] = replace(classes[label], rates={**classes[label].rates, rate: printed})
    return replace(run, classes=tuple(classes))


def test_a_misprinted_rate_is_named_with_what_it_should_be() -> None:
    # Table V prints 0.9704 for the recall of tuberculosis: 164 of 169.
    wrong = with_rate(PAPER[4], 2, "recall", "0.9740")
    [obstacle] = obstacles(wrong, "half_either", SIZES)
    assert (obstacle.of, obstacle.rate, obstacle.printed) == ("tuberculosis", "recall", "0.9740")
    assert obstacle.sizes == (169, 169, 169)
    assert obstacle.lowest == obstacle.highest == Decimal("0.9704")


def test_a_wrong_overall_accuracy_is_named() -> None:
    wrong = replace(PAPER[0], overall=printed_rate("92.80%"))
    [obstacle] = obstacles(wrong, "half_either", SIZES)
    assert (obstacle.of, obstacle.rate, obstacle.printed) == ("overall", "accuracy", "92.80%")
    assert obstacle.lowest == obstacle.highest == Decimal("0.9270")


def test_two_misprints_have_no_single_obstacle() -> None:
    wrong = with_rate(PAPER[4], 2, "recall", "0.9740")
    wrong = with_rate(wrong, 0, "precision", "0.9570")
    assert obstacles(wrong, "half_either", SIZES) == ()


def test_rates_that_exclude_each_other_are_named() -> None:
    # F1 lies between precision and recall, so that the three can't be met at any size.
    wrong = with_rate(PAPER[4], 1, "f1", "0.9000")
    wrong = with_rate(wrong, 1, "accuracy", "0.9000")
    found = clashes(wrong, "half_either", SIZES)
    assert [each.of for each in found] == ["healthy"]
    assert "f1" in found[0].rates or "accuracy" in found[0].rates
    assert len(found[0].rates) < 5


def test_a_rate_that_no_size_gives_is_named_alone() -> None:
    # Of up to 100 images none gives a recall of 0.9999.
    wrong = with_rate(PAPER[0], 0, "recall", "0.9999")
    assert clashes(wrong, "half_either", SIZES[:100])[0] == Clash("covid", ("recall",))


def test_rates_that_can_be_met_do_not_clash() -> None:
    assert clashes(PAPER[0], "half_either", SIZES) == ()
