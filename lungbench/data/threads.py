"""Many files at once: Pillow and hashlib release the interpreter's lock while they work."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_SLICE = 1024
"""Items queued at a time: a hundred thousand futures at once would take 200 MB."""


def map_in_threads(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int | None = None
) -> Iterator[Result]:
    """Yield the results of `work` in the order of `items`; stop early where that is interrupted."""
    pool = ThreadPoolExecutor(workers or usable_cores(), thread_name_prefix="images")
    rest = iter(items)
    try:
        while queued := list(islice(rest, _SLICE)):
            yield from pool.map(work, queued)
    finally:
        pool.shutdown(cancel_futures=True)


def usable_cores() -> int:
    """Return how many processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
