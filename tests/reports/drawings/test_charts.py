"""The drawings of lines and dots, as far as no other file here holds them."""

import re

import pytest

from lungbench.stats.calibration import Bin
from reports.drawings.charts import FEWEST_JOINED, Dots, reliability_diagram


@pytest.mark.parametrize(("images", "joined"), [(FEWEST_JOINED, 2), (FEWEST_JOINED - 1, 1)])
def test_the_line_of_a_reliability_diagram_passes_by_a_few_diagnoses(
    images: int, joined: int
) -> None:
    counts = (30, 20, images)
    bins = [
        Bin(
            low=0.3 * at,
            high=0.3 * at + 0.3,
            images=count,
            confidence=0.3 * at + 0.2,
            accuracy=at / 2,
        )
        for at, count in enumerate(counts)
    ]
    svg = reliability_diagram([Dots("c3", bins)], "p", "three dots")
    assert svg.count("diagnoses, mean confidence") == 3
    line = re.search(r'<path d="(M[^"]*)" stroke="var\(--c3\)"', svg)
    assert line
    assert len(re.findall(r"-?[\d.]+[ -][\d.]+", line[1].partition("l")[2])) == joined


def test_one_diagnosis_is_called_one() -> None:
    bins = [Bin(low=0.5, high=0.6, images=1, confidence=0.55, accuracy=1.0)]
    assert "<title>1 diagnosis, mean" in reliability_diagram([Dots("c1", bins)], "p", "a dot")
