"""What Prefect's UI shows of an execution that has ended."""

import pytest
from markdown_it import MarkdownIt

from reports.artifact import as_markdown, bar
from reports.summaries.figures import CellFigures, FailureFigures, GuardFigures
from reports.summaries.summary import Summary

MOST_BYTES = 500_000  # what Prefect's UI and database take without harm


def cell(model: str = "cnn10", device: str = "cpu", estimate: float | None = None) -> CellFigures:
    return CellFigures.model_validate(
        {
            "execution": "20261122T211100Z",
            "hostname": "lab",
            "model": model,
            "device": device,
            "precision": "float32",
            "backend": "tensorflow",
            "pipeline": "cached",
            "label": f"{model} on {device}",
            "runs": ("r1", "r2"),
            "repeats": 2,
            "baseline": estimate is None,
            "first_epoch_s": 5.0,
            "steady_epoch_s": 4.0,
            "images_per_s": 25.0,
            "speedup": None
            if estimate is None
            else {
                "estimate": estimate,
                "interval": {"low": 0.9 * estimate, "high": 1.1 * estimate},
                "baseline_runs": 2,
                "other_runs": 2,
            },
            "refusal": None,
            "quality": None,
            "quality_verdict": "not evaluated",
            "verdict": () if estimate is None else (f"{model} trains {estimate} times as fast.",),
        }
    )


def summary(*cells: CellFigures, **parts: object) -> Summary:
    return Summary.model_validate(
        {
            "executions": ("quick",),
            "baseline_device": "cpu",
            "cells": cells,
            "across_models": (),
            "failures": (),
            **parts,
        }
    )


def test_the_page_says_where_the_report_is_the_verdict_and_the_speed_ups() -> None:
    page = as_markdown(summary(cell(), cell(device="gpu:0", estimate=2.0)), "`r.html` on lab")
    assert page.startswith("**Report:** `r.html` on lab\n")
    assert "- cnn10 trains 2.0 times as fast." in page
    assert "| cnn10 on cpu | 4.00 s | baseline | █████ |" in page
    assert "| cnn10 on gpu:0 | 4.00 s | 2.00× \\[1.80, 2.20\\] | ██████████ |" in page  # noqa: RUF001


@pytest.mark.parametrize(
    ("share", "drawn"), [(1.0, "█" * 10), (0.5, "█" * 5), (1 / 20, "▌"), (0.0001, "▏")]
)
def test_a_bar_is_as_long_as_its_share_and_never_absent(share: float, drawn: str) -> None:
    assert bar(share) == drawn


def test_a_cell_without_a_speed_up_has_no_bar() -> None:
    refused = cell(device="gpu:0").model_copy(update={"baseline": False})
    [*_, row] = [line for line in as_markdown(summary(refused), "x").splitlines() if "gpu" in line]
    assert row == "| cnn10 on gpu:0 | 4.00 s | – |  | – | not evaluated |"  # noqa: RUF001


def test_what_can_not_be_trusted_and_what_failed_stands_there() -> None:
    guard = GuardFigures(name="CPU quota", status="fail", found="Bad.", advice=None, runs=1)
    failure = FailureFigures(run_id="cnn10-cpu", status="failed", reason="out of memory")
    page = as_markdown(summary(cell(), guards=(guard,), failures=(failure,)), "x")
    assert "- **fail** CPU quota: Bad." in page
    assert "- **cnn10-cpu** failed: out of memory" in page


def test_foreign_text_breaks_no_table_and_is_no_html() -> None:
    hostile = cell(device="gpu:0", estimate=2.0).model_copy(
        update={"label": "a|b\n<img src=x>", "verdict": ("<script>x</script>\n# title",)}
    )
    failure = FailureFigures(run_id="`x` <b>", status="failed", reason="[a](javascript:b) | c")
    html = MarkdownIt("gfm-like", {"linkify": False}).render(
        as_markdown(summary(hostile, failures=(failure,)), "x")
    )
    assert "<td>a|b &lt;img src=x&gt;</td>" in html
    assert "<li>&lt;script&gt;x&lt;/script&gt; # title</li>" in html
    assert "<strong>`x` &lt;b&gt;</strong> failed: [a](javascript:b) | c" in html


def test_five_hundred_cells_are_a_small_artifact_that_counts_what_it_leaves_out() -> None:
    cells = [cell(model=f"m{n}", device="gpu:0", estimate=2.0) for n in range(500)]
    failures = [
        FailureFigures(run_id=f"m{n}", status="failed", reason="why " * 500) for n in range(500)
    ]
    page = as_markdown(summary(*cells, failures=tuple(failures)), "x")
    assert len(page.encode()) < MOST_BYTES
    assert "And 440 cells more in the report." in page
    assert "And 480 sentences more in the report." in page
    assert "And 480 runs more in the report." in page
