from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lungbench.checks import wanted
from lungbench.models import MODELS
from lungbench.record import Gpu, Host


def images(folder: Path, **classes: int) -> Path:
    """Write small grey PNGs, so many for each class."""
    for name, count in classes.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            Image.new("L", (32, 32), number).save(folder / name / f"{number}.png")
    return folder


@pytest.mark.parametrize(
    "check",
    [wanted.data, wanted.devices, wanted.backends, wanted.weights],
    ids=lambda c: c.__name__,
)
def test_without_an_experiment_nothing_is_wanted(asked: Any, check: Any) -> None:
    assert list(check(asked())) == []


def test_synthetic_images_need_no_folder(asked: Any) -> None:
    (check,) = wanted.data(asked({}))
    assert check.outcome == "pass"


def test_a_folder_of_classes_is_well(asked: Any, tmp_path: Path) -> None:
    source = images(tmp_path / "xrays", normal=20, covid=3)
    (check,) = wanted.data(asked({}, data={"source": str(source)}))
    assert check.outcome == "pass"
    # every third of 20 files is looked at, and all of 3
    assert check.found == "23 files in 2 classes; 10 looked at, all readable"


def test_a_folder_that_is_absent_is_a_failure(asked: Any, tmp_path: Path) -> None:
    (check,) = wanted.data(asked({}, data={"source": str(tmp_path / "absent")}))
    assert check.outcome == "fail"
    assert str(tmp_path / "absent") in check.found


def test_a_folder_without_classes_is_a_failure(asked: Any, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no images here")
    (check,) = wanted.data(asked({}, data={"source": str(tmp_path)}))
    assert check.outcome == "fail"
    assert check.advice


def test_an_image_that_is_damaged_is_a_warning_that_names_it(asked: Any, tmp_path: Path) -> None:
    source = images(tmp_path, normal=3, covid=3)
    (source / "covid/1.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (check,) = wanted.data(asked({}, data={"source": str(source)}))
    assert check.outcome == "warn"
    assert "covid/1.png" in check.found
    assert "lungbench data inspect" in str(check.advice)


def test_a_class_without_a_readable_image_is_a_failure(asked: Any, tmp_path: Path) -> None:
    source = images(tmp_path, normal=3, covid=1)
    (source / "covid/0.png").write_text("no image")
    (check,) = wanted.data(asked({}, data={"source": str(source)}))
    assert check.outcome == "fail"


def test_devices_that_are_there_are_well(asked: Any) -> None:
    (check,) = wanted.devices(asked({"devices": ["cpu", "cpu:threads=4"]}))
    assert (check.outcome, check.found) == ("pass", "cpu, cpu:threads=4")


def test_a_device_that_is_absent_is_a_warning_while_others_are_there(asked: Any) -> None:
    (check,) = wanted.devices(asked({"devices": ["cpu", "cpu:threads=5"]}))
    assert check.outcome == "warn"
    assert "4 processors" in check.found


def test_no_device_left_is_a_failure(asked: Any) -> None:
    host = Host(
        hostname="lab",
        os="Linux",
        cpu_logical=2,
        cpu_usable=2,
        memory_bytes=1,
        gpus=(Gpu(index=0),),
        versions={},
    )
    (check,) = wanted.devices(asked({"devices": ["gpu:1", "cpu:threads=5"]}, host=host))
    assert check.outcome == "fail"


def test_a_backend_that_cannot_share_a_training_is_a_warning_while_another_can(asked: Any) -> None:
    host = asked().host.model_copy(update={"gpus": (Gpu(index=0), Gpu(index=1))})
    matrix = {"devices": ["gpu:all"], "backends": ["tensorflow", "jax"]}
    (check,) = wanted.devices(asked(matrix, host=host))
    assert check.outcome == "warn"
    assert "jax trains on one GPU" in check.found
    assert "skipped" in str(check.advice)


def test_all_gpus_without_a_backend_that_shares_are_a_failure(asked: Any) -> None:
    host = asked().host.model_copy(update={"gpus": (Gpu(index=0),)})
    (check,) = wanted.devices(asked({"devices": ["gpu:all"], "backends": ["torch"]}, host=host))
    assert check.outcome == "fail"


def test_a_backend_that_is_absent_names_its_extra(asked: Any) -> None:
    (check,) = wanted.backends(asked({"backends": ["tensorflow", "jax"]}))
    assert check.outcome == "warn"
    assert "lungbench[jax]" in str(check.advice)


def test_no_backend_left_is_a_failure(asked: Any) -> None:
    (check,) = wanted.backends(asked({"backends": ["torch"]}))
    assert check.outcome == "fail"


def test_backends_that_are_there_are_named_with_their_versions(asked: Any) -> None:
    (check,) = wanted.backends(asked({}))
    assert (check.outcome, check.found) == ("pass", "tensorflow 2.21.0")


def test_a_network_without_pretrained_weights_needs_none(asked: Any) -> None:
    (check,) = wanted.weights(asked({"models": ["cnn10"]}))
    assert check.outcome == "pass"


def test_weights_that_are_not_there_yet_say_where_they_belong(
    asked: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (check,) = wanted.weights(asked({"models": ["cnn10", "vgg16"]}))
    assert (check.outcome, check.found) == ("warn", "none yet for vgg16")
    assert str(tmp_path / "models") in str(check.advice)
    assert str(MODELS["vgg16"].weights_file) in str(check.advice)


def test_weights_in_keras_folder_are_well(
    asked: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    file = tmp_path / "models" / str(MODELS["vgg16"].weights_file)
    file.parent.mkdir()
    file.write_bytes(b"")
    (check,) = wanted.weights(asked({"models": ["vgg16"]}))
    assert check.outcome == "pass"


def test_a_file_of_weights_that_is_absent_is_a_failure(asked: Any, tmp_path: Path) -> None:
    named = str(tmp_path / "mine.h5")
    (check,) = wanted.weights(asked({"models": ["vgg16"]}, train={"weights": named}))
    assert check.outcome == "fail"
    assert named in check.found
