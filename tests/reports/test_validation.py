"""Every page against the HTML standard, by a validator that isn't ours."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from every_page import KINDS, every_page
from golden import CASES

CONFIGURATION = {"root": True, "extends": ["html-validate:standard", "html-validate:a11y"]}


@pytest.fixture(scope="module")
def pages(reports: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    every = every_page(tmp_path_factory.mktemp("every page"))
    return every | {case: reports[case].page for case in CASES}


def test_every_page_is_valid_html(
    html_validate: Path, pages: dict[str, Path], tmp_path: Path
) -> None:
    assert set(pages) == {*KINDS, *CASES}
    assert problems(html_validate, list(pages.values()), tmp_path) == []


def test_the_validator_finds_what_is_wrong(html_validate: Path, tmp_path: Path) -> None:
    page = tmp_path / "wrong.html"
    page.write_text("<!DOCTYPE html><html lang=en><title>a</title><p id=a><ul id=a></ul>")
    found = {rule for rule, *_ in problems(html_validate, [page], tmp_path)}
    assert "no-dup-id" in found


def problems(program: Path, pages: list[Path], folder: Path) -> list[tuple[str, str, str, int]]:
    """What it finds: rule, message, page and line."""
    configuration = folder / "configuration.json"
    configuration.write_text(json.dumps(CONFIGURATION))
    command = [program, "--config", configuration, "--formatter", "json", *pages]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode in (0, 1), done.stderr
    return [
        (each["ruleId"], each["message"], Path(page["filePath"]).name, each["line"])
        for page in json.loads(done.stdout)
        for each in page["messages"]
    ]
