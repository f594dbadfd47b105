from pathlib import Path
from typing import Any

from reports.comparing.comparison import compare
from reports.comparing.evaluated import Evaluated, evaluated
from reports.forms import format as fmt
from reports.forms.blocks import Figure
from reports.results.load import load
from reports.sections.reliability import reliability_figure


def networks(folder: Path) -> tuple[Evaluated, ...]:
    executions = [load(folder)]
    return evaluated(compare(executions), executions)


def figure(folder: Path) -> Figure:
    found = reliability_figure(networks(folder))
    assert found is not None
    return found


def test_each_network_has_a_diagram_and_each_device_a_colour(lab: Any) -> None:
    found = figure(lab.execution())
    assert [panel.title for panel in found.panels] == ["10-layer CNN", "InceptionV3", "VGG16"]
    assert [entry.text for entry in found.legend] == ["cpu:threads=1", "cpu:threads=2"]
    for panel in found.panels:
        assert "var(--c1)" in str(panel.svg)
        assert "var(--c2)" in str(panel.svg)


def test_the_repeats_of_a_cell_are_one_line(lab: Any) -> None:
    table = figure(lab.execution(models=("cnn10",), devices=("cpu",), repeats=3)).table
    assert table is not None
    assert sum(int(row[3]) for row in table.rows) == 3 * 120  # 3 classes of 40 test images
    assert len({row[2] for row in table.rows}) == len(table.rows)


def test_the_table_behind_holds_what_is_drawn(lab: Any) -> None:
    folder = lab.execution(models=("cnn10",), devices=("cpu",))
    [network] = networks(folder)
    assert network.diagnoses is not None
    assert network.diagnoses.bins is not None
    table = figure(folder).table
    assert table is not None
    assert [row[4:] for row in table.rows] == [
        (fmt.share(each.confidence), fmt.share(each.accuracy)) for each in network.diagnoses.bins
    ]


def test_a_diagram_says_in_words_how_the_surest_fare(lab: Any) -> None:
    folder = lab.execution(models=("cnn10",), devices=("cpu",))
    [network] = networks(folder)
    assert network.diagnoses is not None
    assert network.diagnoses.bins is not None
    surest = network.diagnoses.bins[-1]
    [panel] = figure(folder).panels
    assert f"{fmt.share(surest.accuracy)} are right" in panel.alternative
    assert panel.alternative in str(panel.svg)


def test_without_probabilities_there_is_no_diagram() -> None:
    assert reliability_figure([]) is None
