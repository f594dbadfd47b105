import hashlib
import os
from pathlib import Path

import pytest

from lungbench.data import contents
from lungbench.data.contents import Memory, read_contents
from lungbench.data.listing import FoundFile, list_files


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files whose bytes are read."""
    read: list[Path] = []

    def counted(path: Path) -> bytes:
        read.append(path)
        return path.read_bytes()

    monkeypatch.setattr(contents, "read_bytes", counted)
    return read


def read(source: Path, cache: Path) -> dict[str, str | None]:
    files = list_files(source)
    found = read_contents(source, files, Memory(cache, source))
    return {file.path: content.sha256 for file, content in zip(files, found, strict=True)}


def test_the_hash_is_that_of_the_bytes(source: Path, tmp_path: Path) -> None:
    expected = hashlib.sha256((source / "covid" / "00.png").read_bytes()).hexdigest()
    assert read(source, tmp_path)["covid/00.png"] == expected


def test_an_unchanged_file_is_not_read_again(
    source: Path, tmp_path: Path, reads: list[Path]
) -> None:
    first = read(source, tmp_path)
    reads.clear()
    assert read(source, tmp_path) == first
    assert reads == []


def test_a_file_changed_under_its_old_size_and_time_is_read_again(
    source: Path, tmp_path: Path, reads: list[Path]
) -> None:
    path = source / "covid" / "00.png"
    before, status = read(source, tmp_path), path.stat()
    reads.clear()
    path.write_bytes(bytes(status.st_size))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert read(source, tmp_path)["covid/00.png"] != before["covid/00.png"]
    assert reads == [path]


@pytest.mark.parametrize("damage", [b"", b"[1, 2]", b'{"covid/00.png": 7}', b"\xff"])
def test_a_damaged_memory_is_forgotten(source: Path, tmp_path: Path, damage: bytes) -> None:
    first = read(source, tmp_path)
    (memory,) = tmp_path.glob("seen-*.json")
    memory.write_bytes(damage)
    assert read(source, tmp_path) == first


def test_a_file_that_cannot_be_read_has_a_reason_and_is_not_remembered(
    source: Path, tmp_path: Path
) -> None:
    gone = (FoundFile("covid/gone.png", "covid"),)
    (content,) = read_contents(source, gone, Memory(tmp_path, source))
    assert (content.sha256, content.reason) == (None, "no such file or directory")
    assert not list(tmp_path.glob("seen-*.json"))


def test_a_name_that_is_not_text_is_left_out(source: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"covid/f\xe9vrier.png")
    (source / "covid" / "00.png").rename(source / name)
    (content,) = read_contents(source, (FoundFile(name, "covid"),), Memory(tmp_path, source))
    assert content.reason == "its name isn't UTF-8; rename it"
