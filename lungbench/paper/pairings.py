"""What McNemar's test could give, where only the counts of two networks are published.

Two networks were tested on the same images. Of each class it is known how many images either
diagnosed rightly, but not which: `a` and `b` of `n` may share anything from max(0, a + b - n) to
min(a, b) images. McNemar's exact test looks at the D images that exactly one network diagnosed
rightly, and at the lead d of one network among them, which is fixed by the counts. Its p-value is
twice the chance that D tosses of a fair coin, each +1 or -1, sum up to d or more. With S a sum of
D tosses,

- two more tosses change that chance by (P(S = d - 2) - P(S = d)) / 4, never negative for d >= 1;
- with one more toss, d + 1 is no likelier than d was with D: (P(S >= d) + P(S >= d + 2)) / 2.

So the p-value is least where the networks share as many right diagnoses as they can, greatest where
they share as few, and both can happen. A whole confusion matrix tells no more: whatever a network
took a wrongly diagnosed image for, the other may have been right on it or not.

Where printed rates leave several counts possible, the smallest lead with the most such images, and
either end of the lead with the fewest, bound all of them.
"""

from collections.abc import Sequence
from typing import NamedTuple

from lungbench.stats.agreement import mcnemar

Between = tuple[int, int]  # the fewest and the most


class PValues(NamedTuple):
    """The least and the greatest p-value over all that is open."""

    least: float
    greatest: float


def mcnemar_bounds(
    baseline: Sequence[Between], other: Sequence[Between], images: Sequence[int], lead: Between
) -> PValues:
    """Return bounds of McNemar's two-sided p-value over all pairings of two networks' images.

    Both can happen where the counts are known; over ranges of counts they are bounds.

    Args:
        baseline: Between how many images of each class the baseline's network diagnosed rightly.
        other: The same of the other network.
        images: Images of each class.
        lead: Between what the other's right diagnoses of all classes exceed the baseline's, as far
            as that is known from elsewhere; the classes narrow it further.

    Raises:
        ValueError: The first three differ in length, or a class has more right diagnoses than
            images, or the lead isn't one of these classes.
    """
    classes = list(zip(baseline, other, images, strict=True))
    if any(not 0 <= low <= high <= n for *sides, n in classes for low, high in sides):
        raise ValueError(f"{baseline} and {other} are no right diagnoses of {images} images")
    leads = [(b[0] - a[1], b[1] - a[0]) for a, b, _ in classes]
    low = max(lead[0], sum(each for each, _ in leads))
    high = min(lead[1], sum(each for _, each in leads))
    if low > high:
        raise ValueError(f"a lead of {lead} is none of {baseline} and {other}")
    return PValues(
        least=min(_least(end, leads) for end in (low, high)),
        greatest=1.0 if low <= 0 <= high else _greatest(min(abs(low), abs(high)), classes),
    )


def _least(lead: int, leads: Sequence[Between]) -> float:
    """Return the p-value of a lead if the networks share all they can.

    In some classes the other is ahead, and in some behind, by no less than the counts there say.
    """
    ahead = sum(max(0, low) for low, _ in leads)
    behind = sum(max(0, -high) for _, high in leads)
    behind = max(behind, ahead - lead)
    return mcnemar(behind, behind + lead)


def _greatest(lead: int, classes: Sequence[tuple[Between, Between, int]]) -> float:
    """Return the p-value of a lead if the networks share nothing that they need not."""
    apart = sum(_most_apart(a[0] + b[0], a[1] + b[1], n) for a, b, n in classes)
    behind = max(0, (apart - lead) // 2)
    return mcnemar(behind, behind + lead)


def _most_apart(fewest: int, most: int, images: int) -> int:
    """Return how many images of a class can be right for one network only.

    Args:
        fewest: Right diagnoses of both networks together, at least.
        most: The same at most.
        images: Images of the class.
    """
    nearest = min(max(images, fewest), most)
    return min(nearest, 2 * images - nearest)
