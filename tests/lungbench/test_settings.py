from typing import Any

import pytest
from pydantic import ValidationError

from lungbench.frozen import Frozen
from lungbench.settings import Augmentation, DataSettings, MeasureSettings, TrainSettings


def test_the_defaults_of_training_are_the_papers() -> None:
    # Paper, sections III.C (epochs, batch, rescale, shear, flip, zoom) and IV.A (Adam).
    train = TrainSettings()
    assert (train.epochs, train.batch_size, train.optimizer) == (120, 64, "adam")
    assert train.augmentation.model_dump() == {
        "shear_degrees": 0.3,
        "zoom": 0.3,
        "horizontal_flip": True,
    }
    assert (train.preprocess, train.fine_tune) == ("paper", 0)


def test_the_defaults_of_the_data_hold_out_as_much_as_the_paper() -> None:
    # Section III.B: 20 % test, and of the other 80 % again 20 % validate.
    data = DataSettings()
    assert (data.test_fraction, data.validation_fraction) == (0.2, pytest.approx(0.8 * 0.2))


def test_weights_are_one_for_all_models_or_one_for_each() -> None:
    assert TrainSettings(weights="none").weights_of("vgg16") == "none"
    each = TrainSettings(weights={"vgg16": "vgg.h5"})
    assert each.weights_of("vgg16") == "vgg.h5"
    assert each.weights_of("inceptionv3") == "imagenet"
    assert each.weights_of("cnn10") == "none"  # there are none for it


def test_devices_are_named_alike_wherever_they_stand() -> None:
    assert MeasureSettings(timing_epochs={"cpu:threads=2": 3}).timing_epochs == {"cpu:threads=2": 3}


@pytest.mark.parametrize(
    ("model", "values", "words"),
    [
        (DataSettings, {"image_size": 15}, "greater than or equal to 16"),
        (DataSettings, {"image_size": 1025}, "less than or equal to 1024"),
        (DataSettings, {"source": ""}, "at least 1 character"),
        (DataSettings, {"validation_fraction": 0.5, "test_fraction": 0.5}, "less than 1"),
        (DataSettings, {"test_fraction": 0.0}, "greater than 0"),
        (DataSettings, {"split": "random"}, "'strict', 'paper' or 'folders'"),
        (DataSettings, {"kfold": 1}, "greater than or equal to 2"),
        (DataSettings, {"kfold": 5, "split": "paper"}, "kfold needs split = 'strict'"),
        (DataSettings, {"per_class": 2}, "greater than or equal to 3"),
        (DataSettings, {"brightness": (140, 120)}, "expected the lower level first"),
        (DataSettings, {"brightness": (120, 120)}, "expected the lower level first"),
        (DataSettings, {"brightness": (0, 256)}, "less than or equal to 255"),
        (DataSettings, {"most_unusable": 1.1}, "less than or equal to 1"),
        (DataSettings, {"classes": {"covid": ("a",)}}, "expected two or more"),
        (DataSettings, {"classes": {"": ("a",), "b": ("b",)}}, "at least 1 character"),
        (DataSettings, {"classes": {"a": (), "b": ("b",)}}, "at least 1 item"),
        (
            DataSettings,
            {"source": "x", "classes": {"a": ("a",), "b": ("b",)}},
            "source and classes exclude each other",
        ),
        (TrainSettings, {"epochs": 0}, "greater than or equal to 1"),
        (TrainSettings, {"batch_size": -1}, "greater than or equal to 1"),
        (TrainSettings, {"learning_rate": float("nan")}, "finite number"),
        (TrainSettings, {"learning_rate": float("inf")}, "finite number"),
        (TrainSettings, {"optimizer": "sgd"}, "'adam'"),
        (TrainSettings, {"preprocess": "none"}, "'paper' or 'imagenet'"),
        (TrainSettings, {"fine_tune": -1}, "greater than or equal to 0"),
        (TrainSettings, {"weights": {"resnet9000": "x.h5"}}, "'resnet9000' is no model"),
        (TrainSettings, {"seed": 2**31}, "less than 2147483648"),
        (Augmentation, {"zoom": 1}, "less than 1"),
        (Augmentation, {"shear_degrees": 46}, "less than or equal to 45"),
        (MeasureSettings, {"sample_interval_s": 0.01}, "greater than or equal to 0.1"),
        (MeasureSettings, {"stall_s": 0}, "greater than 0"),
        (MeasureSettings, {"timing_epochs": {"tpu": 3}}, "'tpu' is no device"),
        (MeasureSettings, {"timing_epochs": {"cpu": 0}}, "greater than or equal to 1"),
    ],
)
def test_what_can_not_be_meant_is_refused(
    model: type[Frozen], values: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        model.model_validate(values)


def test_settings_never_change_after_they_are_made() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        TrainSettings().epochs = 3  # type: ignore[misc]
