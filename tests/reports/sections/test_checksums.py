"""Whether a page can be tied to the files it was made of."""

import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from reports.results.load import load
from reports.sections.checksums import checksums


def listed_on(html: str) -> list[str]:
    """The lines of hashes on a page, one list an execution."""
    blocks = re.findall(r"<code>((?:[0-9a-f]{64}  [^\n<]+\n?)+)</code>", html)
    return [unescape(block) for block in blocks]


def test_a_page_lists_every_record_and_what_all_runs_share(reports: Any) -> None:
    [folder] = reports["repeated"].folders
    [block] = listed_on(reports["repeated"].html)
    names = [line[66:] for line in block.splitlines()]
    assert names[:3] == ["experiment.json", "data.json", "data_images.csv"]
    assert names[3:] == sorted(f"runs/{each.name}/record.json" for each in folder.glob("runs/*"))
    assert len(names) == 3 + 18  # three networks on two devices with three repeats


def test_each_execution_of_a_page_has_its_own(reports: Any) -> None:
    assert len(listed_on(reports["two_hosts"].html)) == 2


def test_sha256sum_itself_finds_a_file_that_was_changed(reports: Any, tmp_path: Path) -> None:
    if shutil.which("sha256sum") is None:
        pytest.skip("sha256sum is not installed")
    folder = tmp_path / "copy"
    shutil.copytree(reports["complete"].folders[0], folder)
    [block] = listed_on(reports["complete"].html)
    assert check(folder, block) == []
    record = next(folder.glob("runs/vgg16-cpu.t2-*/record.json"))
    record.write_text(record.read_text().replace('"seed":', '"seed" :'))
    assert check(folder, block) == [f"{record.relative_to(folder)}: FAILED"]


def test_an_execution_without_a_file_has_no_lines(lab: Any) -> None:
    execution = load(lab.execution(change=lambda _: None))
    for path in execution.folder.iterdir():
        path.unlink()
    assert checksums(execution) == ""


def check(folder: Path, block: str) -> list[str]:
    """The lines of `sha256sum --check` that tell of a difference."""
    command = ["sha256sum", "--check", "--quiet", "-"]
    found = subprocess.run(
        command, cwd=folder, input=block + "\n", capture_output=True, text=True, check=False
    )
    return found.stdout.splitlines()
