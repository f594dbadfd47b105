"""An image folder that was changed, moved or taken away between two starts."""

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lungbench.data.dataset import DATA_FILE, PreparedData
from lungbench.device import Device
from lungbench.errors import DataError
from lungbench.executions.execution import EXPERIMENT_FILE, Execution
from lungbench.executions.same_data import check_data
from lungbench.experiment import Experiment, Matrix
from lungbench.settings import DataSettings

Change = Callable[[Path], None]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Two classes of four images each."""
    for label in ("covid", "normal"):
        for number in range(4):
            draw(tmp_path / "xrays" / label / f"{number}.png", 20 * number + len(label))
    return tmp_path / "xrays"


def draw(path: Path, grey: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Noise, since flat images show the same, whatever their grey, and stay together in a split.
    pixels = np.random.default_rng(grey).integers(0, 256, (40, 40), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def execution(tmp_path: Path, images: Path) -> Execution:
    """An execution whose data are prepared."""
    return prepared(tmp_path / "results", images)


def prepared(results: Path, images: Path, **matrix: object) -> Execution:
    experiment = Experiment(
        name="tiny",
        data=DataSettings(source=str(images), image_size=32),
        matrix=Matrix.model_validate(
            {"models": ["cnn10"], "devices": [Device.parse("cpu")], **matrix}
        ),
    )
    execution = Execution.create(experiment, results)
    execution.prepare()
    return execution


def fingerprint(execution: Execution) -> str:
    return PreparedData.read(execution.folder / DATA_FILE).fingerprint


def test_the_same_images_change_nothing(execution: Execution) -> None:
    before = {path: path.read_bytes() for path in execution.folder.iterdir()}
    check_data(execution)
    assert {path: path.read_bytes() for path in execution.folder.iterdir()} == before


def test_a_pixel_cache_that_is_gone_is_filled_again(execution: Execution) -> None:
    before = fingerprint(execution)
    shutil.rmtree(execution.cache)
    check_data(execution)
    assert fingerprint(execution) == before
    PreparedData.read(execution.folder / DATA_FILE).facts()  # reads the cache


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda folder: draw(folder / "covid" / "new.png", 200), ["1 added (covid/new.png)"]),
        (lambda folder: (folder / "normal" / "2.png").unlink(), ["1 removed (normal/2.png)"]),
        (lambda folder: draw(folder / "covid" / "1.png", 99), ["1 changed (covid/1.png)"]),
        (
            lambda folder: (folder / "covid" / "1.png").rename(
                folder / "normal" / "x\n\x1b[2J.png"
            ),
            ["1 added ('normal/x\\n\\x1b[2J.png')", "1 removed (covid/1.png)"],
        ),
    ],
)
def test_other_images_are_refused_by_name(
    execution: Execution, images: Path, change: Change, words: list[str]
) -> None:
    before = (execution.folder / DATA_FILE).read_bytes()
    change(images)
    with pytest.raises(DataError) as refusal:
        check_data(execution)
    assert refusal.value.exit_code == 3
    assert all(word in str(refusal.value) for word in words), refusal.value
    assert (execution.folder / DATA_FILE).read_bytes() == before
    assert list(execution.folder.glob(".*.tmp")) == []


def test_many_changed_images_are_counted_and_some_named(execution: Execution, images: Path) -> None:
    for number in range(7):
        draw(images / "covid" / f"new{number}.png", 100 + number)
    with pytest.raises(DataError, match=r"7 added \(.*new4\.png and 2 more\)"):
        check_data(execution)


def test_a_file_that_is_no_image_changes_nothing(execution: Execution, images: Path) -> None:
    before = fingerprint(execution)
    (images / "covid" / "notes.txt").write_text("seen")
    check_data(execution)
    assert fingerprint(execution) == before
    PreparedData.read(execution.folder / DATA_FILE).facts()


@pytest.mark.parametrize("leave", ["nothing", "an empty folder"])
def test_without_the_image_folder_the_cache_will_do(
    execution: Execution, images: Path, caplog: pytest.LogCaptureFixture, leave: str
) -> None:
    shutil.rmtree(images)
    if leave == "an empty folder":  # as where a disk isn't mounted
        images.mkdir()
    with caplog.at_level(logging.INFO):
        check_data(execution)
    assert "the runs go on with the decoded ones in the cache" in caplog.text


def test_without_folder_and_cache_nothing_goes_on(execution: Execution, images: Path) -> None:
    shutil.rmtree(images)
    pixels = PreparedData.read(execution.folder / DATA_FILE).pixels / "images.npy"
    pixels.write_bytes(pixels.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"no images in .*and no decoded ones in the cache"):
        check_data(execution)


def test_the_papers_pipeline_needs_the_files(tmp_path: Path, images: Path) -> None:
    execution = prepared(tmp_path / "results", images, pipelines=["paper"])
    shutil.rmtree(images)
    with pytest.raises(DataError, match="reads the image files in every epoch"):
        check_data(execution)


def test_moved_images_and_moved_results_are_found_again(
    execution: Execution, images: Path, tmp_path: Path
) -> None:
    before = fingerprint(execution)
    images.rename(tmp_path / "elsewhere")
    execution.folder.parents[1].rename(tmp_path / "moved")
    folder = tmp_path / "moved" / "tiny" / execution.folder.name
    values = json.loads((folder / EXPERIMENT_FILE).read_bytes())
    values["data"]["source"] = str(tmp_path / "elsewhere")
    (folder / EXPERIMENT_FILE).write_text(json.dumps(values))

    moved = Execution.open(folder)
    check_data(moved)
    data = PreparedData.read(folder / DATA_FILE)
    assert data.fingerprint == before
    assert data.pixels.is_relative_to(tmp_path / "moved")
    assert data.folder == tmp_path / "elsewhere"


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("split_seed", 1, r"data\.split_seed: 0 before, 1 now"),
        ("test_fraction", 0.5, r"data\.validation_fraction or data\.test_fraction"),
        ("split", "paper", r"data\.split: strict before, paper now"),
        ("kfold", 4, r"data\.kfold: none before, 4 now"),
        ("image_size", 40, r"data\.image_size: 32 before, 40 now"),
        ("per_class", 3, r"data\.per_class or data\.brightness"),
    ],
)
def test_another_split_is_refused(execution: Execution, key: str, value: float, words: str) -> None:
    values = json.loads((execution.folder / EXPERIMENT_FILE).read_bytes())
    values["data"][key] = value
    (execution.folder / EXPERIMENT_FILE).write_text(json.dumps(values))
    with pytest.raises(DataError, match=words):
        check_data(Execution.open(execution.folder))


def test_data_that_were_never_prepared_are_prepared(execution: Execution) -> None:
    before = fingerprint(execution)
    (execution.folder / DATA_FILE).unlink()
    check_data(execution)
    assert fingerprint(execution) == before


@pytest.fixture
def from_manifest(tmp_path: Path, images: Path) -> Execution:
    """An execution whose images come from a manifest."""
    write_manifest(images)
    return prepared(tmp_path / "results", images / "m.csv")


def write_manifest(images: Path, **changes: str) -> None:
    """Name every image with its label and its patient; changes are by the file's stem and label."""
    rows = ["path,label,patient"]
    for path in sorted(images.glob("*/*.png")):
        label = path.parent.name
        patient = changes.get(f"patient_{label}_{path.stem}", f"{label}{path.stem}")
        rows.append(f"{label}/{path.name},{changes.get(f'{label}_{path.stem}', label)},{patient}")
    (images / "m.csv").write_text("\n".join(rows))


def test_a_manifest_that_says_the_same_changes_nothing(
    from_manifest: Execution, images: Path
) -> None:
    before = fingerprint(from_manifest)
    check_data(from_manifest)
    assert fingerprint(from_manifest) == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"covid_1": "normal"}, "1 relabelled (covid/1.png)"),
        (
            # So many of one patient can't stand where they stood alone.
            {f"patient_covid_{number}": "x" for number in range(7)},
            "7 of another patient (covid/0.png, covid/1.png",
        ),
    ],
)
def test_a_manifest_that_says_something_else_is_refused_by_name(
    from_manifest: Execution, images: Path, changes: dict[str, str], words: str
) -> None:
    for number in range(4, 9):  # so that a group more leaves enough images
        draw(images / "covid" / f"{number}.png", 300 + number)
    write_manifest(images)
    begun = prepared(from_manifest.folder.parent, images / "m.csv")
    write_manifest(images, **changes)
    with pytest.raises(DataError) as refusal:
        check_data(begun)
    assert words in str(refusal.value)


def test_without_the_manifest_the_cache_will_do(from_manifest: Execution, images: Path) -> None:
    (images / "m.csv").unlink()
    check_data(from_manifest)


def test_a_split_of_the_source_that_changed_is_named(
    tmp_path: Path, images: Path, execution: Execution
) -> None:
    source = tmp_path / "by_split"
    for number, name in enumerate(("train", "train", "val", "test")):
        for label in ("covid", "normal"):
            (source / name / label).mkdir(parents=True, exist_ok=True)
            shutil.copy(images / label / f"{number}.png", source / name / label)
    experiment = execution.experiment.model_copy(
        update={"data": DataSettings(source=str(source), image_size=32, split="folders")}
    )
    begun = Execution.create(experiment, tmp_path / "results")
    begun.prepare()
    (source / "train" / "covid" / "0.png").rename(source / "val" / "covid" / "0.png")
    with pytest.raises(DataError, match=r"1 added \(val/covid/0.png\); 1 removed \(train/covid/0"):
        check_data(begun)
