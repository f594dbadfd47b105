"""What stands above a page's sections."""

import json
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from reports.page.render import render
from reports.page.view import page
from reports.results.load import load

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def described(folder: Path, text: str) -> Path:
    """Let an execution's experiment say this of itself."""
    path = folder / "experiment.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"description": text}))
    return folder


def descriptions(*folders: Path) -> tuple[str, ...]:
    return page([load(folder) for folder in folders], NOW).descriptions


def test_an_experiments_description_stands_below_the_title_as_text(
    lab: Any, tmp_path: Path
) -> None:
    text = "Is <b>more</b> faster & better?"
    folder = described(lab.execution(models=("cnn10",)), text)
    shown = render([folder], tmp_path / "report.html").read_text()
    assert f'</h1>\n<p class="description">{escape(text)}</p>' in shown


def test_a_long_description_is_shortened_and_stays_one_line(lab: Any) -> None:
    [shown] = descriptions(described(lab.execution(models=("cnn10",)), "two\nwords " * 200))
    assert shown.startswith("two words two words ")
    assert shown.endswith("…")
    assert len(shown) <= 240


def test_several_experiments_are_told_apart_by_their_names(lab: Any) -> None:
    one = described(lab.execution(name="axes", models=("cnn10",)), "Over cores")
    other = described(lab.execution(name="limits", models=("cnn10",)), "Over memory")
    silent = lab.execution(name="quick", models=("cnn10",))
    assert descriptions(one, other, silent) == ("axes: Over cores", "limits: Over memory")


def test_two_executions_of_one_experiment_are_described_once(lab: Any) -> None:
    folders = [
        lab.execution(models=("cnn10",)),
        lab.execution("20261123T090000Z", models=("vgg16",)),
    ]
    assert descriptions(*(described(each, "Over cores") for each in folders)) == ("Over cores",)


def test_without_a_description_there_is_none(lab: Any) -> None:
    assert descriptions(lab.execution(models=("cnn10",))) == ()
