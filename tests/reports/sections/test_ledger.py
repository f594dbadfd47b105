from pathlib import Path
from statistics import fmean
from typing import Any

from reports.comparing.comparison import compare
from reports.forms import format as fmt
from reports.forms.blocks import Figure
from reports.results.load import load
from reports.sections.ledger import ledger


def figure(folder: Path) -> Figure:
    study = compare([load(folder)])
    found = ledger([(each.cell, run) for each in study.comparisons for run in each.cell.runs])
    assert found is not None
    return found


def many(lab: Any, repeats: int) -> Path:
    found: Path = lab.execution(models=("cnn10",), repeats=repeats, samples=False)
    return found


def test_sixty_runs_are_a_bar_each(lab: Any) -> None:
    found = figure(many(lab, 30))
    assert found.reading.startswith("One bar a run: where its wall time went")
    assert all(f">cpu:threads=2 #{repeat}<" in found.panels[0].svg for repeat in range(1, 31))


def test_more_runs_are_a_bar_a_cell_and_all_are_in_the_table(lab: Any) -> None:
    found = figure(many(lab, 31))
    assert "One bar a cell, since there are more than 60 runs" in found.reading
    assert found.panels[0].svg.count(">cpu:threads=2<") == 1
    assert "#" not in found.panels[0].svg.replace("url(#", "")
    assert found.table is not None
    assert len(found.table.rows) == 62


def test_a_bar_of_a_cell_is_the_mean_of_its_runs(lab: Any) -> None:
    folder = many(lab, 31)
    ledgers = [run.record.timing.ledger for run in load(folder).runs if run.record.timing]
    first = [each.first_epoch_s or 0 for each in ledgers[:31]]
    walls = [sum(value or 0 for value in each.model_dump().values()) for each in ledgers[:31]]
    assert {run.record.spec.device.threads for run in load(folder).runs[:31]} == {1}
    panel = figure(folder).panels[0]
    words = f"cpu:threads=1: first epoch {fmt.seconds(fmean(first))}, mean of 31 runs"
    assert f"<title>{words}</title>" in panel.svg
    assert f"on cpu:threads=1 {fmt.duration(fmean(walls))};" in panel.alternative


def test_no_times_are_no_ledger() -> None:
    assert ledger([]) is None
