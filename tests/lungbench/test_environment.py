"""Which packages decide a result, and what differs between two machines."""

from typing import get_args

import pytest

from lungbench.environment import decisive_packages, differences, environment
from lungbench.experiment import Backend

OF_ALL = {"lungbench", "python", "keras", "numpy", "pillow"}


@pytest.mark.parametrize(
    ("backends", "more"),
    [
        (["tensorflow"], {"tensorflow"}),
        (["jax", "torch"], {"jax", "jaxlib", "torch"}),
        (get_args(Backend), {"tensorflow", "jax", "jaxlib", "torch"}),
    ],
)
def test_what_decides_a_run_is_what_all_share_and_what_its_backends_bring(
    backends: list[str], more: set[str]
) -> None:
    assert set(decisive_packages(backends)) == OF_ALL | more


def test_where_the_backend_is_unknown_the_packages_of_all_decide() -> None:
    assert decisive_packages() == decisive_packages(get_args(Backend))


def test_every_decisive_package_stands_in_the_description_of_a_host_that_has_it() -> None:
    assert OF_ALL | {"tensorflow"} <= environment().keys()


def test_what_differs_is_named_with_both_values() -> None:
    before = {"keras": "3.15", "numpy": "2", "OMP_NUM_THREADS": "2"}
    now = {"keras": "3.16", "numpy": "2", "device": "cpu"}
    assert differences(before, now) == (
        "OMP_NUM_THREADS: 2, now unset",
        "device: unset, now cpu",
        "keras: 3.15, now 3.16",
    )
    assert differences(now, now) == ()


def test_what_only_changes_the_log_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "2")
    monkeypatch.setenv("TF_DETERMINISTIC_OPS", "1")
    seen = environment()
    assert "TF_CPP_MIN_LOG_LEVEL" not in seen
    assert seen["TF_DETERMINISTIC_OPS"] == "1"
