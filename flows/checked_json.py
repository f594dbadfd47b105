"""The check of a published table for scripts: plain values, one key a fact."""

from dataclasses import asdict
from typing import Any

from lungbench.paper.check import RunCheck, SharedSizes, TableCheck
from lungbench.paper.class_sizes import SizesFound
from lungbench.paper.counts import Solutions
from lungbench.paper.devices import DeviceComparison
from lungbench.paper.integer_counts import Sizes
from lungbench.paper.table import PrintedRun

_MOST_LISTED = 100  # of possible counts and of class sizes

Json = dict[str, Any]


def as_values(check: TableCheck) -> Json:
    """Return the check as values that `json` writes; counts by class are under `runs`."""
    names = check.runs[0].run.class_names
    return {
        "max_images": check.most,
        "all_fit": check.all_fit,
        "classes": list(names),
        "shared_sizes": _shared(check.shared),
        "runs": [_run(each) for each in check.runs],
        "devices": [_devices(each) for each in check.comparisons],
    }


def _shared(shared: SharedSizes | None) -> Json | None:
    if shared is None:
        return None
    return {
        "images": list(shared.sizes),
        "runs": shared.runs,
        "others": _listed(shared.others),
        "others_number": len(shared.others),
    }


def _run(each: RunCheck) -> Json:
    return {
        "model": each.run.model,
        "device": each.run.device,
        "images": None if each.sizes is None else list(each.sizes),
        "searches": [_search(search) for search in each.searches],
        "smallest_images_by_rounding": {
            name: None if sizes is None else list(sizes) for name, sizes in each.roundings.items()
        },
        **_solutions(each.run, each.found),
        "rates": [asdict(rate) for rate in each.intervals],
        "obstacles": [asdict(obstacle) for obstacle in each.obstacles],
        "clashes": [asdict(clash) for clash in each.clashes],
        "would_fit_images": None if each.without_images is None else list(each.without_images),
    }


def _search(search: SizesFound) -> Json:
    return {
        "how": search.how,
        "searched_to": search.searched_to,
        "complete": search.complete,
        "smallest": None if search.smallest is None else list(search.smallest),
        "others": _listed(search.others),
        "others_number": len(search.others),
    }


def _solutions(run: PrintedRun, found: Solutions | None) -> Json:
    if found is None:
        return {"possible_counts": 0, "counts": [], "matrices": 0, "example": None}
    return {
        "possible_counts": len(found.counts),
        "possible_counts_complete": found.complete,
        "counts": [
            {name: asdict(counts) for name, counts in zip(run.class_names, vector, strict=True)}
            for vector in found.counts[:_MOST_LISTED]
        ],
        "matrices": found.matrices,
        "matrices_complete": found.matrices_complete,
        "example": [list(row) for row in found.example],
    }


def _devices(each: DeviceComparison) -> Json:
    tests = None
    if each.tests is not None:
        tests = asdict(each.tests)
        for name in ("fisher", "mcnemar"):
            for key in (name, f"{name}_adjusted"):
                p_values = getattr(each.tests, key)
                tests[key] = None if p_values is None else p_values._asdict()
    return {
        "model": each.model,
        "baseline": each.baseline,
        "other": each.other,
        "verdict": each.verdict,
        "tests": tests,
    }


def _listed(sizes: tuple[Sizes, ...]) -> list[list[int]]:
    return [list(each) for each in sizes[:_MOST_LISTED]]
