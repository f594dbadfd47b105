"""Two accuracies on different images: whether they differ beyond chance, and how far.

On the same images both are too careful where two networks err on the same images, as they mostly
do: what the images share is taken for noise. `lungbench.stats.agreement` compares image by image.
"""

import math

from lungbench.stats.intervals import Interval, wilson

_NEGLIGIBLE = 1e-17  # of a sum: below a double's digits


def fisher(successes: tuple[int, int], images: tuple[int, int]) -> float:
    """Return the two-sided p-value of Fisher's exact test on two shares, twice the smaller tail.

    With all successes given, each number of successes on one side has a known chance under equal
    shares. Twice a tail rather than the chance of all that is no likelier: so the p-value can only
    fall as the shares move apart.

    Args:
        successes: Images diagnosed rightly by either side.
        images: Images of either side, from 1.

    Raises:
        ValueError: The counts are no shares.
    """
    _check(successes, images)
    at_most, at_least = _tails(successes[0], images[0], images[1], sum(successes))
    return min(1.0, 2 * at_most, 2 * at_least)


def newcombe(
    successes: tuple[int, int], images: tuple[int, int], confidence: float = 0.95
) -> Interval:
    """Return Newcombe's interval of the second share minus the first.

    It is made of the two Wilson intervals, so it stays within -1 and 1 and has a width even where
    a share is 0 or 1.

    Source: R. G. Newcombe, Statistics in Medicine 17 (1998) 873-890, method 10.

    Args:
        successes: Images diagnosed rightly by either side.
        images: Images of either side, from 1.
        confidence: Coverage of the interval, between 0 and 1.

    Raises:
        ValueError: The counts are no shares.
    """
    _check(successes, images)
    first, second = (right / n for right, n in zip(successes, images, strict=True))
    one, two = (wilson(right, n, confidence) for right, n in zip(successes, images, strict=True))
    difference = second - first
    return Interval(
        difference - math.hypot(second - two.low, one.high - first),
        difference + math.hypot(two.high - second, first - one.low),
    )


def _check(successes: tuple[int, int], images: tuple[int, int]) -> None:
    if not all(0 <= right <= n > 0 for right, n in zip(successes, images, strict=True)):
        raise ValueError(f"{successes} of {images} are no two shares")


def _tails(right: int, one: int, two: int, together: int) -> tuple[float, float]:
    """Return the chances that the first side has `right` successes or fewer, or that many or more.

    From the chance of `right` itself, terms are added away from the likeliest number, where each is
    smaller than the last, so that no sum overflows and few of them matter.

    Args:
        right: Successes of the first side.
        one: Its images.
        two: Images of the second side.
        together: Successes of both.
    """
    itself = math.exp(
        _log_ways(one, right) + _log_ways(two, together - right) - _log_ways(one + two, together)
    )
    down = right * (one + two + 2) <= (one + 1) * (together + 1)
    tail, term, at = 1.0, 1.0, right
    while term > _NEGLIGIBLE * tail:
        # The number of ways at the next count over that at this one.
        if down:
            term *= at * (two - together + at) / ((one - at + 1) * (together - at + 1))
            at -= 1
        else:
            term *= (one - at) * (together - at) / ((at + 1) * (two - together + at + 1))
            at += 1
        tail += term
    near = itself * tail
    far = 1 - near + itself
    return (near, far) if down else (far, near)


def _log_ways(of: int, chosen: int) -> float:
    """Return the logarithm of the number of ways to choose."""
    return math.lgamma(of + 1) - math.lgamma(chosen + 1) - math.lgamma(of - chosen + 1)
