"""Which whole numbers could have produced printed rates, at given class sizes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lungbench.metrics import Confusion, Counts
from lungbench.paper.count_limits import Between, Box, Demands, Limit, at_least, narrowed

Sizes = tuple[int, ...]  # images of each class
CountVector = tuple[Counts, ...]  # one a class


class Strip(NamedTuple):
    """Counts of a class that fit: one `tp` with every `fp` from `fp_low` to `fp_high`."""

    tp: int
    fp_low: int
    fp_high: int


class OutOfSteps(Exception):
    """The search took as many steps as it may."""


@dataclass(slots=True)
class Steps:
    """How many steps a search may still take, so that it ends at the same point everywhere."""

    left: int

    def take(self, steps: int = 1) -> None:
        """Take steps.

        Raises:
            OutOfSteps: There are none left.
        """
        self.left -= steps
        if self.left < 0:
            raise OutOfSteps


def fits(wanted: Demands, sizes: Sizes, steps: Steps) -> bool:
    """Return whether any counts meet the demands at these class sizes.

    Raises:
        OutOfSteps: That couldn't be told in the steps left.
    """
    return next(count_vectors(wanted, sizes, steps), None) is not None


def class_fits(limits: Sequence[Limit], images: int, others: int, steps: Steps) -> bool:
    """Return whether any counts of one class meet its limits, whatever the others' counts are.

    Raises:
        OutOfSteps: That couldn't be told in the steps left.
    """
    return bool(strips(limits, images, others, steps))


def count_vectors(wanted: Demands, sizes: Sizes, steps: Steps) -> Iterator[CountVector]:
    """Yield all counts that meet the demands and belong to at least one confusion matrix.

    Rows and columns of the matrix must add up: what is diagnosed as some class wrongly is what
    all classes miss, and a class's false positives are images of the others.

    Raises:
        OutOfSteps: There may be more.
    """
    total = sum(sizes)
    parts = []
    for limits, images in zip(wanted.classes, sizes, strict=True):
        parts.append(strips(limits, images, total - images, steps))
        if not parts[-1]:
            return
    right = wanted.right_of(total)
    for choice in _choices(parts, _sums(parts), right, (total, total), steps):
        yield from _with_false_positives(choice, sizes)


def confusions(counts: CountVector) -> Iterator[Confusion]:
    """Yield every confusion matrix with these counts; rows are true classes.

    Its errors are a table without diagonal, with the classes' misses as row sums and their false
    positives as column sums. Three classes leave one number free, four leave five.
    """
    missed = tuple(each.fn for each in counts)
    for rows in _error_rows(0, missed, tuple(each.fp for each in counts)):
        yield tuple(
            (*row[:label], counts[label].tp, *row[label + 1 :]) for label, row in enumerate(rows)
        )


def strips(
    limits: Sequence[Limit], images: int, others: int, steps: Steps | None = None
) -> list[Strip]:
    """Return all counts of a class that meet its limits, in ascending order of `tp`.

    Raises:
        OutOfSteps: There may be more; never without `steps`.
    """
    steps = steps or Steps(images + 2)
    box = narrowed(limits, images, Box((others, others), (0, images), (0, others)))
    steps.take()
    if box is None:
        return []
    # What concerns one of the two numbers alone is in the box already.
    both = [
        (limit.tp, limit.fp, limit.least - limit.images * images - limit.others * others)
        for limit in limits
        if limit.tp and limit.fp
    ]
    found = []
    for tp in range(box.tp[0], box.tp[1] + 1):
        steps.take()
        fp = box.fp
        for of_tp, of_fp, least in both:
            fp = at_least(of_fp, least - of_tp * tp, fp)
        if fp[0] <= fp[1]:
            found.append(Strip(tp, *fp))
    return found


class _Sums(NamedTuple):
    """Between what sums over some classes lie: images diagnosed rightly, and as these classes."""

    right: Between
    diagnosed: Between


def _sums(parts: Sequence[Sequence[Strip]]) -> list[_Sums]:
    """Return the sums over the classes from each class on, and over none at last."""
    sums = [_Sums((0, 0), (0, 0))]
    for strips in reversed(parts):
        right, diagnosed = sums[-1]
        sums.append(
            _Sums(
                (right[0] + strips[0].tp, right[1] + strips[-1].tp),
                (
                    diagnosed[0] + min(strip.tp + strip.fp_low for strip in strips),
                    diagnosed[1] + max(strip.tp + strip.fp_high for strip in strips),
                ),
            )
        )
    return sums[::-1]


def _choices(
    parts: Sequence[Sequence[Strip]],
    sums: Sequence[_Sums],
    right: Between,
    diagnosed: Between,
    steps: Steps,
) -> Iterator[tuple[Strip, ...]]:
    """Yield every choice of one strip a class that keeps the sums over all classes.

    Args:
        parts: The strips of each class that is left.
        sums: What those classes can add, from each of them on.
        right: Between what their images diagnosed rightly must sum up.
        diagnosed: The same of all images diagnosed as them; in total that is every image.
        steps: One is taken for each strip looked at.
    """
    if not parts:
        yield ()
        return
    for strip in parts[0]:
        steps.take()
        right_left = right[0] - strip.tp, right[1] - strip.tp
        diagnosed_left = (
            diagnosed[0] - strip.tp - strip.fp_high,
            diagnosed[1] - strip.tp - strip.fp_low,
        )
        if _meet(right_left, sums[1].right) and _meet(diagnosed_left, sums[1].diagnosed):
            for rest in _choices(parts[1:], sums[1:], right_left, diagnosed_left, steps):
                yield (strip, *rest)


def _meet(one: Between, two: Between) -> bool:
    return one[0] <= two[1] and two[0] <= one[1]


def _with_false_positives(choice: Sequence[Strip], sizes: Sizes) -> Iterator[CountVector]:
    """Yield the counts of these strips whose rows and columns add up."""
    total = sum(sizes)
    missed = [images - strip.tp for strip, images in zip(choice, sizes, strict=True)]
    wrong = sum(missed)
    lows = [strip.fp_low for strip in choice]
    highs = [min(strip.fp_high, wrong - fn) for strip, fn in zip(choice, missed, strict=True)]
    for fps in _compositions(wrong, lows, highs):
        yield tuple(
            Counts(strip.tp, fp, fn, tn=total - images - fp)
            for strip, fp, fn, images in zip(choice, fps, missed, sizes, strict=True)
        )


def _error_rows(at: int, missed: Sequence[int], spare: Sequence[int]) -> Iterator[Confusion]:
    """Yield the rows of errors from the class `at` on; `spare` is left of each column's sum.

    A class below may put its misses in every column but its own, so that this row must leave of
    that column no more than the other rows below can fill. That is all it takes (Hall's theorem):
    no choice made here is a dead end.
    """
    if at == len(missed):
        yield ()
        return
    below = sum(missed[at + 1 :])
    lows = [
        max(0, missed[column] + left - below) if column > at else 0
        for column, left in enumerate(spare)
    ]
    highs = [left if column != at else 0 for column, left in enumerate(spare)]
    for row in _compositions(missed[at], lows, highs):
        rest = [left - put for left, put in zip(spare, row, strict=True)]
        for rows in _error_rows(at + 1, missed, rest):
            yield (row, *rows)


def _compositions(
    total: int, lows: Sequence[int], highs: Sequence[int]
) -> Iterator[tuple[int, ...]]:
    """Yield every way to make up a total of whole numbers, each between its low and its high."""
    if any(low > high for low, high in zip(lows, highs, strict=True)):
        return
    if not lows:
        if total == 0:
            yield ()
        return
    first = max(lows[0], total - sum(highs[1:])), min(highs[0], total - sum(lows[1:]))
    for number in range(first[0], first[1] + 1):
        for rest in _compositions(total - number, lows[1:], highs[1:]):
            yield (number, *rest)
