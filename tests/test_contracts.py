"""What holds across rooms: documented keys, the direction of imports, what may not be committed."""

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from lungbench import job
from lungbench.data.images_csv import COLUMNS
from lungbench.device import Device
from lungbench.record import RECORD_FILE, RunRecord

ROOT = Path(__file__).parents[1]
RUN_FOLDER = (ROOT / "docs" / "run-folder.md").read_text(encoding="utf-8")

_WORDS = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "text",
    datetime: "text",
    Device: "text",
    Literal: "text",
    tuple: "list",
    dict: "object",
}


def _documented_keys() -> dict[str, str]:
    """The type of each key in the tables below `Keys of record.json`."""
    _, tables = RUN_FOLDER.split(f"## Keys of `{RECORD_FILE}`")
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", tables, flags=re.MULTILINE)
    assert len(rows) == len(dict(rows)), "a key stands twice"
    return {key: kind.strip() for key, kind in rows}


def _keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        inner, null = _without_none(field.annotation)
        yield key, _word(inner, name) + (" or null" if null else "")
        for child, step in _models_in(inner):
            yield from _keys_of(child, f"{key}{step}.")


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) not in (Union, UnionType):
        return annotation, False
    known = [each for each in get_args(annotation) if each is not NoneType]
    assert len(known) == 1
    return known[0], True


def _word(annotation: Any, name: str) -> str:
    if name == "schema_version":
        return "integer"  # Literal[1]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "object"
    return _WORDS[get_origin(annotation) or annotation]


def _models_in(annotation: Any) -> Iterator[tuple[type[BaseModel], str]]:
    """Models inside a field, with what a key needs to reach them."""
    steps = {tuple: "[]", dict: ".<class>"}
    for each in (annotation, *get_args(annotation)):
        if isinstance(each, type) and issubclass(each, BaseModel):
            yield each, "" if each is annotation else steps[get_origin(annotation)]


def test_the_documented_record_keys_and_types_are_those_of_the_record() -> None:
    assert _documented_keys() == dict(_keys_of(RunRecord))


def test_every_file_of_a_run_is_documented() -> None:
    files = {value for name, value in vars(job).items() if name.endswith("_FILE")}
    assert files  # else a renamed module would pass unseen
    assert not {name for name in files | {RECORD_FILE} if f"| `{name}` |" not in RUN_FOLDER}


def test_every_column_of_the_image_list_is_documented() -> None:
    row = next(line for line in RUN_FOLDER.splitlines() if line.startswith("| `data_images.csv`"))
    assert re.findall(r"`([a-z0-9_]+)`", row) == list(COLUMNS)


def test_imports_go_one_way() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


# An absolute path of one machine, and the address of a package index: neither travels.
FORBIDDEN = {
    "a home folder": re.compile(r"(?<![\w./~])/(?:home|Users|root)/\w"),
    "a drive": re.compile(r"\b[A-Z]:\\\w"),
    "a package index": re.compile(r"index[-_]url|find[-_]links|trusted[-_]host", re.IGNORECASE),
    "an index's address": re.compile(r"https?://[^\s\"'/]*(?:/[^\s\"']*)?/simple\b"),
}


def _tracked_texts() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("this is no git checkout")
    names = (name for name in listed.stdout.decode().split("\0") if name)
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def _offences(text: str) -> list[str]:
    return [what for what, pattern in FORBIDDEN.items() if pattern.search(text)]


def test_no_tracked_text_names_a_machine_or_a_package_index() -> None:
    found = {}
    for path in _tracked_texts():
        content = path.read_bytes()
        if b"\0" not in content:
            found[str(path.relative_to(ROOT))] = _offences(content.decode(errors="replace"))
    assert len(found) > 10  # the listing works
    assert {name: what for name, what in found.items() if what} == {}


# In pieces, so that this file isn't found by itself.
@pytest.mark.parametrize(
    "pieces",
    [
        ("cd /home", "/ana/lungbench"),
        ('"/Users', '/ana"'),
        ("C:", r"\data"),
        ("--index-", "url https://a.b"),
        ("PIP_FIND_", "LINKS=x"),
        ("PIP_TRUSTED_", "HOST=x"),
        ("https://packages.example", "/repo", "/simple", "/"),
    ],
)
def test_what_names_a_machine_or_a_package_index_is_seen(
    pieces: tuple[str, ...],
) -> None:
    assert _offences("".join(pieces))


@pytest.mark.parametrize(
    "text", ["results/quick/home/x", "https://example.org/home/page", "/dev/null", "a simple path"]
)
def test_ordinary_text_is_not_mistaken_for_one(text: str) -> None:
    assert not _offences(text)
