"""`lungbench predict` as a user sees it: rows, warnings, refusals and exit codes."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flows import diagnosis
from lungbench.experiment import Experiment, Matrix
from lungbench.host import describe_host
from lungbench.metrics import metrics_of
from lungbench.predict.diagnosis import BadImage, Diagnosed, Diagnosis
from lungbench.record import DataFacts, RunRecord
from lungbench.settings import TrainSettings
from lungbench.stats import wilson

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


def record() -> RunRecord:
    """A completed run that diagnosed 18 of 20 test images rightly."""
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
        metrics=metrics_of(((9, 1), (1, 9)), CLASSES),
    )


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Printed:
    """Print a diagnosis; return the exit code and what stood on stdout and stderr."""

    def show(made: Diagnosis, form: diagnosis.Form = "table") -> tuple[int, str, str]:
        monkeypatch.setattr(diagnosis, "diagnose", lambda *_, **__: made)
        code = diagnosis.predict(Path("m"), [], Path("results"), untrusted=False, form=form)
        return (code, *capsys.readouterr())

    return show


def test_a_table_has_a_row_an_image_and_says_what_it_is_worth(printed: Printed) -> None:
    code, out, err = printed(found())
    header, first, second, notice = out.splitlines()
    assert header.split() == ["image", "diagnosis", "covid", "normal"]
    assert first.split() == ["one.png", "normal", "0.2500", "0.7500"]
    assert second.split() == ["two.png", "covid", "0.5000", "0.5000"]
    assert notice == "Not a medical device. Nothing is known of this model or of its accuracy."
    assert (code, err) == (0, "")


def test_ones_own_network_is_shown_with_its_accuracy_and_interval(printed: Printed) -> None:
    _, out, _ = printed(found(record=record(), named=True))
    limits = wilson(18, 20)
    assert out.splitlines()[-1] == (
        "Not a medical device. 10-layer CNN trained on 100 images of drawn, accuracy 90.0% "
        f"[{limits.low * 100:.1f}, {limits.high * 100:.1f}] on 20 test images (95% interval)."
    )


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
    }
    assert answer["bad"] == [{"path": "bad.png", "reason": "the file is empty"}]
    assert answer["trusted"]
    assert answer["classes"] == list(CLASSES)
    assert answer["notice"].startswith("Not a medical device.")


def test_csv_has_the_columns_of_predictions_csv_and_computes_nothing(printed: Printed) -> None:
    images = (
        Diagnosed(Path("=HYPERLINK(x).png"), (0.25, 0.75)),
        Diagnosed(Path("a\udcff\n,b.png"), (0.75, 0.25)),
    )
    _, out, err = printed(found(images=images, classes=("+covid", "normal")), "csv")
    assert list(csv.reader(io.StringIO(out, newline=""))) == [
        ["path", "predicted", "p_+covid", "p_normal"],
        ["'=HYPERLINK(x).png", "normal", "0.25", "0.75"],
        ["a\\udcff\n,b.png", "'+covid", "0.75", "0.25"],
    ]
    assert err.startswith("Not a medical device.")


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
