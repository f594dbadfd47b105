"""Nothing that Keras would pass over reaches the paper's pipeline."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lungbench.checks import Asked
from lungbench.checks.wanted import data as doctor
from lungbench.data.dataset import PreparedData
from lungbench.data.keras_files import SUFFIXES, check_keras_reads
from lungbench.data.prepare import prepare
from lungbench.errors import DataError
from lungbench.executions.execution import Execution
from lungbench.experiment import Experiment
from lungbench.host import describe_host
from lungbench.settings import DataSettings


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Two classes of ten images of noise, of which one is a WebP, one a GIF, one has no ending."""
    odd = {("covid", 0): "webp", ("normal", 3): "gif", ("normal", 4): "", ("normal", 5): "JPG"}
    draw = np.random.default_rng(0)
    for name in ("covid", "normal"):
        (tmp_path / "xrays" / name).mkdir(parents=True)
        for number in range(10):
            ending = odd.get((name, number), "png")
            path = tmp_path / "xrays" / name / (f"{number}.{ending}" if ending else str(number))
            kind = {"": "PNG", "JPG": "JPEG"}.get(ending, ending.upper())
            Image.fromarray(draw.integers(0, 256, (32, 32), dtype=np.uint8)).save(path, kind)
    return tmp_path / "xrays"


def experiment(images: Path, *pipelines: str) -> Experiment:
    return Experiment.model_validate(
        {
            "name": "x",
            "data": {"source": str(images), "image_size": 16},
            "matrix": {"models": ["cnn10"], "devices": ["cpu"], "pipelines": pipelines},
        }
    )


def prepared(images: Path) -> PreparedData:
    settings = DataSettings(source=str(images), image_size=16)
    return prepare(settings, cache=images.parent / "cache", out=images.parent / "out")


def test_the_paper_pipeline_is_refused_with_the_number_of_files_and_what_to_do(
    images: Path,
) -> None:
    with pytest.raises(DataError) as refused:
        check_keras_reads(prepared(images), ["cached", "paper"])
    line = str(refused.value)
    assert "3 of 20 images" in line
    assert all(words in line for words in ("1 .webp", "1 .gif", "1 without an ending"))
    assert 'matrix.pipelines = ["cached"]' in line
    assert "\n" not in line


def test_the_cached_pipeline_reads_all_of_them(images: Path) -> None:
    check_keras_reads(prepared(images), ["cached"])


def test_images_that_are_not_used_do_not_count(images: Path) -> None:
    data = prepared(images)
    readable = [
        row for row, path in enumerate(data.paths) if Path(str(path)).suffix.lower() in SUFFIXES
    ]
    assert len(readable) == 17
    few = data.model_copy(update={"rows": {"train": tuple(readable)}})
    check_keras_reads(few, ["paper"])


def test_an_execution_is_refused_before_any_training_and_leaves_nothing(
    images: Path, tmp_path: Path
) -> None:
    execution = Execution.create(experiment(images, "cached", "paper"), tmp_path / "results")
    with pytest.raises(DataError, match="3 of 20"):
        execution.prepare()
    assert [path.name for path in (tmp_path / "results").iterdir()] == [".cache"]


def test_the_doctor_says_so_from_the_names_alone(images: Path) -> None:
    asked = Asked(experiment(images, "paper"), images.parent, describe_host(gpus=False))
    *_, last = doctor(asked)
    assert last.outcome == "fail"
    assert "2 files" in last.found  # what has no ending may be anything
    (only,) = doctor(Asked(experiment(images, "cached"), images.parent, asked.host))
    assert only.outcome == "pass"


@pytest.mark.slow
def test_the_endings_are_those_of_keras() -> None:
    from keras.src.legacy.preprocessing.image import DirectoryIterator

    assert {f".{ending}" for ending in DirectoryIterator.white_list_formats} == SUFFIXES
