"""Whether two devices train equally good diagnosticians, judged on the same test images.

Two sources move an accuracy: which images were asked, and which seed trained the network. The
images are shared by both sides, so they are compared image by image. Repeats share the images
too: counted together, one image would count several times, so nothing here pools them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from lungbench.stats.intervals import Interval, normal_quantile, t_quantile

_HALVINGS = 60  # of a range of at most 2: further ones are beyond a float's digits


@dataclass(frozen=True, slots=True)
class Pair:
    """Two networks on the same images: whether each diagnosed each image rightly.

    Raises:
        ValueError: The two differ in their number of images, or have none.
    """

    baseline: tuple[bool, ...]
    other: tuple[bool, ...]

    def __post_init__(self) -> None:
        if len(self.baseline) != len(self.other) or not self.baseline:
            raise ValueError(f"{len(self.baseline)} and {len(self.other)} images are no pairs")

    @property
    def images(self) -> int:
        """The number of images."""
        return len(self.baseline)

    @property
    def differences(self) -> tuple[int, ...]:
        """Per image, 1 where only the other network was right, -1 where only the baseline's."""
        return tuple(b - a for a, b in zip(self.baseline, self.other, strict=True))

    @property
    def baseline_only(self) -> int:
        """Images that only the baseline's network diagnosed rightly."""
        return self.differences.count(-1)

    @property
    def other_only(self) -> int:
        """Images that only the other network diagnosed rightly."""
        return self.differences.count(1)

    @property
    def difference(self) -> float:
        """The other network's accuracy minus the baseline's, from -1 to 1."""
        return sum(self.differences) / self.images


def mcnemar(baseline_only: int, other_only: int) -> float:
    """Return the two-sided p-value of McNemar's exact test.

    Where both networks are equally accurate, each discordant image (one that exactly one of them
    diagnoses rightly) falls to either side like a fair coin. 1 where no image is discordant.
    """
    tosses = baseline_only + other_only
    ways = at_most = 1  # whole numbers to the end: exact with any number of images
    for heads in range(min(baseline_only, other_only)):
        ways = ways * (tosses - heads) // (heads + 1)  # each from the last: comb() is slow
        at_most += ways
    return min(1.0, 2 * at_most / (1 << tosses))


def smallest_of(p_values: Sequence[float]) -> float:
    """Return one p-value for several tests of the same claim, by Bonferroni.

    Valid however the tests depend on each other, as those of repeats on the same images do.

    Raises:
        ValueError: There are none.
    """
    return min(1.0, len(p_values) * min(p_values))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjust the p-values of a family of claims by Holm's step-down method, in their order.

    Keeps the chance of any false rejection in the family, whatever the dependence.
    """
    adjusted, floor = [0.0] * len(p_values), 0.0
    for rank, at in enumerate(sorted(range(len(p_values)), key=lambda at: p_values[at])):
        floor = max(floor, min(1.0, (len(p_values) - rank) * p_values[at]))
        adjusted[at] = floor
    return tuple(adjusted)


def tango(
    baseline_only: float, other_only: float, images: int, confidence: float = 0.95
) -> Interval:
    """Return Tango's score interval of the difference of two paired proportions.

    The limits are the differences that a score test on the discordant images just doesn't reject;
    at 0 that test is McNemar's, so interval and test speak of the same thing. It needs no spread:
    without discordant images it is as wide as n agreements leave open. Its exact coverage at 36
    to 500 images is 94 to 100 %.

    Source: T. Tango, Statistics in Medicine 17 (1998) 891-908.

    Args:
        baseline_only: Images that only the baseline diagnosed rightly; may be a mean of repeats.
        other_only: Images that only the other side diagnosed rightly.
        images: All images, from 1 and at least the sum of the two.
        confidence: Coverage of the interval, between 0 and 1.

    Raises:
        ValueError: The counts are none of pairs.
    """
    if min(baseline_only, other_only) < 0 or not 0 < images >= baseline_only + other_only:
        raise ValueError(f"{baseline_only} and {other_only} of {images} are no discordant images")
    z = normal_quantile(confidence)
    estimate = (other_only - baseline_only) / images

    def rejected(difference: float) -> bool:
        distance = images * (estimate - difference)
        return distance**2 > z**2 * _score_variance(baseline_only, other_only, images, difference)

    return Interval(_last_kept(rejected, estimate, -1.0), _last_kept(rejected, estimate, 1.0))


def paired_interval(pairs: Sequence[Pair], confidence: float = 0.95) -> Interval:
    """Return the interval of the mean difference in accuracy between two devices.

    From one repeat it is Tango's, of these two networks: what another seed would change is
    unknown. From several it holds both the images and the seeds, as studies of several readers of
    the same films do: variance components of images crossed with repeats, and Student's t with
    Hillis's degrees of freedom. Since that is 0 wide where no image is discordant, and optimistic
    on few images, it is never narrower than Tango's at the repeats' mean counts.

    Source: S. L. Hillis, Statistics in Medicine 26 (2007) 596-619.

    Args:
        pairs: One a repeat, all on the same images in the same order.
        confidence: Coverage of the interval, between 0 and 1.

    Raises:
        ValueError: There are no pairs, or they differ in their number of images.
    """
    if len({pair.images for pair in pairs}) != 1:
        raise ValueError("repeats are compared on the same images")
    over_images = tango(
        fmean(pair.baseline_only for pair in pairs),
        fmean(pair.other_only for pair in pairs),
        pairs[0].images,
        confidence,
    )
    centre, over_both = fmean(pair.difference for pair in pairs), _crossed(pairs, confidence)
    return Interval(
        min(over_images.low, max(-1.0, centre - over_both)),
        max(over_images.high, min(1.0, centre + over_both)),
    )


def _crossed(pairs: Sequence[Pair], confidence: float) -> float:
    """Return the half-width over images and repeats; 0 where one of either can't tell."""
    differences = np.array([pair.differences for pair in pairs], dtype=float)
    repeats, images = differences.shape
    if min(repeats, images) == 1:
        return 0.0
    of_repeats, of_images = differences.mean(axis=1), differences.mean(axis=0)
    rest = differences - of_repeats[:, None] - of_images + differences.mean()
    # Mean squares over the number of diagnoses: each is an estimate of the mean's variance.
    seeds = float(of_repeats.var(ddof=1)) / repeats
    both = float(of_images.var(ddof=1)) / images
    noise = float(np.square(rest).mean()) / ((repeats - 1) * (images - 1))
    variance = seeds + max(both - noise, 0.0)
    if seeds == 0:
        return normal_quantile(confidence) * math.sqrt(variance)
    freedom = (repeats - 1) * (variance / seeds) ** 2
    return t_quantile(freedom, confidence) * math.sqrt(variance)


def _score_variance(
    baseline_only: float, other_only: float, images: int, difference: float
) -> float:
    """Return the variance of the discordant counts' difference, were `difference` the true one.

    The share of images that only the baseline gets right is its most likely one under that
    difference: the larger root of a quadratic.
    """
    a = 2 * images
    b = (2 * images - other_only + baseline_only) * difference - baseline_only - other_only
    c = -baseline_only * difference * (1 - difference)
    # Rounding may leave the root's square, and so the root, a hair below 0.
    share = max(0.0, (math.sqrt(max(0.0, b * b - 4 * a * c)) - b) / (2 * a))
    return images * (2 * share + difference * (1 - difference))


def _last_kept(rejected: Callable[[float], bool], kept: float, end: float) -> float:
    """Return the farthest difference from `kept` towards `end` that is not rejected."""
    if not rejected(end):
        return end
    for _ in range(_HALVINGS):
        middle = (kept + end) / 2
        if rejected(middle):
            end = middle
        else:
            kept = middle
    return kept
