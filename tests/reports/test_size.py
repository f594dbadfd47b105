from pathlib import Path
from typing import Any

from papers_matrix import papers_matrix

from reports.comparing.comparison import compare
from reports.comparing.evaluated import evaluated
from reports.drawings.bands import MOST_LINES
from reports.page.render import render
from reports.results.load import load
from reports.sections import sample_images, worst
from reports.sections.curves import curves
from reports.sections.ledger import ledger
from reports.sections.roc import roc

MOST_BYTES = 1_000_000
"""The product's own limit of a page of the paper's matrix: it is sent by e-mail."""


def test_a_page_of_the_papers_matrix_with_twelve_hours_a_run_is_at_most_a_megabyte(
    tmp_path: Path,
) -> None:
    folder = papers_matrix(tmp_path, pixels=True)
    page = render([folder], tmp_path / "report.html")
    assert page.stat().st_size <= MOST_BYTES
    html = page.read_text()
    assert html.count("seconds since the start") == 6  # one timeline a cell
    # Its pictures are among the bytes, and as many as they may be: one more would not fit.
    pictures = [part.partition('"')[0] for part in html.split('src="')[1:]]
    room = worst.MOST_BYTES + sample_images.MOST_BYTES
    assert room - 2 * max(map(len, pictures)) < sum(map(len, pictures)) <= room


def test_several_executions_share_the_room_for_pictures(lab: Any, tmp_path: Path) -> None:
    stamps = [f"2026112{day}T211100Z" for day in (2, 3, 4)]
    folders = [lab.execution(stamp, models=("cnn10",), pixels=True) for stamp in stamps]
    html = render(folders, tmp_path / "report.html").read_text()
    samples = html.partition('<section id="data"')[2].partition("</section>")[0]
    pictures = [part.partition('"')[0] for part in samples.split('src="')[1:]]
    assert len(pictures) >= 3
    assert sum(map(len, pictures)) <= sample_images.MOST_BYTES


def drawn_bytes(folder: Path) -> int:
    """Return what the learning curves, the ROC curves and the time ledger take as drawings."""
    executions = [load(folder)]
    study = compare(executions)
    pairs = [(each.cell, run) for each in study.comparisons for run in each.cell.runs]
    figures = (curves(study), roc(evaluated(study, executions)), ledger(pairs))
    drawings = [panel.svg for each in figures if each for panel in each.panels]
    assert len(drawings) == 1 + 3 + 1  # a cell, its classes, and all runs
    return sum(map(len, drawings))


def test_84_repeats_are_drawn_in_fewer_bytes_than_as_many_as_have_a_line_each(lab: Any) -> None:
    settings: Any = {"models": ("cnn10",), "devices": ("cpu",), "samples": False}
    few = lab.execution(name="few", repeats=MOST_LINES, **settings)
    many = lab.execution(name="many", repeats=84, **settings)
    assert drawn_bytes(many) < drawn_bytes(few)
