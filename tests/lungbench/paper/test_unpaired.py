import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact
from statsmodels.stats.proportion import confint_proportions_2indep

from lungbench.paper.unpaired import fisher, newcombe

# Right diagnoses and images of two sides.
SIDE = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(SIDE, SIDE)
@settings(max_examples=150)
def test_fisher_is_twice_the_smaller_of_scipys_tails(
    one: tuple[int, int], two: tuple[int, int]
) -> None:
    p = fisher((one[0], two[0]), (one[1], two[1]))
    assert p == pytest.approx(twice_the_smaller_tail(one, two), rel=1e-9)


def twice_the_smaller_tail(one: tuple[int, int], two: tuple[int, int]) -> float:
    table = [[right, images - right] for right, images in (one, two)]
    tails = [fisher_exact(table, alternative=side).pvalue for side in ("less", "greater")]
    return min(1.0, 2 * min(tails))


def test_fisher_holds_with_thousands_of_images() -> None:
    expected = twice_the_smaller_tail((5700, 6000), (5600, 6000))
    assert fisher((5700, 5600), (6000, 6000)) == pytest.approx(expected, rel=1e-6)


@given(SIDE, st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n))))
@settings(max_examples=100)
def test_fisher_falls_as_the_shares_move_apart(one: tuple[int, int], two: tuple[int, int]) -> None:
    images = one[1], two[1]
    nearer, further = (fisher((one[0], right), images) for right in (two[0], two[0] + 1))
    if two[0] * one[1] >= one[0] * two[1]:
        assert further <= nearer
    elif (two[0] + 1) * one[1] <= one[0] * two[1]:
        assert further >= nearer


@given(SIDE, SIDE)
@settings(max_examples=100)
def test_newcombe_is_statsmodels(one: tuple[int, int], two: tuple[int, int]) -> None:
    interval = newcombe((one[0], two[0]), (one[1], two[1]))
    expected = confint_proportions_2indep(
        two[0], two[1], one[0], one[1], method="newcomb", compare="diff"
    )
    assert (interval.low, interval.high) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("successes", "images"), [((3, 1), (2, 2)), ((-1, 1), (2, 2)), ((0, 0), (0, 1))]
)
def test_counts_that_are_no_shares_are_refused(
    successes: tuple[int, int], images: tuple[int, int]
) -> None:
    with pytest.raises(ValueError, match="no two shares"):
        fisher(successes, images)
    with pytest.raises(ValueError, match="no two shares"):
        newcombe(successes, images)
