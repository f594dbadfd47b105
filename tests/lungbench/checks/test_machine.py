import os
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import psutil
import pytest

from lungbench.checks import machine
from lungbench.host import describe_host

Usage = namedtuple("Usage", "total used free")
HERE = describe_host(gpus=False)


def test_processors_that_may_not_be_used_are_named(asked: Any) -> None:
    (check,) = machine.processors(asked())
    assert check.found == "4 of 8 usable (affinity or a control group limits them)"


@pytest.mark.parametrize(
    ("memory_bytes", "outcome"), [(4 * 10**9, "pass"), (4 * 10**9 - 1, "warn")]
)
def test_less_than_4_gb_of_memory_is_a_warning(asked: Any, memory_bytes: int, outcome: str) -> None:
    host = HERE.model_copy(update={"memory_bytes": memory_bytes})
    (check,) = machine.memory(asked(host=host))
    assert check.outcome == outcome


def test_a_limit_on_memory_is_named_with_what_is_installed(asked: Any) -> None:
    installed = psutil.virtual_memory().total
    host = HERE.model_copy(update={"memory_bytes": installed // 2})
    (check,) = machine.memory(asked(host=host))
    assert f"a control group's limit; {installed / 1e9:.1f} GB installed" in check.found


@pytest.mark.parametrize(("free", "outcome"), [(5 * 10**9, "pass"), (5 * 10**9 - 1, "warn")])
def test_less_than_5_gb_of_disk_is_a_warning(
    asked: Any, monkeypatch: pytest.MonkeyPatch, free: int, outcome: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12 - free, free))
    (check,) = machine.disk(asked())
    assert check.outcome == outcome


def test_a_results_folder_is_not_made_and_nothing_is_left(asked: Any, tmp_path: Path) -> None:
    (check,) = machine.disk(asked(results=tmp_path / "not" / "yet"))
    assert check.outcome in {"pass", "warn"}
    assert list(tmp_path.iterdir()) == []


def test_a_results_folder_that_is_a_file_is_a_failure(asked: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (check,) = machine.disk(asked(results=tmp_path / "file"))
    assert check.outcome == "fail"
    assert "--results" in str(check.advice)


def test_a_folder_that_cannot_be_written_is_a_failure(asked: Any) -> None:
    if not Path("/proc/self").exists():
        pytest.skip("/proc is a folder that nobody can write to, root included")
    (check,) = machine.disk(asked(results=Path(f"/proc/{os.getpid()}/results")))
    assert check.outcome == "fail"
    assert f"/proc/{os.getpid()} can't be written" in check.found


def zone(root: Path, readable: bool) -> None:
    """Lay out one energy counter, or one that can't be read even by root."""
    folder = root / "sys/class/powercap/intel-rapl:0"
    folder.mkdir(parents=True)
    (folder / "name").write_text("package-0")
    (folder / "max_energy_range_uj").write_text("262143328850")
    if readable:
        (folder / "energy_uj").write_text("1")
    else:
        (folder / "energy_uj").mkdir()


def test_energy_counters_that_can_be_read_are_named(asked: Any, tmp_path: Path) -> None:
    zone(tmp_path, readable=True)
    (check,) = machine.energy(asked())
    assert (check.outcome, check.found) == ("pass", "RAPL counts package-0")


def test_energy_counters_that_cannot_be_read_are_a_warning_with_a_way_out(
    asked: Any, tmp_path: Path
) -> None:
    zone(tmp_path, readable=False)
    (check,) = machine.energy(asked())
    assert check.outcome == "warn"
    assert check.found.startswith("RAPL unreadable: package-0: ")
    assert "administrator" in str(check.advice)


def test_a_machine_without_energy_counters_is_well(asked: Any) -> None:
    (check,) = machine.energy(asked())
    assert check.outcome == "pass"
    assert "no counter" in check.found
