import re

import pytest

from reports.drawings.bars import Axis, ForestRow, StackedRow, forest, stacked


def row(group: str, label: str, **values: object) -> ForestRow:
    settings = {"group": group, "label": label, "baseline": False, "estimate": None} | values
    return ForestRow(**settings)  # type: ignore[arg-type]


def labels(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_every_row_and_group_is_named_once() -> None:
    rows = [row("A", "cpu", estimate=1.0), row("A", "gpu:0", estimate=2.0), row("B", "cpu")]
    named = labels(forest(rows, Axis("times"), "p", "what it shows, in words"))
    assert [named.count(name) for name in ("A", "B", "cpu", "gpu:0", "times")] == [1, 1, 2, 1, 1]


@pytest.mark.parametrize(("high", "longest_tick"), [(2.5, 2.5), (444.0, 2.0)])
def test_a_huge_interval_doesnt_hide_the_values(high: float, longest_tick: float) -> None:
    rows = [row("A", "gpu:0", estimate=1.5, low=0.1, high=high, dots=(1.0, 2.0))]
    drawn = labels(forest(rows, Axis("times"), "p", "what it shows, in words"))
    ticks = [float(text) for text in drawn if re.fullmatch(r"[\d.]+", text)]
    assert max(ticks) == longest_tick


def test_rows_without_any_value_can_be_drawn() -> None:
    assert "cpu" in labels(forest([row("A", "cpu")], Axis("times"), "p", "nothing is known"))


def test_runs_without_phases_can_be_drawn() -> None:
    assert "cpu" in labels(stacked([StackedRow("A", "cpu", (0.0, 0.0))], "p", "no seconds"))


def test_phases_have_the_colours_of_the_legend_in_their_order() -> None:
    svg = stacked([StackedRow("A", "cpu", (1.0, 2.0, 3.0))], "p", "three phases of one run")
    assert re.findall(r'fill="(var\(--c\d\))"', svg) == ["var(--c1)", "var(--c2)", "var(--c3)"]
