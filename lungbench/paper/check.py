"""What a table of published rates says of itself: class sizes, counts, and devices that differ."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from lungbench.paper.class_sizes import (
    MOST_IMAGES_PER_CLASS,
    STEPS,
    SizesFound,
    by_total,
    equal_sizes,
    given_sizes,
    is_multiple,
    likeliest_sizes,
    unequal_sizes,
)
from lungbench.paper.count_limits import demands
from lungbench.paper.counts import RateInterval, Solutions, rate_intervals, solutions
from lungbench.paper.devices import DeviceComparison, Side, device_comparisons
from lungbench.paper.integer_counts import OutOfSteps, Sizes, Steps, fits
from lungbench.paper.obstacles import Clash, Obstacle, clashes, obstacles
from lungbench.paper.published import published
from lungbench.paper.rounding import ROUNDINGS, PrintedRate, Rounding, printed_rate
from lungbench.paper.table import PrintedClass, PrintedRun

# The two searches: the two other ways of rounding are cases of the first.
_SEARCHED: tuple[Rounding, ...] = ("half_either", "truncated")


@dataclass(frozen=True, slots=True)
class SharedSizes:
    """The class sizes that fit the most runs: all of a paper's runs share its test images.

    Attributes:
        sizes: The smallest of them.
        runs: How many runs they fit; two at least, unless there is one run only.
        others: Further sizes that fit as many runs and are no multiples of it.
    """

    sizes: Sizes
    runs: int
    others: tuple[Sizes, ...]


@dataclass(frozen=True, slots=True)
class RunCheck:
    """What the printed rates of one run say.

    Attributes:
        searches: The searches for its class sizes, in order; the last one's sizes count.
        rounding: The way of rounding that the last search took.
        sizes: Those that its counts are given for: the shared ones where they fit it, else its own
            smallest; None where no integers fit.
        roundings: The smallest sizes that fit by each way of rounding; None where none do. Cutting
            off is tried no further than rounding to the nearest fits.
        found: Its counts; None where no integers fit.
        intervals: Of each printed rate; empty where no integers fit.
        obstacles: Single rates in the way of the shared sizes, or of any.
        clashes: Rates that exclude each other, where no single one is in the way.
        without_images: The smallest sizes that would fit if the table didn't give other ones.
    """

    run: PrintedRun
    searches: tuple[SizesFound, ...]
    rounding: Rounding
    sizes: Sizes | None
    roundings: Mapping[Rounding, Sizes | None]
    found: Solutions | None
    intervals: tuple[RateInterval, ...]
    obstacles: tuple[Obstacle, ...]
    clashes: tuple[Clash, ...]
    without_images: Sizes | None

    @property
    def search(self) -> SizesFound:
        """The search that found its sizes, or the last that didn't."""
        return self.searches[-1]


@dataclass(frozen=True, slots=True)
class TableCheck:
    """What a table says.

    Attributes:
        most: The largest class that was searched for.
        shared: None where no sizes fit two runs.
    """

    most: int
    runs: tuple[RunCheck, ...]
    shared: SharedSizes | None
    comparisons: tuple[DeviceComparison, ...]

    @property
    def all_fit(self) -> bool:
        """Whether integers fit every run."""
        return all(each.found is not None for each in self.runs)


def checked(runs: Sequence[PrintedRun], most: int = MOST_IMAGES_PER_CLASS) -> TableCheck:
    """Check a table of published rates.

    Equal classes that fit two runs are taken for the paper's; only without such are unequal ones
    searched for.

    Args:
        runs: Its runs, one at least.
        most: The largest class to search for, in images, where the table doesn't give its size.
    """
    searches = [_search(run, most) for run in runs]
    shared = _shared(searches)
    if shared is None:
        searches = [_search_unequal(search, most) for search in searches]
        shared = _shared(searches)
    checks = tuple(_run_check(search, shared, most) for search in searches)
    sides = [Side(each.run.model, each.run.device, each.found, each.sizes) for each in checks]
    return TableCheck(most, checks, shared, device_comparisons(sides))


def paper_table() -> tuple[PrintedRun, ...]:
    """Return Tables I to VI of the paper as any table: what is printed, without its counts."""
    return tuple(
        PrintedRun(
            model=run.model,
            device=run.device,
            classes=tuple(
                PrintedClass(
                    name, {rate: _printed(str(value)) for rate, value in each.printed.items()}
                )
                for name, each in run.per_class.items()
            ),
            overall=_printed(str(run.overall_accuracy)),
        )
        for run in published()
    )


@dataclass(frozen=True, slots=True)
class _Search:
    """How a run was searched, and what was found by the ways of rounding in the end."""

    run: PrintedRun
    searches: tuple[SizesFound, ...]
    by_rounding: Mapping[Rounding, SizesFound]

    @property
    def rounding(self) -> Rounding:
        """The way that fits; the common one where both or none do."""
        fitting = (each for each in _SEARCHED if self.by_rounding[each].fitting)
        return next(fitting, _SEARCHED[0])

    @property
    def found(self) -> SizesFound:
        """What was found by that way."""
        return self.by_rounding[self.rounding]

    def fits(self, sizes: Sizes) -> bool:
        """Return whether these sizes fit, though they may lie beyond what was searched."""
        if sizes in self.found.fitting:
            return True
        given = given_sizes(self.run)
        if given is not None and given != sizes:
            return False
        return _first_fitting(self.run, self.rounding, [sizes]) is not None


def _search(run: PrintedRun, most: int) -> _Search:
    """Search the likeliest sizes."""
    search = _Search(run, (), _by_both_ways(likeliest_sizes, run, most))
    return replace(search, searches=(search.found,))


def _search_unequal(before: _Search, most: int) -> _Search:
    """Search sizes that aren't equal, where no equal ones were found and none are given."""
    if before.found.fitting or given_sizes(before.run) is not None:
        return before
    search = _Search(before.run, (), _by_both_ways(unequal_sizes, before.run, most))
    return replace(search, searches=(*before.searches, search.found))


def _by_both_ways(
    search: Callable[[PrintedRun, Rounding, int], SizesFound], run: PrintedRun, most: int
) -> dict[Rounding, SizesFound]:
    """Search by both ways of rounding; by the rare one no further than the common one fits."""
    nearest = search(run, "half_either", most)
    enough = most if nearest.smallest is None else max(nearest.smallest)
    return {"half_either": nearest, "truncated": search(run, "truncated", enough)}


def _shared(searches: Sequence[_Search]) -> SharedSizes | None:
    """Return the sizes that were found for the most runs, with how many runs they fit."""
    runs_of = Counter(sizes for search in searches for sizes in search.found.fitting)
    most = max(runs_of.values(), default=0)
    if most < min(len(searches), 2):
        return None
    smallest, *larger = sorted((each for each in runs_of if runs_of[each] == most), key=by_total)
    others = tuple(each for each in larger if not is_multiple(each, smallest))
    return SharedSizes(smallest, sum(search.fits(smallest) for search in searches), others)


def _run_check(search: _Search, shared: SharedSizes | None, most: int) -> RunCheck:
    run, rounding = search.run, search.rounding
    fits_shared = shared is not None and search.fits(shared.sizes)
    sizes = shared.sizes if shared is not None and fits_shared else search.found.smallest
    found = None if sizes is None else solutions(demands(run, rounding), sizes)
    in_the_way = () if fits_shared else _obstacles(search, shared, most)
    return RunCheck(
        run=run,
        searches=search.searches,
        rounding=rounding,
        sizes=sizes,
        roundings=_by_rounding(search),
        found=found,
        intervals=() if found is None else rate_intervals(run, found),
        obstacles=in_the_way,
        clashes=()
        if found is not None or in_the_way
        else clashes(run, rounding, _candidates(run, most)),
        without_images=_without_images(search, most) if found is None else None,
    )


def _obstacles(search: _Search, shared: SharedSizes | None, most: int) -> tuple[Obstacle, ...]:
    """Return what keeps a run from the shared sizes, or else what keeps it from all."""
    run, rounding = search.run, search.rounding
    found: tuple[Obstacle, ...] = ()
    if shared is not None and given_sizes(run) is None:
        found = obstacles(run, rounding, [shared.sizes])
    if not found and search.found.smallest is None:
        found = obstacles(run, rounding, _candidates(run, most))
    return found


def _without_images(search: _Search, most: int) -> Sizes | None:
    """Return equal sizes that fit a run whose given sizes don't."""
    if given_sizes(search.run) is None:
        return None
    classes = tuple(replace(each, images=None) for each in search.run.classes)
    unknown = replace(search.run, classes=classes, images=None)
    return likeliest_sizes(unknown, search.rounding, most).smallest


def _candidates(run: PrintedRun, most: int) -> list[Sizes]:
    given = given_sizes(run)
    return list(equal_sizes(run, most)) if given is None else [given]


def _by_rounding(search: _Search) -> dict[Rounding, Sizes | None]:
    """Return the smallest sizes by each way; of a case of another way, among that one's sizes."""
    found = search.by_rounding
    return {
        rounding: found[rounding].smallest
        if rounding in found
        else _first_fitting(search.run, rounding, found["half_either"].fitting)
        for rounding in ROUNDINGS
    }


def _first_fitting(
    run: PrintedRun, rounding: Rounding, candidates: Sequence[Sizes]
) -> Sizes | None:
    wanted, steps = demands(run, rounding), Steps(STEPS)
    try:
        return next((sizes for sizes in candidates if fits(wanted, sizes, steps)), None)
    except OutOfSteps:
        return None


def _printed(text: str) -> PrintedRate:
    rate = printed_rate(text)
    if rate is None:
        raise ValueError(f"{text} is no rate")
    return rate
