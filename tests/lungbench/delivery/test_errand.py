"""A host trains for another: it prepares, proves itself, trains, delivers, and goes on."""

import sys
import threading
from pathlib import Path

import pytest

from lungbench.data.prepare import prepare
from lungbench.data.synthetic import synthesize
from lungbench.delivery.errand import carry_out, prove
from lungbench.delivery.gathering import Gathering
from lungbench.delivery.order import Order, Proof, proof_name
from lungbench.errors import DataError, LungbenchError, Refused
from lungbench.executions.execution import Execution
from lungbench.executions.verify import verify
from lungbench.experiment import Experiment
from lungbench.record import Reason
from lungbench.run import launch

CHILD = Path(__file__).parents[2] / "flows" / "stand_in_child.py"


@pytest.fixture(scope="module")
def xrays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "xrays"
    synthesize(folder, 10, 0)
    return folder


@pytest.fixture
def gathering(xrays: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gathering:
    """An execution of one run that this machine is to train as if it were another."""
    monkeypatch.setenv("LUNGBENCH_HOME", str(tmp_path / "host"))
    monkeypatch.setenv("LUNGBENCH_LOCKS", str(tmp_path / "locks"))
    fields = launch.Surroundings.__dataclass_fields__
    monkeypatch.setattr(
        launch.Surroundings.__init__,
        "__defaults__",
        tuple(
            (sys.executable, str(CHILD)) if default is fields["command"].default else default
            for default in launch.Surroundings.__init__.__defaults__ or ()
        ),
    )
    experiment = Experiment.model_validate(
        {
            "name": "far",
            "data": {"source": str(xrays), "image_size": 32},
            "train": {"epochs": 2, "weights": "none"},
            "hosts": {"cpu": "lab"},
            "delivery": {"location": str(tmp_path / "shared")},
            "matrix": {"models": ["cnn10"], "devices": ["cpu:threads=1"]},
        }
    )
    execution = Execution.create(experiment, tmp_path / "results")
    prepare(experiment.data, cache=execution.cache, out=execution.folder)
    return Gathering(execution)


def order_of(gathering: Gathering, versions: dict[str, str] | None = None) -> Order:
    [spec] = gathering._execution.experiment.runs()
    return gathering.order("lab", spec.run_id, versions or {})


def test_a_run_is_trained_delivered_and_gathered(gathering: Gathering) -> None:
    order = order_of(gathering)
    record = carry_out(order, "one", threading.Event())
    assert record.status == "completed", record.reason
    assert order.spec is not None
    parcel = gathering.delivered(order.spec)
    assert parcel is not None
    gathering.take(order.spec, parcel)
    assert gathering._execution.record(order.spec) == record
    assert gathering._execution.remaining() == ()
    found = [each for each in verify(gathering._execution.folder).findings if each.is_damage]
    assert not [each for each in found if each.path.startswith("runs/")]
    gathering.clear()
    assert gathering.place.names() == []


def test_what_is_damaged_on_the_way_is_delivered_again_without_training(
    gathering: Gathering,
) -> None:
    order = order_of(gathering)
    record = carry_out(order, "one", threading.Event())
    assert order.spec is not None
    gathering.place.below(order.spec.run_id).write("one/model.keras", b"damaged")
    parcel = gathering.delivered(order.spec)
    assert parcel is not None
    with pytest.raises(LungbenchError, match=r"SHA-256 of model\.keras"):
        gathering.take(order.spec, parcel)
    assert gathering.delivered(order.spec) is None
    assert carry_out(order, "two", threading.Event()) == record
    parcel = gathering.delivered(order.spec)
    assert parcel is not None
    gathering.take(order.spec, parcel)


def test_a_host_proves_itself(gathering: Gathering) -> None:
    order = gathering.order("lab", None, {})
    proof = prove(order, "asked", threading.Event())
    assert proof.fingerprint == order.fingerprint
    text = gathering.place.read(proof_name("asked"))
    assert text is not None
    assert Proof.model_validate_json(text) == proof


def test_other_images_are_refused(
    gathering: Gathering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthesize(tmp_path / "others", 10, 1)
    monkeypatch.setenv("LUNGBENCH_SOURCE", str(tmp_path / "others"))
    with pytest.raises(DataError, match="must train on the same images"):
        carry_out(order_of(gathering), "one", threading.Event())
    assert not [name for name in gathering.place.names() if name.endswith(".json")]


def test_the_same_images_elsewhere_are_the_same_data(
    gathering: Gathering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthesize(tmp_path / "same", 10, 0)
    monkeypatch.setenv("LUNGBENCH_SOURCE", str(tmp_path / "same"))
    record = carry_out(order_of(gathering), "one", threading.Event())
    assert record.status == "completed"
    assert record.data.source == str(tmp_path / "same")


def test_other_versions_are_refused(gathering: Gathering) -> None:
    with pytest.raises(Refused, match=r"instead of 0\.0\.1"):
        prove(
            order_of(gathering, versions={"keras": "0.0.1"}), "asked", threading.Event()
        )  # fmt: skip


def test_devices_that_no_host_of_the_pool_has_are_refused(
    gathering: Gathering, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = gathering.order("lab", None, {})
    matrix = order.experiment.matrix.model_dump(mode="json") | {"devices": ["gpu:97"]}
    other = order.experiment.model_dump(mode="json") | {"matrix": matrix, "hosts": {"gpu": "lab"}}
    absent = order.model_copy(update={"experiment": Experiment.model_validate(other)})
    with pytest.raises(Refused, match="At least one device"):
        prove(absent, "asked", threading.Event())


def test_a_run_that_never_came_is_recorded_with_its_reason(gathering: Gathering) -> None:
    host = prove(gathering.order("lab", None, {}), "asked", threading.Event()).host
    [spec] = gathering._execution.experiment.runs()
    gathering.record(spec, host, Reason(kind="lost", message="The host is gone."))
    record = gathering._execution.record(spec)
    assert record is not None
    assert (record.status, record.host) == ("interrupted", host)
    assert record.reason is not None
    assert record.reason.message == "The host is gone."
    assert gathering._execution.left() == (spec,)
