"""Fixtures over the golden result folders of `golden`."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # tests are no package; what they share lies here

from chromium import browser
from golden import CASES, Lab, Rendered, Reports
from npm import axe, html_validate

__all__ = ["axe", "browser", "html_validate"]  # fixtures, for every module here


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path / "results")


@pytest.fixture(scope="session")
def lab_at() -> type[Lab]:
    """The class, for folders that several tests share."""
    return Lab


@pytest.fixture(scope="session")
def reports(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Reports:
    return Reports(made_once)


@pytest.fixture(params=list(CASES))
def rendered(request: pytest.FixtureRequest, reports: Reports) -> Rendered:
    return reports[request.param]
