"""What short names mean, on the first screen."""

from typing import Any

import pytest

from reports.comparing.comparison import compare
from reports.results.load import load
from reports.wording.glossary import device_words, terms_of


@pytest.mark.parametrize(
    ("device", "words"),
    [
        ("cpu", "the whole CPU"),
        ("cpu:threads=1", "1 CPU thread"),
        ("cpu:threads=8", "8 CPU threads"),
        ("gpu:0", "GPU 0"),
        ("gpu:all", "all GPUs"),
    ],
)
def test_a_device_is_called_by_words(device: str, words: str) -> None:
    assert device_words(device) == words


@pytest.mark.parametrize(
    ("case", "names"),
    [
        ("complete", ["cpu:threads=1", "cpu:threads=2"]),
        (
            "every_axis",
            ["cpu:threads=1", "cpu:threads=2", "float32", "mixed_bfloat16", "cached", "paper"],
        ),
    ],
)
def test_only_names_that_cells_are_called_by_are_explained(
    reports: Any, case: str, names: list[str]
) -> None:
    study = compare([load(folder) for folder in reports[case].folders])
    assert [term.name for term in terms_of(study)] == names
