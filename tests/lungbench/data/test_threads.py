import os
import threading

import pytest

from lungbench.data.threads import map_in_threads, usable_cores


def test_results_come_in_the_order_of_the_items() -> None:
    assert list(map_in_threads(lambda n: n * n, range(3000))) == [n * n for n in range(3000)]


def test_items_are_worked_on_at_the_same_time() -> None:
    # Two workers that wait for each other end only if both run.
    meeting = threading.Barrier(2, timeout=30)
    assert len(list(map_in_threads(lambda _: meeting.wait(), range(2), workers=2))) == 2


def test_an_error_stops_the_work_that_is_queued() -> None:
    begun = []

    def work(number: int) -> None:
        begun.append(number)
        raise ValueError(number)

    with pytest.raises(ValueError, match="0"):
        list(map_in_threads(work, range(100_000), workers=1))
    assert len(begun) < 100_000


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux has affinities")
def test_cores_that_the_process_may_not_use_are_not_counted() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, before)
