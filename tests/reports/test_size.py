from pathlib import Path

from papers_matrix import papers_matrix

from reports.page.render import render

MOST_BYTES = 1_000_000
"""The product's own limit of a page of the paper's matrix: it is sent by e-mail."""


def test_a_page_of_the_papers_matrix_with_twelve_hours_a_run_is_at_most_a_megabyte(
    tmp_path: Path,
) -> None:
    page = render([papers_matrix(tmp_path)], tmp_path / "report.html")
    assert page.stat().st_size <= MOST_BYTES
    assert page.read_text().count("seconds since the start") == 6  # one timeline a cell
