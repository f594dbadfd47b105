"""The example notebook: its code runs in order on a small execution and draws what it says."""

import json
from pathlib import Path
from typing import Any

import pytest

from lungbench.data.images_csv import COLUMNS, IMAGES_FILE

NOTEBOOK = Path(__file__).parents[2] / "docs" / "figures.ipynb"


def cells() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return found


def images_csv() -> str:
    """Return the list of six images of two classes, three of them in the paper's range."""
    greys = {"covid": (90, 121, 139.5), "healthy": (130, 141, 200)}
    blank = dict.fromkeys(COLUMNS, "")
    rows = [
        blank | {"path": f"{name}/{grey}.png", "class": name, "kept": "yes", "mean_grey": str(grey)}
        for name, of_class in greys.items()
        for grey in of_class
    ]
    torn = blank | {"path": "covid/torn.png", "class": "covid", "kept": "no", "reason": "torn"}
    return "\n".join([",".join(COLUMNS), *(",".join(row.values()) for row in (*rows, torn))])


def test_outputs_are_not_kept() -> None:
    code = [cell for cell in cells() if cell["cell_type"] == "code"]
    assert code
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


def test_the_cells_draw_the_figures_in_order(
    lab_at, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = lab_at(tmp_path / "results").execution(
        models=("cnn10", "vgg16"), devices=("cpu", "gpu:0"), repeats=2, epochs=3
    )
    (folder / IMAGES_FILE).write_text(images_csv())
    (tmp_path / "docs").mkdir()
    monkeypatch.chdir(tmp_path / "docs")
    drawn: dict[str, Any] = {}
    for cell in cells():
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), cell["id"], "exec"), drawn)

    images = drawn["images"]
    assert images.groupby("by the paper").size().to_dict() == {"discarded": 3, "kept": 3}
    assert set(drawn["figures"]) == {"cnn10", "vgg16"}
    for chart in (drawn["figure_3"], drawn["comparison"], *drawn["figures"].values()):
        assert all(chart.to_dict()["datasets"].values())
    accuracies, losses = drawn["figures"]["vgg16"].to_dict()["datasets"].values()
    # Two devices, two repeats, three epochs, training and validation.
    assert len(accuracies) == len(losses) == 2 * 2 * 3 * 2
    assert len(drawn["by_class"]) == 2 * 2 * 3  # models, devices, classes
