"""The check of a published table for people."""

from collections.abc import Iterator, Sequence

from flows.columns import columns
from lungbench.counted import counted
from lungbench.paper.check import RunCheck, TableCheck
from lungbench.paper.class_sizes import SizesFound
from lungbench.paper.counts import RateInterval, Solutions
from lungbench.paper.devices import DeviceComparison, Verdict
from lungbench.paper.integer_counts import Sizes
from lungbench.paper.obstacles import Obstacle
from lungbench.paper.pairings import PValues
from lungbench.paper.rounding import Rounding
from lungbench.paper.table import ALL_CLASSES
from reports.forms.format import listed, p_value, points_range, rate

_MOST_SIZES = 5

_ROUNDINGS: dict[Rounding, str] = {
    "half_up": "halves up",
    "half_even": "halves to even",
    "half_either": "halves to either side",
    "truncated": "digits cut off",
}

_ON_THE_SAME_IMAGES: dict[Verdict, str] = {
    "differ": "differ, however the images pair",
    "not_shown": "not shown to differ, however they pair",
    "open": "depends on how the images pair",
}
_ON_DIFFERENT_IMAGES: dict[Verdict, str] = {
    "differ": "differ",
    "not_shown": "not shown to differ",
    "open": "depends on what is not printed",
}

_HOW_TO_READ = """\
p-values are Holm's, over all comparisons above. McNemar's test wants to know which images each
network got right; its p lies between these two for every way in which they may pair within their
classes, if both devices were tested on the same images. Fisher's test and the difference (95%,
Newcombe) take the images for different ones: as a rule too careful where they are the same.
Compared are two trained networks. Whether the device made the difference can't be said: another
seed moves an accuracy too, and one run a side can't tell the two apart. All of this takes the
smallest sizes that fit; on more images the same difference would be stronger evidence."""


def as_text(check: TableCheck) -> str:
    """Return the whole check: sizes, counts, intervals and devices."""
    rates = [_rate_cells(each, interval) for each in check.runs for interval in each.intervals]
    parts = [sizes_text(check)]
    if rates:
        parts.append(columns(_RATE_HEADER, rates))
    return "\n\n".join([*parts, *devices_text(check)])


def sizes_text(check: TableCheck) -> str:
    """Return what fits each run, what fits all, and what is in the way."""
    names = " ".join(check.runs[0].run.class_names)
    header = ("network", "device", "images", "right", "matrices", f"one of them, rows: {names}")
    lines = [
        columns(header, [_size_cells(each) for each in check.runs]),
        "",
        *_shared_lines(check),
        *_rounding_lines(check),
    ]
    return "\n".join([*lines, *(line for each in check.runs for line in _trouble(each, check))])


def devices_text(check: TableCheck) -> list[str]:
    """Return the comparison of devices and how to read it; nothing where no model has two."""
    if not check.comparisons:
        return []
    header = ("network", "devices", "right", "difference", "Fisher p", "McNemar p", "so they")
    rows = [_device_cells(each) for each in check.comparisons]
    return [columns(header, rows), _HOW_TO_READ]


_RATE_HEADER = ("network", "device", "class", "rate", "printed", "counts", "95% interval")


def _size_cells(each: RunCheck) -> tuple[str, ...]:
    found = each.found
    if each.sizes is None or found is None:
        return (each.run.model, each.run.device, "none fit", "", "", "")
    example = " | ".join(" ".join(map(str, row)) for row in found.example)
    right = f"{_between(found.right)} of {sum(each.sizes):,}"
    sizes = _short(each.sizes) + (" a class" if len(set(each.sizes)) == 1 else "")
    return (each.run.model, each.run.device, sizes, right, _matrices(found), example)


def _matrices(found: Solutions) -> str:
    return f"{found.matrices:,}" if found.matrices_complete else f"more than {found.matrices:,}"


def _shared_lines(check: TableCheck) -> Iterator[str]:
    shared = check.shared
    fitting = [each for each in check.runs if each.found is not None]
    if any(each.search.how == "given" for each in check.runs):
        yield "The table gives the images of every class; other sizes were not tried."
    elif shared is not None:
        which = f"{shared.runs} of {len(check.runs)} runs" if len(check.runs) > 1 else "the run"
        yield f"{_sizes(shared.sizes)} fit {which}, and so do all multiples."
        yield _unique_line(check, shared.others)
    elif len(fitting) > 1:
        yield "No class sizes fit two runs: were they tested on the same images?"
    stopped = [each.search for each in check.runs if not each.search.complete]
    if stopped:
        yield (
            f"A search stopped after {_extent(min(stopped, key=_reach))}: these rates leave too "
            "much open to go on."
        )


def _unique_line(check: TableCheck, others: Sequence[Sizes]) -> str:
    if not others:
        return f"No other sizes do, of {_extents(check)}."
    some = ", ".join(_short(each) for each in others[:_MOST_SIZES])
    more = ", ..." if len(others) > _MOST_SIZES else ""
    return (
        f"The printed decimals don't fix the size: {len(others):,} others fit as well, of "
        f"{_extents(check)} ({some}{more})."
    )


def _extents(check: TableCheck) -> str:
    """Return how far sizes were searched for every run that fits."""
    return _extent(min((each.search for each in check.runs if each.found), key=_reach))


def _reach(search: SizesFound) -> int:
    return search.searched_to or 0


def _extent(search: SizesFound) -> str:
    if search.how == "given":
        return "the sizes that the table gives"
    if search.how == "equal":
        return f"equal classes up to {search.searched_to:,} images"
    return f"any classes up to {search.searched_to:,} images in all"


def _rounding_lines(check: TableCheck) -> Iterator[str]:
    fitting = {
        words: sum(each.roundings[name] is not None for each in check.runs)
        for name, words in _ROUNDINGS.items()
    }
    if any(fitting.values()):
        each_way = ", ".join(f"{words} {runs}" for words, runs in fitting.items())
        yield f"Of {counted(len(check.runs), 'run')}, by the way of rounding, fit: {each_way}."


def _trouble(each: RunCheck, check: TableCheck) -> Iterator[str]:
    """Yield why a run doesn't fit, or doesn't fit what the others do."""
    name = f"{each.run.model} on {each.run.device}"
    shared = check.shared
    if each.found is None:
        tried = listed([_extent(search) for search in each.searches])
        undecided = "" if each.search.complete else ", where the search stopped"
        yield f"{name}: no integers fit, of {tried}{undecided}."
    elif shared is not None and shared.sizes != each.sizes and each.search.how != "given":
        yield (
            f"{name}: {_sizes(each.sizes or ())} fit, but not the {_sizes(shared.sizes)} of "
            f"{shared.runs} other runs."
        )
    else:
        return
    yield from _reasons(each)


def _reasons(each: RunCheck) -> Iterator[str]:
    for obstacle in each.obstacles:
        would_be = listed(list(dict.fromkeys(map(str, (obstacle.lowest, obstacle.highest)))), "to")
        yield (
            f"  {_named(obstacle)}, printed {obstacle.printed}, can't be met: with "
            f"{_sizes(obstacle.sizes)} the other rates make it {would_be}."
        )
    if each.without_images is not None:
        yield f"  Without the images that the table gives, {_sizes(each.without_images)} fit."
    for clash in each.clashes:
        verb = "can't be met together" if len(clash.rates) > 1 else "can't be met"
        yield f"  {listed(clash.rates)} of {clash.of} {verb}."
    if each.found is None and not each.obstacles and not each.clashes:
        yield "  Each class can be met alone, but no confusion matrix holds them together."


def _named(obstacle: Obstacle) -> str:
    if obstacle.of in ALL_CLASSES:
        return f"overall {obstacle.rate}"
    return f"{obstacle.rate} of {obstacle.of}"


def _rate_cells(each: RunCheck, interval: RateInterval) -> tuple[str, ...]:
    limits = interval.interval
    shown = "" if limits is None else f"[{rate(limits.low)}, {rate(limits.high)}]"
    found = each.found
    others = " or others" if found is not None and len(found.counts) > 1 else ""
    counts = f"{interval.numerator}/{interval.denominator}{others}"
    head = (each.run.model, each.run.device, interval.of, interval.rate)
    return (*head, interval.printed or "", counts, shown)


def _device_cells(each: DeviceComparison) -> tuple[str, ...]:
    devices = f"{each.baseline} to {each.other}"
    tests = each.tests
    if tests is None:
        return (each.model, devices, "", "", "", "", "can't be compared: no integers fit")
    right = " to ".join(
        f"{_between(right)}/{images}"
        for right, images in zip(
            (tests.baseline_right, tests.other_right), tests.images, strict=True
        )
    )
    paired = tests.mcnemar_adjusted
    words = _ON_DIFFERENT_IMAGES if paired is None else _ON_THE_SAME_IMAGES
    return (
        each.model,
        devices,
        right,
        points_range(tests.difference.low, tests.difference.high),
        _p_values(tests.fisher_adjusted),
        "" if paired is None else _p_values(paired),
        words[each.verdict],
    )


def _p_values(p: PValues) -> str:
    return " to ".join(dict.fromkeys((p_value(p.least), p_value(p.greatest))))


def _between(counts: tuple[int, int]) -> str:
    return " to ".join(dict.fromkeys(f"{count:,}" for count in counts))


def _sizes(sizes: Sizes) -> str:
    """Write class sizes: `169 images a class`, `100, 120 and 169 images`."""
    if len(set(sizes)) == 1:
        return f"{sizes[0]:,} images a class"
    return f"{listed([f'{each:,}' for each in sizes])} images"


def _short(sizes: Sizes) -> str:
    """Write class sizes in a list of others: `169`, `100/120/169`."""
    return "/".join(map(str, dict.fromkeys(sizes) if len(set(sizes)) == 1 else sizes))
