"""Orders keep through JSON, and hosts that differ in what decides a result are refused."""

import pytest

from lungbench.delivery.order import Order, check_versions, decisive, place_of
from lungbench.errors import Refused
from lungbench.experiment import Experiment

EXPERIMENT = Experiment.model_validate(
    {
        "name": "quick",
        "hosts": {"cpu": "cpu-lab"},
        "delivery": {"location": "/srv/lungbench"},
        "matrix": {"models": ["cnn10"], "devices": ["cpu"]},
    }
)
SAME = {"lungbench": "1", "python": "3.11.7", "keras": "3.15", "numpy": "2", "pillow": "13"}


def order(run_id: str | None) -> Order:
    return Order(
        execution="quick/20261123T000000Z",
        experiment=EXPERIMENT,
        pool="cpu-lab",
        fingerprint="f",
        run_id=run_id,
    )


def test_an_order_is_named_by_its_training_and_keeps_through_json() -> None:
    [spec] = EXPERIMENT.runs()
    ordered = Order.model_validate_json(order(spec.run_id).model_dump_json())
    assert ordered.spec == spec
    assert ordered.label == "cnn10 on cpu #1"
    assert order(None).spec is None
    assert order(None).label == "quick: is cpu-lab ready?"


def test_an_execution_has_a_place_of_its_own() -> None:
    place = place_of(EXPERIMENT, "quick/20261123T000000Z")
    assert str(place) == "file:///srv/lungbench/quick/20261123T000000Z"
    with pytest.raises(Refused, match="results location"):
        place_of(EXPERIMENT.model_copy(update={"delivery": None}), "quick/now")


def test_what_decides_a_result_is_said_whether_it_is_there_or_not() -> None:
    found = decisive(SAME, ["tensorflow", "jax"])
    assert found.keys() == {*SAME, "tensorflow", "jax", "jaxlib"}
    assert found["keras"] == "3.15"
    assert found["jax"] == "absent"


def test_different_versions_are_refused_by_name_and_others_do_not_count() -> None:
    check_versions(SAME, SAME | {"psutil": "7"})
    check_versions({}, SAME)
    with pytest.raises(Refused, match=r"keras 3\.14 instead of 3\.15, numpy absent instead of 2"):
        check_versions(SAME, {k: v for k, v in SAME.items() if k != "numpy"} | {"keras": "3.14"})
