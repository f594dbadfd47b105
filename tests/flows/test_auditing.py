"""`lungbench data audit`: findings on stdout, and an exit code for scripts."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app
from lungbench.data.synthetic import synthesize
from lungbench.errors import DataError


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "xrays"
    synthesize(folder, 6, seed=0)
    return folder


def test_a_folder_is_audited_a_line_a_finding(drawn: Path) -> None:
    ended = CliRunner().invoke(app, ["data", "audit", str(drawn)])
    assert ended.exit_code == 0
    assert "ok    Copies across splits: There are no byte-identical copies." in ended.stdout
    assert "?     Patients across splits: Patients are not on record" in ended.stdout


def test_a_picture_under_two_labels_ends_in_exit_code_1_and_json_names_it(
    drawn: Path, tmp_path: Path
) -> None:
    source = Path(shutil.copytree(drawn, tmp_path / "xrays"))
    one = next((source / "covid").glob("*.png"))
    (source / "normal" / "copy.png").write_bytes(one.read_bytes() + b"changed behind its end")
    ended = CliRunner().invoke(app, ["data", "audit", str(source), "--json"])
    assert ended.exit_code == 1
    found = json.loads(ended.stdout)
    assert found["facts"]["near_duplicates"]["across_classes"] == 1
    (pair,) = found["facts"]["near_duplicates"]["examples"]
    assert {pair["one"]["class_name"], pair["other"]["class_name"]} == {"covid", "normal"}


def test_a_manifest_that_the_folder_holds_is_named_beside_the_findings(
    drawn: Path, tmp_path: Path
) -> None:
    source = Path(shutil.copytree(drawn, tmp_path / "xrays"))
    (source / "list.csv").write_text("path,label,patient\n")
    ended = CliRunner().invoke(app, ["data", "audit", str(source)])
    assert ended.exit_code == 0
    assert f"{source / 'list.csv'} tells of patients and isn't read" in ended.stderr
    assert "list.csv" not in ended.stdout


def test_an_experiments_data_are_audited_in_its_cache(drawn: Path, tmp_path: Path) -> None:
    file = tmp_path / "tiny.toml"
    file.write_text(
        f'name = "tiny"\n[data]\nsource = "{drawn}"\nimage_size = 32\n'
        '[matrix]\nmodels = ["cnn10"]\ndevices = ["cpu"]\n'
    )
    results = tmp_path / "results"
    ended = CliRunner().invoke(app, ["data", "audit", str(file), "--results", str(results)])
    assert ended.exit_code == 0
    assert list((results / ".cache").glob("pixels-32-*/audit-*.json"))


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    ended = CliRunner().invoke(app, ["data", "audit", str(tmp_path / "absent")])
    assert isinstance(ended.exception, DataError)
