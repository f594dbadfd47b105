"""`lungbench predict` as a user sees it: rows, warnings, refusals and exit codes."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flows import diagnosis
from lungbench.errors import LungbenchError, Refused
from lungbench.experiment import Experiment, Matrix
from lungbench.host import describe_host
from lungbench.metrics import metrics_of
from lungbench.predict.appearance import appearance_of
from lungbench.predict.card import Calibration, ModelCard
from lungbench.predict.diagnosis import BadImage, Diagnosed, Diagnosis
from lungbench.record import DataFacts, RunRecord
from lungbench.settings import TrainSettings
from lungbench.stats.calibration import Bin
from lungbench.stats.intervals import wilson

Printed = Callable[..., tuple[int, str, str]]

CLASSES = ("covid", "normal")


def found(**changes: Any) -> Diagnosis:
    """A diagnosis of two images, of a network that nothing is known of."""
    usual: dict[str, Any] = {
        "model": Path("model.keras"),
        "sha256": "a" * 64,
        "record": None,
        "classes": CLASSES,
        "named": False,
        "images": (
            Diagnosed(Path("one.png"), (0.25, 0.75)),
            Diagnosed(Path("two.png"), (0.5, 0.5)),
        ),
        "bad": (),
    }
    return Diagnosis(**(usual | changes))


def record(confusion: tuple[tuple[int, ...], ...] = ((9, 1), (1, 9))) -> RunRecord:
    """A completed run that diagnosed 18 of 20 test images rightly, if nothing else is said."""
    train = TrainSettings(epochs=1, weights="none")
    matrix = Matrix(models=("cnn10",), devices=("cpu",))
    [spec] = Experiment(name="tiny", train=train, matrix=matrix).runs()
    counts = {"train": {"covid": 40, "normal": 60}}
    return RunRecord(
        run_id=spec.run_id,
        status="completed",
        started=datetime.now(UTC),
        spec=spec,
        host=describe_host(gpus=False),
        data=DataFacts(fingerprint="f", source="drawn", classes=CLASSES, counts=counts),
        metrics=metrics_of(confusion, CLASSES),
    )


def card() -> ModelCard:
    """What a run left that was calibrated on 58 images."""
    squares = [np.full((16, 16), grey, np.uint8) for grey in (80, 90)]
    return ModelCard(
        classes=CLASSES,
        image_size=16,
        calibration=Calibration(
            images=58,
            temperature=1.84,
            raw=(Bin(low=0.9, high=1.0, images=58, confidence=0.97, accuracy=0.5),),
            scaled=(Bin(low=0.6, high=0.7, images=58, confidence=0.66, accuracy=0.5),),
        ),
        appearance=appearance_of(squares, []),
    )


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Printed:
    """Print a diagnosis; return the exit code and what stood on stdout and stderr."""

    def show(
        made: Diagnosis, form: diagnosis.Form = "table", page: Path | None = None
    ) -> tuple[int, str, str]:
        monkeypatch.setattr(diagnosis, "diagnose", lambda *_, **__: made)
        code = diagnosis.predict(
            Path("m"), [], Path("results"), untrusted=False, form=form, page=page
        )
        return (code, *capsys.readouterr())

    return show


def test_a_table_has_a_row_an_image_and_says_what_it_is_worth(printed: Printed) -> None:
    code, out, err = printed(found())
    header, first, second, notice = out.splitlines()
    assert header.split() == ["image", "diagnosis", "covid", "normal"]
    assert first.split() == ["one.png", "normal", "0.2500", "0.7500"]
    assert second.split() == ["two.png", "covid", "0.5000", "0.5000"]
    assert notice == (
        "Research use, not a medical device. Nothing is known of this model or of its accuracy."
    )
    assert (code, err) == (0, "")


def test_ones_own_network_is_shown_with_its_accuracy_and_interval(printed: Printed) -> None:
    why = "its run left no diagnosis.json"
    _, out, _ = printed(found(record=record(), named=True, uncalibrated=why))
    limits = wilson(18, 20)
    assert out.splitlines()[-1] == (
        "Research use, not a medical device. "
        "10-layer CNN trained on 100 images of drawn, accuracy 90.0% "
        f"[{limits.low * 100:.1f}, {limits.high * 100:.1f}] on 20 test images (95% interval). "
        "Not calibrated: its run left no diagnosis.json."
    )


@pytest.mark.parametrize(
    ("confusion", "is_said"),
    [
        (((9, 1), (1, 9)), False),  # 18 of 20: Wilson's interval begins at 69.9 %
        (((6, 4), (4, 6)), True),  # 12 of 20: it begins at 38.7 %
        (((18, 0), (2, 0)), True),  # 18 of 20, and so would naming the first class every time
    ],
)
def test_a_network_that_is_not_shown_to_beat_guessing_is_called_so(
    printed: Printed, confusion: tuple[tuple[int, ...], ...], is_said: bool
) -> None:
    _, out, _ = printed(found(record=record(confusion), named=True, uncalibrated="why"))
    said = "It is not shown to beat naming one class every time" in out.splitlines()[-1]
    assert said is is_said


def test_names_that_a_stranger_claims_are_called_so(printed: Printed) -> None:
    _, out, _ = printed(found(named=True))
    assert out.splitlines()[-1].endswith("its class names are what a file beside it claims.")


def test_bad_images_stand_on_stderr_and_in_the_exit_code(printed: Printed) -> None:
    bad = (BadImage(Path("a\nb\x1b[2J.png"), "the file is empty"), BadImage(Path("c"), "x\ny"))
    code, out, err = printed(found(bad=bad))
    assert code == 1
    assert err.splitlines() == ["a\\nb\\x1b[2J.png: the file is empty", "c: x\\ny"]
    assert len(out.splitlines()) == 4


def test_what_the_kernel_could_not_prevent_is_said(printed: Printed) -> None:
    _, _, err = printed(found(open_to=("the network", "files and programs")))
    [line] = err.splitlines()
    assert line.endswith("from the network and files and programs")


def test_json_holds_everything_for_scripts(printed: Printed) -> None:
    bad = (BadImage(Path("bad.png"), "the file is empty"),)
    _, out, _ = printed(found(record=record(), bad=bad), "json")
    answer = json.loads(out)
    assert answer["images"][0] == {
        "path": "one.png",
        "predicted": "normal",
        "probabilities": {"covid": 0.25, "normal": 0.75},
        "calibrated": None,
        "flags": [],
    }
    assert answer["temperature"] is None
    assert answer["uncalibrated"] == "nothing is known of the model"
    assert answer["bad"] == [{"path": "bad.png", "reason": "the file is empty"}]
    assert answer["trusted"]
    assert answer["classes"] == list(CLASSES)
    assert answer["notice"].startswith("Research use, not a medical device.")


def test_csv_has_a_column_a_probability_and_computes_nothing(printed: Printed) -> None:
    images = (
        Diagnosed(Path("=HYPERLINK(x).png"), (0.25, 0.75)),
        Diagnosed(Path("a\udcff\n,b.png"), (0.75, 0.25), (0.6, 0.4), ("=first", "second")),
    )
    calibrated = ["calibrated_+covid", "calibrated_normal"]
    _, out, err = printed(found(images=images, classes=("+covid", "normal")), "csv")
    assert list(csv.reader(io.StringIO(out, newline=""))) == [
        ["path", "predicted", "p_+covid", "p_normal", *calibrated, "flags"],
        ["'=HYPERLINK(x).png", "normal", "0.25", "0.75", "", "", ""],
        ["a\\udcff\n,b.png", "'+covid", "0.75", "0.25", "0.6", "0.4", "'=first; second"],
    ]
    assert err.startswith("Research use, not a medical device.")


@pytest.fixture
def calibrated() -> Diagnosis:
    """Two images with calibrated probabilities, one of them flagged."""
    images = (
        Diagnosed(Path("one.png"), (0.02, 0.98), (0.2, 0.8)),
        Diagnosed(Path("two.png"), (0.6, 0.4), None, ("not grey: colour 61 above 12",)),
    )
    return found(images=images, record=record(), card=card(), uncalibrated="")


def test_a_table_shows_the_calibrated_probability_of_the_diagnosis_and_flags(
    printed: Printed, calibrated: Diagnosis
) -> None:
    code, out, _ = printed(calibrated)
    header, first, second, notice = out.splitlines()
    assert header.split() == ["image", "diagnosis", "calibrated", "covid", "normal", "flags"]
    assert first.split() == ["one.png", "normal", "0.8000", "0.0200", "0.9800"]
    # Calibration holds for images like the training images only.
    assert second.split()[:5] == ["two.png", "covid", "-", "0.6000", "0.4000"]
    assert second.endswith("  not grey: colour 61 above 12")
    assert notice.endswith("Calibrated on 58 validation images, temperature 1.84.")
    assert code == 0


def test_json_has_both_probabilities_and_the_temperature(
    printed: Printed, calibrated: Diagnosis
) -> None:
    _, out, _ = printed(calibrated, "json")
    answer = json.loads(out)
    assert answer["temperature"] == 1.84
    assert answer["uncalibrated"] is None
    assert answer["images"][0]["calibrated"] == {"covid": 0.2, "normal": 0.8}
    assert answer["images"][1]["calibrated"] is None
    assert answer["images"][1]["flags"] == ["not grey: colour 61 above 12"]


def test_files_that_are_no_images_are_named_and_no_failure(printed: Printed) -> None:
    code, _, err = printed(found(passed_over=tuple(Path(f"{n}.txt") for n in range(6))))
    assert code == 0
    assert err == "passed over, no images: 0.txt, 1.txt, 2.txt, 3.txt and 2 more\n"


def test_a_page_is_written_before_anything_is_printed(
    printed: Printed, calibrated: Diagnosis, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    _, _, err = printed(calibrated, page=page)
    assert err.splitlines()[-1] == f"explained in {page}"
    assert "Research use, not a medical device." in page.read_text()


def test_a_page_that_cannot_be_written_prints_nothing(
    printed: Printed, calibrated: Diagnosis, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(LungbenchError, match="The page must be writable"):
        printed(calibrated, page=tmp_path / "file" / "page.html")
    assert capsys.readouterr() == ("", "")


def test_a_folder_is_no_page_and_nothing_is_diagnosed_for_it(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="The page must be a file"):
        diagnosis.predict(Path("m"), [], Path("r"), untrusted=False, form="json", page=tmp_path)


def test_without_an_image_no_page_is_written(printed: Printed, tmp_path: Path) -> None:
    _, _, err = printed(found(images=()), page=tmp_path / "page.html")
    assert err == "no image, so no page is written\n"
    assert not (tmp_path / "page.html").exists()


def test_a_network_of_another_backend_is_explained_by_tensorflow_and_that_is_said(
    printed: Printed, calibrated: Diagnosis, tmp_path: Path
) -> None:
    assert calibrated.record is not None
    spec = calibrated.record.spec.model_copy(update={"backend": "jax"})
    other = replace(calibrated, record=calibrated.record.model_copy(update={"spec": spec}))
    _, _, err = printed(other, page=tmp_path / "page.html")
    assert "Grad-CAM needs the tensorflow backend, which answers for jax here" in err


def test_without_a_usable_image_the_table_is_the_notice_alone(printed: Printed) -> None:
    _, out, _ = printed(found(images=()))
    assert len(out.splitlines()) == 1


def predict(*arguments: object, cwd: Path) -> "subprocess.CompletedProcess[str]":
    main = "from flows.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", main, "predict", *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=300,
    )


@pytest.fixture
def image(tmp_path: Path) -> Path:
    Image.fromarray(np.zeros((20, 20), np.uint8)).save(tmp_path / "black.png")
    return tmp_path / "black.png"


@pytest.mark.parametrize("extra", [[], ["--untrusted"]])
def test_a_refusal_is_one_line_and_exit_code_3(
    tmp_path: Path, image: Path, extra: list[str]
) -> None:
    (tmp_path / "model.keras").write_bytes(b"\x80\x04nothing")
    end = predict("model.keras", image, *extra, cwd=tmp_path)
    assert (end.returncode, end.stdout) == (3, "")
    [line] = end.stderr.splitlines()
    assert line.startswith("lungbench: A model ")


def test_two_forms_at_once_are_wrong_use(tmp_path: Path, image: Path) -> None:
    end = predict("model.keras", image, "--json", "--csv", cwd=tmp_path)
    assert end.returncode == 2
    assert "Traceback" not in end.stderr


@pytest.mark.slow
def test_a_run_predicts_what_its_own_test_split_was_told(
    experiment_file: Path, environment: dict[str, str], tmp_path: Path, xrays: Path
) -> None:
    main = "from flows.cli import main; main()"
    short = ["--set", "train.epochs=1", "--set", 'matrix.devices=["cpu"]', "--no-prefect"]
    ended = subprocess.run(
        [sys.executable, "-c", main, "run", str(experiment_file), *short],
        check=True,
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    [run_dir] = (Path(ended.stdout.strip()).parent / "runs").iterdir()
    with (run_dir / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    end = predict(run_dir, *(xrays / row["path"] for row in rows), "--json", cwd=tmp_path)
    assert end.returncode == 0, end.stderr
    answer = json.loads(end.stdout)
    assert answer["trusted"]
    for row, each in zip(rows, answer["images"], strict=True):
        told = {name: float(row[f"p_{name}"]) for name in answer["classes"]}
        assert each["probabilities"] == pytest.approx(told, abs=1e-6)
        assert each["predicted"] == row["predicted"]

    # With one epoch of training the network is wrong somewhere, so that it has a temperature.
    card = json.loads((run_dir / "diagnosis.json").read_text())
    assert answer["temperature"] == card["calibration"]["temperature"]
    page = tmp_path / "page.html"
    end = predict(run_dir, xrays, "--explain", page, "--csv", cwd=tmp_path)
    assert end.returncode == 0, end.stderr
    assert f"explained in {page}" in end.stderr
    assert page.read_text().count("<article") == 30
    assert len(list(csv.DictReader(io.StringIO(end.stdout)))) == 30
