"""A model is found by its file or its run, and whoever names the folder above is told its runs."""

from pathlib import Path

import pytest

from lungbench.errors import Refused
from lungbench.job import MODEL_FILE
from lungbench.predict.model_file import find_model


def saved(folder: Path, *runs: str) -> list[Path]:
    for run in runs:
        (folder / "runs" / run).mkdir(parents=True)
        (folder / "runs" / run / MODEL_FILE).touch()
    return [folder / "runs" / run for run in runs]


def test_a_run_and_its_file_name_the_same_model(tmp_path: Path) -> None:
    [run] = saved(tmp_path, "cnn10-cpu")
    assert find_model(run) == find_model(run / MODEL_FILE) == run / MODEL_FILE


@pytest.mark.parametrize("above", [".", "quick", "results/quick"])
def test_the_folder_above_is_refused_with_the_runs_that_hold_a_model(
    tmp_path: Path, above: str
) -> None:
    runs = saved(tmp_path / above / "20261123T000000Z", "a", "b")
    named = (tmp_path / above).parent if above != "." else tmp_path / "20261123T000000Z"
    with pytest.raises(Refused) as refused:
        find_model(named)
    assert refused.value.hint == f"name a run: {runs[0]}, {runs[1]}."


def test_of_many_runs_the_first_are_named(tmp_path: Path) -> None:
    saved(tmp_path, *(f"run{number}" for number in range(5)))
    with pytest.raises(Refused, match=r"run2, or one of 2 more\."):
        find_model(tmp_path)


def test_a_folder_without_any_has_no_hint(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="a folder") as refused:
        find_model(tmp_path)
    assert refused.value.hint is None
