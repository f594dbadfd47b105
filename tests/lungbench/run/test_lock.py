"""Who owns what of a host: all of it, or a device beside others that own theirs."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lungbench.run.lock import Neighbours, Stopped, host_lock


@pytest.fixture(autouse=True)
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("LUNGBENCH_LOCKS", str(tmp_path))
    return tmp_path


def is_free(*devices: str) -> bool:
    """Whether somebody who comes now gets it within a look or two."""
    stop = threading.Event()
    timer = threading.Timer(0.7, stop.set)
    timer.start()
    try:
        with host_lock("another", stop, devices):
            return True
    except Stopped:
        return False
    finally:
        timer.cancel()


@pytest.mark.parametrize(
    ("owned", "wanted", "free"),
    [
        ((), (), False),
        ((), ("cpu",), False),
        (("cpu",), (), False),
        (("cpu",), ("cpu",), False),
        (("cpu",), ("GPU-1",), True),
        (("GPU-1", "GPU-2"), ("GPU-2",), False),
        (("GPU-1", "GPU-2"), ("GPU-3",), True),
    ],
)
def test_devices_are_owned_beside_each_other_and_the_host_alone(
    owned: tuple[str, ...], wanted: tuple[str, ...], free: bool
) -> None:
    with host_lock("one", threading.Event(), owned):
        assert is_free(*wanted) is free
    assert is_free(*wanted)


def test_neighbours_are_those_who_were_there_and_those_who_came_and_went() -> None:
    with host_lock("before", threading.Event(), ("GPU-1",)):
        beside = Neighbours(("cpu",))
    assert beside.count() == 1
    with host_lock("came", threading.Event(), ("GPU-2",)):
        pass
    assert beside.count() == 2
    with host_lock("the same device", threading.Event(), ("cpu",)):
        pass
    assert beside.count() == 2
    assert Neighbours(("cpu",)).count() == 0


def test_who_owns_the_host_has_no_neighbours() -> None:
    with host_lock("another", threading.Event(), ("GPU-1",)):
        assert Neighbours(()).count() == 0


def test_a_devices_name_stays_in_the_folder(locks: Path) -> None:
    with host_lock("odd", threading.Event(), ("../../MIG-1/2",)):
        pass
    found = sorted(path.name for path in locks.iterdir())
    assert found == ["device-.._.._MIG-1_2.lock", "host.lock"]
