"""What a process holds while something is counted."""

import os

import pytest

from benchmarks.growth import Growth, Held, row, watched


def growth_of(*held: tuple[int, int]) -> Growth:
    return Growth("server", "runs", [Held(count, mib * 2**20) for count, mib in held])


def test_what_a_run_adds_is_counted_over_the_last_half() -> None:
    growth = growth_of((0, 100), (2, 180), (5, 200), (9, 202), (10, 205))
    assert growth.bytes_each == 2**20  # 5 MiB over the 5 runs after the half


def test_a_count_need_not_begin_at_nothing() -> None:
    growth = growth_of((10, 100), (15, 200), (20, 201))
    assert growth.at(0.5).count == 15
    assert growth.bytes_each == 2**20 / 5
    assert row(growth, (0.5, 1.0)) == ("server", "10 runs", "200 MiB", "201 MiB", "204.8 KiB")


def test_what_comes_after_the_last_run_is_none_of_the_runs() -> None:
    growth = growth_of((0, 100), (5, 200), (10, 205), (10, 300))  # a report, at the end
    assert growth.bytes_each == 2**20


def test_nothing_is_said_of_what_a_run_adds_where_none_ended() -> None:
    assert growth_of((3, 100), (3, 200)).bytes_each is None


def test_a_process_is_looked_at_before_and_after() -> None:
    counted = iter(range(100))
    with watched("me", "looks", os.getpid(), lambda: next(counted)) as growth:
        pass
    assert len(growth.held) >= 2
    assert growth.held[0].rss_bytes > 0
    assert growth.held[-1].count > growth.held[0].count


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_single_look_is_every_share(share: float) -> None:
    assert growth_of((7, 1)).at(share) == Held(7, 2**20)
