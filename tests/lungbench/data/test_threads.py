import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from lungbench.data.threads import map_in_threads


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


def test_who_stops_listening_waits_for_the_items_in_work_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # 32 items in one thread are cut into batches of 32 / 4; the second is under way.
    begun, entered, release = [], threading.Event(), threading.Event()
    shutdown = ThreadPoolExecutor.shutdown

    def work(number: int) -> None:
        begun.append(number)
        if number == 8:
            entered.set()
            release.wait(30)

    def released(pool: ThreadPoolExecutor, **options: bool) -> None:
        release.set()
        shutdown(pool, **options)

    monkeypatch.setattr(ThreadPoolExecutor, "shutdown", released)
    results = map_in_threads(work, range(32), workers=1)
    next(results)
    entered.wait(30)
    results.close()
    assert begun == list(range(9))


@pytest.mark.parametrize("items", [0, 1, 2, 15, 16, 17, 129, 1000])
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_no_number_of_items_or_workers_loses_one(items: int, workers: int) -> None:
    assert list(map_in_threads(str, range(items), workers)) == list(map(str, range(items)))
