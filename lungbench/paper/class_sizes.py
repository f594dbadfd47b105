"""How many test images each class had, from the printed rates alone.

Whatever fits some sizes fits their multiples too: with all counts doubled no rate changes. So the
smallest sizes are what a table can tell, and rates with many decimals leave little else.

Equal classes are tried first, because papers balance their classes; other sizes only where no equal
ones fit. A search that takes too many steps ends early and says how far it came.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, NamedTuple

from lungbench.paper.count_limits import Between, Box, Demands, Limit, at_least, demands, narrowed
from lungbench.paper.integer_counts import OutOfSteps, Sizes, Steps, fits
from lungbench.paper.rounding import Rounding
from lungbench.paper.table import PrintedRun

STEPS = 150_000  # of one search: a second or two
MOST_IMAGES_PER_CLASS = 2000

_SMALLEST_LEVEL = 16  # images a class: the first part of a search among unequal classes


@dataclass(frozen=True, slots=True)
class SizesFound:
    """Class sizes that a run's printed rates allow.

    Attributes:
        fitting: The sizes, in ascending order of all images.
        how: Whether the table gives the sizes, or classes were taken to be equal, or not.
        searched_to: How far all sizes were tried: images a class where they are equal, else all
            images; None where the table gives the sizes.
        complete: Whether that is as far as was asked for.
    """

    fitting: tuple[Sizes, ...]
    how: Literal["given", "equal", "unequal"]
    searched_to: int | None
    complete: bool

    @property
    def smallest(self) -> Sizes | None:
        """The sizes with the fewest images; None where none fit."""
        return self.fitting[0] if self.fitting else None

    @property
    def others(self) -> tuple[Sizes, ...]:
        """The sizes that are no multiples of the smallest."""
        return tuple(each for each in self.fitting if not is_multiple(each, self.fitting[0]))


class Candidate(NamedTuple):
    """Counts that fit one class, if the others have as many images together as these allow."""

    images: int
    tp: int
    fp: int
    others: Between


def given_sizes(run: PrintedRun) -> Sizes | None:
    """Return the sizes that the table gives; None unless it gives all."""
    sizes = tuple(each.images for each in run.classes if each.images is not None)
    return sizes if len(sizes) == len(run.classes) else None


def likeliest_sizes(run: PrintedRun, rounding: Rounding, most: int) -> SizesFound:
    """Try the given sizes where the table gives all, else equal classes up to `most` images."""
    given = given_sizes(run)
    if given is not None:
        fitting, tried = _those_that_fit([given], demands(run, rounding))
        return SizesFound(fitting, "given", None, complete=tried is None)
    fitting, tried = _those_that_fit(equal_sizes(run, most), demands(run, rounding))
    searched_to = most if tried is None else tried[0] - 1
    return SizesFound(fitting, "equal", searched_to, complete=tried is None)


def unequal_sizes(run: PrintedRun, rounding: Rounding, most: int) -> SizesFound:
    """Try all sizes up to `most` images a class, where the table doesn't give them.

    Each class is searched alone, with the number of all other images left open; then one candidate
    a class is joined to one confusion matrix. Tables of few decimals have too many candidates for
    large classes, so all images are limited, by a limit that doubles while there are steps left.
    """
    wanted, steps = demands(run, rounding), Steps(STEPS)
    found = SizesFound((), "unequal", 0, complete=False)
    for total, is_last in _levels(run, most):
        try:
            fitting = _fitting(run, wanted, _Bounds(total, most), steps)
        except OutOfSteps:
            return found
        found = SizesFound(tuple(sorted(fitting, key=by_total)), "unequal", total, is_last)
    return found


def by_total(sizes: Sizes) -> tuple[int, Sizes]:
    """Return what puts sizes in ascending order of all images."""
    return sum(sizes), sizes


def is_multiple(sizes: Sizes, of: Sizes) -> bool:
    """Return whether sizes are others, each times the same whole number."""
    return sizes[0] % of[0] == 0 and sizes == tuple(sizes[0] // of[0] * each for each in of)


def equal_sizes(run: PrintedRun, most: int) -> Iterator[Sizes]:
    """Yield equal sizes, as far as the table's own numbers of images allow them."""
    classes = len(run.classes)
    known = {each.images for each in run.classes if each.images is not None}
    if run.images is not None and run.images % classes:
        return
    if run.images is not None:
        known.add(run.images // classes)
    if len(known) <= 1:
        yield from ((images,) * classes for images in known or range(1, most + 1))


def _those_that_fit(
    candidates: Iterable[Sizes], wanted: Demands
) -> tuple[tuple[Sizes, ...], Sizes | None]:
    """Return the candidates that fit, and the one at which the steps ran out; None if none did."""
    steps, fitting = Steps(STEPS), []
    for sizes in candidates:
        try:
            if fits(wanted, sizes, steps):
                fitting.append(sizes)
        except OutOfSteps:
            return tuple(fitting), sizes
    return tuple(fitting), None


@dataclass(frozen=True, slots=True)
class _Bounds:
    """How far a search goes: in all images, and in those of a class."""

    total: int
    per_class: int


def _levels(run: PrintedRun, most: int) -> Iterator[tuple[int, bool]]:
    """Yield limits of all images, and whether each is the last."""
    if run.images is not None:
        yield run.images, True
        return
    last = sum(most if each.images is None else each.images for each in run.classes)
    total = min(last, sum(each.images or _SMALLEST_LEVEL for each in run.classes))
    while total < last:
        yield total, False
        total *= 2
    yield last, True


def _fitting(run: PrintedRun, wanted: Demands, bound: _Bounds, steps: Steps) -> set[Sizes]:
    """Return all sizes within these bounds that fit."""
    fewest = sum(each.images or 1 for each in run.classes)
    parts = []
    for each, limits in zip(run.classes, wanted.classes, strict=True):
        others = fewest - (each.images or 1)
        largest = min(bound.per_class, bound.total - others)
        candidates: list[Candidate] = []
        for images in [each.images] if each.images else range(1, largest + 1):
            rest = bound.total - images
            between = (rest if run.images is not None else others, rest)
            candidates += _candidates(limits, images, between, steps)
        if not candidates:
            return set()
        parts.append(candidates)
    return _joined(parts, wanted, steps)


def _candidates(
    limits: Sequence[Limit], images: int, others: Between, steps: Steps
) -> Iterator[Candidate]:
    """Yield the counts of a class of this size that fit some number of other images."""
    steps.take()
    box = narrowed(limits, images, Box(others, (0, images), (0, others[1])))
    if box is None:
        return
    for tp in range(box.tp[0], box.tp[1] + 1):
        steps.take()
        row = narrowed(limits, images, box._replace(tp=(tp, tp)))
        if row is not None:
            yield from _row_candidates(limits, images, row, steps)


def _row_candidates(
    limits: Sequence[Limit], images: int, row: Box, steps: Steps
) -> Iterator[Candidate]:
    """Yield the candidates of a box with one `tp`."""
    tp, _ = row.tp
    for fp in range(row.fp[0], row.fp[1] + 1):
        steps.take()
        others = max(row.others[0], fp), row.others[1]
        for limit in limits:
            rest = limit.least - limit.images * images - limit.tp * tp - limit.fp * fp
            others = at_least(limit.others, rest, others)
        if others[0] <= others[1]:
            yield Candidate(images, tp, fp, others)


def _joined(parts: Sequence[Sequence[Candidate]], wanted: Demands, steps: Steps) -> set[Sizes]:
    """Return the sizes of all choices of one candidate a class that make up one matrix.

    In a matrix, the classes' sizes and their diagnoses have the same sum. So all classes but the
    one with the most candidates are combined, and that one is looked up.
    """
    order = sorted(range(len(parts)), key=lambda label: len(parts[label]))
    by_surplus: dict[int, list[Candidate]] = defaultdict(list)
    for candidate in parts[order[-1]]:
        by_surplus[_surplus(candidate)].append(candidate)
    found = set()
    for others in product(*(parts[label] for label in order[:-1])):
        steps.take()
        for last in by_surplus.get(-sum(map(_surplus, others)), ()):
            steps.take()
            choice = (*others, last)
            if _is_matrix(choice, wanted):
                sizes = dict(zip(order, (each.images for each in choice), strict=True))
                found.add(tuple(sizes[label] for label in range(len(parts))))
    return found


def _surplus(candidate: Candidate) -> int:
    return candidate.images - candidate.tp - candidate.fp


def _is_matrix(choice: Sequence[Candidate], wanted: Demands) -> bool:
    """Return whether candidates whose rows and columns have the same sum make up a matrix."""
    total = sum([each.images for each in choice])
    if any(not each.others[0] <= total - each.images <= each.others[1] for each in choice):
        return False
    right = sum(each.tp for each in choice)
    fewest, most = wanted.right_of(total)
    return fewest <= right <= most and all(
        each.fp + each.images - each.tp <= total - right for each in choice
    )
