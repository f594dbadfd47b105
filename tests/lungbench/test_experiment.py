from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lungbench.experiment import Experiment, Matrix
from lungbench.experiment_file import load_experiment
from lungbench.models import model_names
from lungbench.settings import DataSettings, MeasureSettings, TrainSettings

ROOT = Path(__file__).parents[2]


def test_the_papers_experiment_is_three_networks_on_two_devices() -> None:
    experiment = load_experiment(ROOT / "experiments" / "paper.toml")
    cells = [(run.model, str(run.device)) for run in experiment.runs()]
    expected = [(m, d) for m in ("cnn10", "inceptionv3", "vgg16") for d in ("cpu", "gpu:0")]
    assert sorted(cells) == sorted(expected)
    assert {(r.epochs, r.batch_size, r.image_size) for r in experiment.runs()} == {(120, 64, 224)}
    assert {r.weights for r in experiment.runs() if r.model != "cnn10"} == {"imagenet"}


def test_a_run_is_named_as_the_folder_contract_says() -> None:
    matrix = Matrix(models=("vgg16",), devices=("cpu:threads=2",))
    [run] = Experiment(name="x", matrix=matrix).runs()
    assert run.run_id == "vgg16-cpu.t2-float32-tensorflow-cached-r1"
    assert run.label == "vgg16 on cpu:threads=2 #1"


def test_repeats_are_interleaved_and_share_their_seeds_over_devices() -> None:
    matrix = Matrix(models=("cnn10",), devices=("cpu:threads=1", "cpu:threads=2"), repeats=2)
    runs = Experiment(name="x", matrix=matrix, train=TrainSettings(seed=40)).runs()
    assert [(run.repeat, run.seed, run.device.threads) for run in runs] == [
        (1, 41, 1),
        (1, 41, 2),
        (2, 42, 1),
        (2, 42, 2),
    ]


def test_every_run_of_a_matrix_has_its_own_folder() -> None:
    matrix = Matrix(
        models=model_names(),
        devices=("cpu", "cpu:threads=1", "gpu:0", "gpu:all"),
        precisions=("float32", "mixed_bfloat16"),
        backends=("tensorflow", "jax"),
        repeats=3,
    )
    runs = Experiment(name="x", matrix=matrix).runs()
    assert len({run.run_id for run in runs}) == len(runs) == len(model_names()) * 4 * 2 * 2 * 3


def test_every_part_of_a_cross_validation_is_a_run_of_its_own() -> None:
    matrix = Matrix(models=("cnn10",), devices=("cpu",), repeats=2)
    runs = Experiment(name="x", matrix=matrix, data=DataSettings(kfold=3)).runs()
    assert [(run.repeat, run.fold) for run in runs] == [(r, f) for r in (1, 2) for f in (1, 2, 3)]
    assert [run.run_id[-5:] for run in runs[:2]] == ["r1.f1", "r1.f2"]
    assert runs[1].label.endswith("#1 fold 2")


def test_only_the_devices_named_are_cut_short() -> None:
    matrix = Matrix(models=("cnn10",), devices=("cpu", "gpu:0"))
    measure = MeasureSettings(timing_epochs={"cpu": 3})
    slow, fast = Experiment(name="x", matrix=matrix, measure=measure).runs()
    assert (slow.epochs_to_train, fast.epochs_to_train) == (4, 120)


def test_what_is_about_pretrained_networks_is_not_said_of_others() -> None:
    matrix = Matrix(models=("cnn10", "vgg16"), devices=("cpu",))
    train = TrainSettings(preprocess="imagenet", fine_tune=4)
    runs = Experiment(name="x", matrix=matrix, train=train).runs()
    assert [(run.preprocess, run.fine_tune) for run in runs] == [("paper", 0), ("imagenet", 4)]


def test_images_are_as_large_as_the_most_demanding_network_needs() -> None:
    matrix = Matrix(models=("cnn10", "inceptionv3"), devices=("cpu",))
    with pytest.raises(ValidationError, match="at least 75, which inceptionv3 needs"):
        Experiment(name="x", matrix=matrix, data=DataSettings(image_size=64))


def far(hosts: dict[str, str], devices: tuple[str, ...] = ("cpu", "gpu:0", "gpu:1")) -> Experiment:
    return Experiment.model_validate(
        {
            "name": "far",
            "hosts": hosts,
            "delivery": {"location": "/srv/lungbench"} if hosts else None,
            "matrix": {"models": ["cnn10"], "devices": devices},
        }
    )


def test_a_device_trains_on_its_own_work_pool_or_on_its_kinds() -> None:
    experiment = far({"cpu": "cpu-lab", "gpu": "gpu-lab", "gpu:1": "other lab"})
    pools = [experiment.pool_of(device) for device in experiment.matrix.devices]
    assert pools == ["cpu-lab", "gpu-lab", "other lab"]
    here = far({})
    assert [here.pool_of(device) for device in here.matrix.devices] == [None, None, None]


@pytest.mark.parametrize(
    ("hosts", "complaint"),
    [
        ({"cpu": "lab"}, "hosts names no work pool for gpu:0"),
        ({"cpu": "lab", "gpu:x": "lab"}, "'gpu:x' is no device"),
        ({"cpu": "--option", "gpu": "lab"}, "hosts.cpu"),
    ],
)
def test_hosts_that_leave_a_device_out_or_name_none_are_refused(
    hosts: dict[str, str], complaint: str
) -> None:
    with pytest.raises(ValidationError, match=complaint):
        far(hosts)


def test_hosts_and_delivery_belong_together() -> None:
    values = far({"cpu": "lab", "gpu": "lab"}).model_dump(mode="json")
    with pytest.raises(ValidationError, match="belong together"):
        Experiment.model_validate(values | {"delivery": None})
    with pytest.raises(ValidationError, match="belong together"):
        Experiment.model_validate(values | {"hosts": {}})


def test_where_a_run_trains_is_no_part_of_what_it_is() -> None:
    hosts = {"cpu": "cpu-lab", "gpu": "gpu-lab"}
    assert far(hosts).runs() == far({}).runs()


def described(schema: dict[str, Any], table: str) -> Iterator[tuple[str, str]]:
    """Yield every key below a table, with the words that a form shows: its own, or its type's."""
    tables = schema["$defs"]
    for name, key in schema.get("properties", {}).items():
        refs = [each["$ref"] for each in (key, *key.get("anyOf", ())) if "$ref" in each]
        types = [tables[ref.removeprefix("#/$defs/")] for ref in refs]
        yield (
            f"{table}{name}",
            next((each["description"] for each in (key, *types) if "description" in each), ""),
        )
        for each in types:
            yield from described(each | {"$defs": tables}, f"{table}{name}.")


def test_every_key_of_an_experiment_is_described_in_a_sentence() -> None:
    words = dict(described(Experiment.model_json_schema(), ""))
    assert {"matrix.devices", "data.columns.path", "delivery.deadline_s"} <= words.keys()
    assert [key for key, sentence in words.items() if not sentence.endswith(".")] == []


def test_no_table_of_an_experiment_describes_its_keys_a_second_time() -> None:
    tables = Experiment.model_json_schema()["$defs"].values()
    # The whole docstring is shown above the table's keys: one sentence or two, no sections.
    assert [each["title"] for each in tables if "\n\n" in each["description"]] == []


def test_a_form_offers_the_networks_that_there_are() -> None:
    models = Experiment.model_json_schema()["$defs"]["Matrix"]["properties"]["models"]
    assert models["items"]["enum"] == list(model_names())
