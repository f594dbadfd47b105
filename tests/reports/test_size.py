from pathlib import Path
from typing import Any

from papers_matrix import papers_matrix

from reports.page.render import render
from reports.sections import sample_images, worst

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
