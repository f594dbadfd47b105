from pathlib import Path

import pytest

from lungbench.errors import ExperimentError
from lungbench.experiment import Experiment, Matrix
from lungbench.experiment_file import load_experiment
from lungbench.models import model_names
from lungbench.settings import TrainSettings

ROOT = Path(__file__).parents[2]

SMALLEST = """
name = "tiny"
[data]
image_size = 96
[matrix]
models = ["cnn10"]
devices = ["cpu"]
"""


def load(folder: Path, text: str, *overrides: str) -> Experiment:
    file = folder / "experiment.toml"
    file.write_text(text)
    return load_experiment(file, overrides)


def refusal(folder: Path, text: str, *overrides: str) -> str:
    with pytest.raises(ExperimentError) as caught:
        load(folder, text, *overrides)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_defaults_of_training_are_the_papers() -> None:
    # Paper, sections III.C (epochs, batch, rescale, shear, flip, zoom) and IV.A (Adam).
    train = TrainSettings()
    assert (train.epochs, train.batch_size, train.optimizer) == (120, 64, "adam")
    assert train.augmentation.model_dump() == {
        "shear_degrees": 0.3,
        "zoom": 0.3,
        "horizontal_flip": True,
    }


def test_the_papers_experiment_is_three_networks_on_two_devices() -> None:
    experiment = load_experiment(ROOT / "experiments" / "paper.toml")
    cells = [(run.model, str(run.device)) for run in experiment.runs()]
    expected = [(m, d) for m in ("cnn10", "inceptionv3", "vgg16") for d in ("cpu", "gpu:0")]
    assert sorted(cells) == sorted(expected)
    assert {(r.epochs, r.batch_size, r.image_size) for r in experiment.runs()} == {(120, 64, 224)}
    assert {r.weights for r in experiment.runs() if r.model != "cnn10"} == {"imagenet"}


@pytest.mark.parametrize(
    "file", sorted((ROOT / "experiments").glob("*.toml")), ids=lambda f: f.name
)
def test_every_shipped_experiment_is_accepted(file: Path) -> None:
    assert load_experiment(file).runs()


def test_a_run_is_named_as_the_folder_contract_says(tmp_path: Path) -> None:
    text = SMALLEST.replace('"cnn10"', '"vgg16"').replace('"cpu"', '"cpu:threads=2"')
    [run] = load(tmp_path, text).runs()
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


def test_paths_in_a_file_start_at_its_folder(tmp_path: Path) -> None:
    text = SMALLEST.replace("image_size = 96", 'image_size = 96\nsource = "xrays"')
    text += '[train]\nweights = { vgg16 = "vgg.h5", inceptionv3 = "none" }\n'
    experiment = load(tmp_path, text)
    assert experiment.data.source == str(tmp_path / "xrays")
    assert experiment.train.weights_of("vgg16") == str(tmp_path / "vgg.h5")
    assert experiment.train.weights_of("inceptionv3") == "none"
    assert experiment.train.weights_of("cnn10") == "none"


@pytest.mark.parametrize("file", ["quick.toml", "paper.toml"])
def test_an_experiment_reads_what_it_writes(file: str) -> None:
    experiment = load_experiment(ROOT / "experiments" / file)
    assert Experiment.model_validate_json(experiment.model_dump_json()) == experiment


def test_only_the_devices_named_are_cut_short(tmp_path: Path) -> None:
    text = SMALLEST.replace('["cpu"]', '["cpu", "gpu:0"]')
    slow, fast = load(tmp_path, text, 'measure.timing_epochs={"cpu"=3}').runs()
    assert (slow.epochs_to_train, fast.epochs_to_train) == (4, 120)


def test_an_override_replaces_what_the_file_says(tmp_path: Path) -> None:
    experiment = load(tmp_path, SMALLEST, "train.epochs=7", "data.source=synthetic")
    assert experiment.train.epochs == 7
    assert experiment.data.source == "synthetic"


@pytest.mark.parametrize(
    ("text", "override", "words"),
    [
        (SMALLEST, "train.epoch=3", ["train.epoch", "no key"]),
        (SMALLEST, "train.epochs=many", ["train.epochs", "many"]),
        (SMALLEST, "train.epochs=0", ["train.epochs", "greater than or equal to 1"]),
        (SMALLEST, "train.epochs", ["--set", "train.epochs"]),
        (SMALLEST, "name.x=3", ["--set"]),
        (SMALLEST, 'matrix.models=["resnet9000"]', ["matrix.models", "resnet9000", "cnn10, "]),
        (SMALLEST, 'matrix.devices=["tpu"]', ["matrix.devices", "tpu", "gpu:all"]),
        (SMALLEST, "matrix.devices=[]", ["matrix.devices", "at least 1"]),
        (SMALLEST, 'matrix.devices=["cpu","cpu"]', ["matrix.devices", "more than once"]),
        (SMALLEST, 'name="../escape"', ["name", "../escape"]),
        (SMALLEST, 'name="/etc/passwd"', ["name", "/etc/passwd"]),
        (SMALLEST, 'name=".."', ["name"]),
        (SMALLEST, "data.test_fraction=0.9", ["validation_fraction + test_fraction"]),
        (SMALLEST, "train.learning_rate=inf", ["learning_rate"]),
        (SMALLEST, 'train.weights={resnet9000="x.h5"}', ["resnet9000"]),
        (
            SMALLEST.replace("cnn10", "inceptionv3"),
            "data.image_size=64",
            ["64", "75", "inceptionv3"],
        ),
        ("name = ", "train.epochs=1", ["must be TOML"]),
        ("[matrix]\nmodels=['cnn10']\ndevices=['cpu']", "train.epochs=1", ["name", "missing"]),
    ],
)
def test_a_wrong_value_gets_one_line_that_names_it(
    tmp_path: Path, text: str, override: str, words: list[str]
) -> None:
    message = refusal(tmp_path, text, override)
    assert all(word in message for word in words), message


def test_one_mistake_is_counted_once(tmp_path: Path) -> None:
    assert "more after" not in refusal(tmp_path, SMALLEST, 'matrix.models=["resnet9000"]')
    assert "(1 more after this one.)" in refusal(
        tmp_path, SMALLEST, 'matrix.models=["resnet9000"]', "train.epochs=0"
    )


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="No such file"):
        load_experiment(tmp_path / "none.toml")
