"""The list of hashes that protects what no record can."""

import hashlib
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lungbench.executions import seal as module
from lungbench.executions.seal import SEAL_FILE, BrokenSeal, read_seal, seal, unseal

NAMES = ["experiment.json", "runs/a/record.json"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files, sealed."""
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    seal(tmp_path, NAMES)
    return tmp_path


def test_every_file_is_listed_with_its_hash(folder: Path) -> None:
    expected = {name: hashlib.sha256(name.encode()).hexdigest() for name in NAMES}
    assert read_seal(folder) == expected


def test_threads_that_end_at_once_are_all_listed(tmp_path: Path) -> None:
    names = [f"{number}.json" for number in range(200)]
    for name in names:
        (tmp_path / name).write_text(name)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: seal(tmp_path, [name]), names))
    assert set(read_seal(tmp_path)) == set(names)


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs coreutils")
def test_sha256sum_reads_the_list_and_agrees(folder: Path) -> None:
    command = ["sha256sum", "--check", "--strict", SEAL_FILE]
    end = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (end.returncode, end.stderr) == (0, "")
    assert end.stdout.splitlines() == [f"{name}: OK" for name in NAMES]


def test_a_flipped_bit_anywhere_in_the_list_is_seen(folder: Path) -> None:
    whole = (folder / SEAL_FILE).read_bytes()
    for place in range(len(whole)):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << place % 8
        (folder / SEAL_FILE).write_bytes(flipped)
        with pytest.raises(BrokenSeal):
            read_seal(folder)


def test_a_list_that_ends_early_is_seen(folder: Path) -> None:
    whole = (folder / SEAL_FILE).read_bytes()
    for length in range(len(whole)):
        (folder / SEAL_FILE).write_bytes(whole[:length])
        with pytest.raises(BrokenSeal):
            read_seal(folder)


def test_a_file_is_taken_out_before_it_is_written_and_put_back_afterwards(folder: Path) -> None:
    unseal(folder, [NAMES[0], "never there"])
    assert list(read_seal(folder)) == [NAMES[1]]
    (folder / NAMES[0]).write_text("new")
    seal(folder, NAMES[:1])
    assert read_seal(folder)[NAMES[0]] == hashlib.sha256(b"new").hexdigest()


def test_where_nothing_is_sealed_nothing_is_written(tmp_path: Path) -> None:
    assert read_seal(tmp_path) == {}
    unseal(tmp_path, NAMES)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_no_line_that_does_not_fit(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_atomically", full)
    unseal(folder, NAMES[:1])
    assert read_seal(folder) == {}
