"""Counters laid out as the kernel's powercap does; no machine of the tests need have any."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungbench.resources.rapl import Meter

# Two packages with memory of their own, and the whole platform: a workstation's server board.
TWO_PACKAGES = {
    "intel-rapl:0": "package-0",
    "intel-rapl:0:0": "core",
    "intel-rapl:0:1": "dram",
    "intel-rapl:1": "package-1",
    "intel-rapl:1:0": "dram",
    "intel-rapl:2": "psys",
    "intel-rapl-mmio:0": "package-0",
}
RANGE_UJ = 262_143_328_850  # what an Intel package counts to


def powercap(root: Path, zones: Mapping[str, str], range_uj: int = RANGE_UJ) -> Path:
    """Lay out /sys/class/powercap with every counter at 0."""
    folder = root / "sys/class/powercap"
    (folder / "intel-rapl").mkdir(parents=True)
    for zone, name in zones.items():
        (folder / zone).mkdir()
        (folder / zone / "name").write_text(f"{name}\n")
        (folder / zone / "max_energy_range_uj").write_text(f"{range_uj}\n")
        (folder / zone / "energy_uj").write_text("0\n")
    return folder


def count(folder: Path, zone: str, energy_uj: int) -> None:
    (folder / zone / "energy_uj").write_text(f"{energy_uj}\n")


def test_packages_memory_and_platform_are_counted_but_not_their_parts(tmp_path: Path) -> None:
    powercap(tmp_path, TWO_PACKAGES)
    meter = Meter(tmp_path)
    assert meter.domains == ("package-0", "dram-0", "package-1", "dram-1", "psys")
    assert (meter.missing, meter.reason) == ({}, None)


def test_zones_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    powercap(tmp_path, {f"intel-rapl:{number}": f"package-{number}" for number in range(12)})
    assert Meter(tmp_path).domains == tuple(f"package-{number}" for number in range(12))


def test_energy_is_what_was_counted_since_the_first_reading(tmp_path: Path) -> None:
    folder = powercap(tmp_path, TWO_PACKAGES)
    count(folder, "intel-rapl:0", 5_000_000)
    meter = Meter(tmp_path)
    assert meter.read(0.0) == (0.0,) * 5
    count(folder, "intel-rapl:0", 47_500_000)
    count(folder, "intel-rapl:2", 1_500_000)
    assert meter.read(1.0) == (42.5, 0.0, 0.0, 0.0, 1.5)


@given(
    steps=st.lists(st.integers(0, RANGE_UJ - 1), min_size=1, max_size=8),
    start=st.integers(0, RANGE_UJ - 1),
)
@settings(max_examples=40)
def test_a_counter_that_starts_again_loses_nothing(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], start: int
) -> None:
    root = tmp_path_factory.mktemp("sys")
    folder = powercap(root, {"intel-rapl:0": "package-0"})
    count(folder, "intel-rapl:0", start)
    meter = Meter(root)
    meter.read(0.0)
    used = 0
    for number, step in enumerate(steps, start=1):
        used += step
        count(folder, "intel-rapl:0", (start + used) % RANGE_UJ)
        [total_j] = meter.read(float(number))
        assert total_j == pytest.approx(used / 1e6)


def test_a_counter_that_may_have_run_through_unseen_is_no_longer_known(tmp_path: Path) -> None:
    powercap(tmp_path, {"intel-rapl:0": "package-0"}, range_uj=65_532_610_987)  # as AMD's
    meter = Meter(tmp_path)
    assert meter.read(0.0) == (0.0,)
    assert meter.read(65.0) == (0.0,)  # at 1000 W it would take 65.5 s
    assert meter.read(131.0) == (None,)
    assert meter.read(132.0) == (None,)


def test_without_counters_everything_is_missing_and_says_why(tmp_path: Path) -> None:
    meter = Meter(tmp_path)
    assert (meter.domains, meter.read(0.0)) == ((), ())
    assert meter.reason == (
        "rapl: no counter in /sys/class/powercap; virtual machines and most containers show none"
    )


def test_a_counter_that_only_root_may_read_is_missing_with_its_reason(tmp_path: Path) -> None:
    folder = powercap(tmp_path, {"intel-rapl:0": "package-0", "intel-rapl:1": "psys"})
    (folder / "intel-rapl:0" / "energy_uj").chmod(0)
    if os.access(folder / "intel-rapl:0" / "energy_uj", os.R_OK):
        pytest.skip("root reads what nobody may")
    meter = Meter(tmp_path)
    assert meter.domains == ("psys",)
    assert meter.reason == "package-0: Permission denied"


@pytest.mark.parametrize("broken", ["a folder", "no number"])
def test_a_counter_that_gives_no_number_is_missing_with_its_reason(
    tmp_path: Path, broken: str
) -> None:
    folder = powercap(tmp_path, {"intel-rapl:0": "package-0", "intel-rapl:1": "psys"})
    (folder / "intel-rapl:0" / "energy_uj").unlink()
    if broken == "a folder":
        (folder / "intel-rapl:0" / "energy_uj").mkdir()
    else:
        (folder / "intel-rapl:0" / "energy_uj").write_text("?")
    meter = Meter(tmp_path)
    assert meter.domains == ("psys",)
    assert str(meter.reason).startswith("package-0: ")


def test_a_counter_that_goes_away_leaves_a_gap_and_no_guess(tmp_path: Path) -> None:
    folder = powercap(tmp_path, {"intel-rapl:0": "package-0"})
    meter = Meter(tmp_path)
    meter.read(0.0)
    (folder / "intel-rapl:0" / "energy_uj").unlink()
    assert meter.read(1.0) == (None,)
    assert meter.reason == "package-0: No such file or directory"
    count(folder, "intel-rapl:0", 3_000_000)
    assert meter.read(2.0) == (3.0,)


def test_this_machine_is_read_or_says_why_not() -> None:
    meter = Meter()
    assert meter.domains or meter.reason
