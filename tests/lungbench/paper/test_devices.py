import pytest
from scipy.stats import binomtest, fisher_exact
from statsmodels.stats.multitest import multipletests

from lungbench.metrics import Counts
from lungbench.paper.counts import Solutions
from lungbench.paper.devices import DeviceComparison, Side, device_comparisons, fisher_bounds
from lungbench.paper.integer_counts import CountVector
from lungbench.paper.unpaired import fisher


def side(device: str, *right: tuple[int, ...], images: tuple[int, ...], model: str = "m") -> Side:
    """A device whose classes may have had these right diagnoses, in any of these ways."""
    counts = tuple(_vector(each, images) for each in right)
    sums = [sum(each) for each in right]
    found = Solutions(
        counts,
        complete=True,
        of_class=tuple(zip(*counts, strict=True)),
        right=(min(sums), max(sums)),
        matrices=1,
        matrices_complete=True,
        example=((1,),),
    )
    return Side(model, device, found, images)


def _vector(right: tuple[int, ...], images: tuple[int, ...]) -> CountVector:
    # Only the right diagnoses matter here, so the false positives are left at 0.
    total = sum(images)
    return tuple(Counts(tp, 0, n - tp, total - n) for tp, n in zip(right, images, strict=True))


def only(*sides: Side) -> DeviceComparison:
    [found] = device_comparisons(sides)
    return found


def test_devices_whose_p_value_is_small_in_every_pairing_differ() -> None:
    # Tables III and IV, InceptionV3: 147, 163, 167 right on the CPU, 92, 152, 160 on the GPU.
    images = (169, 169, 169)
    found = only(side("cpu", (147, 163, 167), images=images),
                 side("gpu", (92, 152, 160), images=images))  # fmt: skip
    assert found.verdict == "differ"
    assert found.tests is not None
    assert found.tests.mcnemar is not None
    # Alike, the GPU's right ones are the CPU's as well: 55 + 11 + 7 images differ. Apart, each
    # image that either missed was right for the other: 99 + 23 + 11 differ, 30 one way.
    assert found.tests.mcnemar.least == pytest.approx(binomtest(0, 73).pvalue)
    assert found.tests.mcnemar.greatest == pytest.approx(binomtest(30, 133).pvalue)
    assert (found.tests.baseline_right, found.tests.other_right) == ((477, 477), (404, 404))


def test_devices_whose_p_value_is_large_in_every_pairing_are_not_shown_to_differ() -> None:
    # Tables I and II, the 10-layer network: 10 + 2 images more on the GPU, 4 fewer.
    images = (169, 169, 169)
    found = only(side("cpu", (146, 157, 167), images=images),
                 side("gpu", (156, 159, 163), images=images))  # fmt: skip
    assert found.verdict == "not_shown"
    assert found.tests is not None
    assert found.tests.mcnemar is not None
    assert found.tests.mcnemar.least == pytest.approx(binomtest(4, 16).pvalue)
    expected = 2 * fisher_exact([[470, 37], [478, 29]], alternative="less").pvalue
    assert found.tests.fisher == pytest.approx((expected, expected))
    assert found.tests.difference.low < 8 / 507 < found.tests.difference.high


def test_between_the_two_only_the_images_can_tell() -> None:
    # 10 more of 100: alike p is 2 / 2^10, apart 40 against 50 differ.
    found = only(side("cpu", (50, 50), images=(100, 100)), side("gpu", (60, 50), images=(100, 100)))
    assert found.verdict == "open"


def test_test_sets_of_other_sizes_are_compared_as_different_images() -> None:
    found = only(side("cpu", (90, 90), images=(100, 100)), side("gpu", (50, 60), images=(100, 120)))
    assert found.tests is not None
    assert found.tests.mcnemar is None
    assert found.tests.mcnemar_adjusted is None
    tail = fisher_exact([[180, 20], [110, 110]], alternative="greater").pvalue
    assert found.tests.fisher == pytest.approx((2 * tail, 2 * tail))
    assert found.verdict == "differ"


def test_p_values_span_all_counts_that_are_possible() -> None:
    images = (20, 20)
    found = only(
        side("cpu", (15, 15), (16, 15), images=images), side("gpu", (10, 15), images=images)
    )
    one = only(side("cpu", (15, 15), images=images), side("gpu", (10, 15), images=images))
    two = only(side("cpu", (16, 15), images=images), side("gpu", (10, 15), images=images))
    assert found.tests is not None
    assert one.tests is not None
    assert two.tests is not None
    assert found.tests.baseline_right == (30, 31)
    for name in ("fisher", "mcnemar"):
        bounds = getattr(found.tests, name)
        for each in (one, two):
            inside = getattr(each.tests, name)
            assert bounds.least <= inside.least <= inside.greatest <= bounds.greatest
    assert found.tests.difference.low == min(one.tests.difference.low, two.tests.difference.low)


def test_p_values_are_adjusted_over_all_comparisons() -> None:
    images = (50, 50)
    sides = [
        side("cpu", (40, 40), images=images, model="a"),
        side("gpu", (30, 40), images=images, model="a"),
        side("cpu", (45, 45), images=images, model="b"),
        side("gpu", (40, 40), images=images, model="b"),
        side("gpu2", (20, 20), images=images, model="b"),
    ]
    found = device_comparisons(sides)
    assert [(each.model, each.baseline, each.other) for each in found] == [
        ("a", "cpu", "gpu"), ("b", "cpu", "gpu"), ("b", "cpu", "gpu2"),
    ]  # fmt: skip
    tests = [each.tests for each in found if each.tests is not None]
    for plain, adjusted in (("fisher", "fisher_adjusted"), ("mcnemar", "mcnemar_adjusted")):
        for end in ("least", "greatest"):
            p_values = [getattr(getattr(each, plain), end) for each in tests]
            expected = multipletests(p_values, method="holm")[1]
            assert [getattr(getattr(each, adjusted), end) for each in tests] == pytest.approx(
                list(expected)
            )


def test_one_device_is_compared_with_nothing() -> None:
    assert device_comparisons([side("cpu", (1, 1), images=(2, 2))]) == ()


def test_a_device_without_counts_is_not_compared() -> None:
    found = only(side("cpu", (1, 1), images=(2, 2)), Side("m", "gpu", None, None))
    assert found.verdict == "not_compared"
    assert found.tests is None


@pytest.mark.parametrize(
    ("one", "two", "images"),
    [((3, 5), (6, 9), (10, 10)), ((2, 6), (4, 9), (10, 12)), ((7, 9), (1, 5), (9, 14))],
)
def test_fishers_bounds_hold_all_counts_in_the_ranges(
    one: tuple[int, int], two: tuple[int, int], images: tuple[int, int]
) -> None:
    bounds = fisher_bounds(one, two, images)
    p_values = [
        fisher((a, b), images) for a in range(one[0], one[1] + 1) for b in range(two[0], two[1] + 1)
    ]
    assert bounds.least == min(p_values)
    assert bounds.greatest >= max(p_values)
