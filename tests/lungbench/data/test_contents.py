import hashlib
import io
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from lungbench.data import contents
from lungbench.data.contents import Memory, read_contents
from lungbench.data.decode import read_file
from lungbench.data.file_table import FileTable
from lungbench.data.listing import FoundFile, found_files


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files whose bytes are read."""
    read: list[Path] = []

    def counted(path: str) -> tuple[bytes, os.stat_result]:
        read.append(Path(path))
        return read_file(path)

    monkeypatch.setattr(contents, "read_file", counted)
    return read


def table(source: Path, cache: Path, found: Iterable[FoundFile] | None = None) -> FileTable:
    files, memory = FileTable(found or found_files(source)), Memory(cache, source)
    read_contents(source, files, memory)
    memory.keep(files)
    return files


def read(source: Path, cache: Path) -> dict[str, str | None]:
    return {file.path: file.sha256 for file in table(source, cache)}


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


def as_npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


@pytest.mark.parametrize("damage", [b"", b"[1, 2]", as_npy(np.zeros(3)), as_npy(np.zeros(0))[:40]])
def test_a_damaged_memory_is_forgotten(source: Path, tmp_path: Path, damage: bytes) -> None:
    first = read(source, tmp_path)
    (memory,) = tmp_path.glob("seen-*.npy")
    memory.write_bytes(damage)
    assert read(source, tmp_path) == first


def test_a_file_that_cannot_be_read_has_a_reason_and_is_not_remembered(
    source: Path, tmp_path: Path
) -> None:
    (file,) = table(source, tmp_path, [FoundFile("covid/gone.png", "covid")])
    assert (file.sha256, file.reason) == (None, "no such file or directory")
    assert not list(tmp_path.glob("seen-*.npy"))


def test_a_name_that_is_not_text_is_left_out(source: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"covid/f\xe9vrier.png")
    (source / "covid" / "00.png").rename(source / name)
    (file,) = table(source, tmp_path, [FoundFile(name, "covid")])
    assert file.reason == "its name isn't UTF-8; rename it"


def test_other_files_are_forgotten(source: Path, tmp_path: Path, reads: list[Path]) -> None:
    read(source, tmp_path)
    hidden = (source / "covid" / "00.png").rename(tmp_path / "elsewhere.png")
    read(source, tmp_path)
    hidden.rename(source / "covid" / "00.png")
    reads.clear()
    read(source, tmp_path)
    assert reads == [source / "covid" / "00.png"]
