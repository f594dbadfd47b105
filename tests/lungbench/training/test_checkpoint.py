"""The checkpoint's file: whole or refused, and nothing in it but numbers."""

import json
from pathlib import Path

import numpy as np
import pytest

from lungbench.experiment import RunSpec
from lungbench.job import Spent
from lungbench.record import Epoch
from lungbench.training.checkpoint import (
    Arrays,
    DamagedCheckpoint,
    Header,
    read_checkpoint,
    read_header,
    write_checkpoint,
)

ARRAYS: Arrays = {
    "network/0": np.arange(6, dtype=np.float32).reshape(2, 3),
    "network/1": np.array([7, 8], dtype=np.uint32),
    "optimizer/0": np.array(9, dtype=np.int64),
    "optimizer/1": np.zeros((0, 3), dtype=np.float32),
}


@pytest.fixture
def header(spec: RunSpec) -> Header:
    epoch = Epoch(epoch=1, started_s=1.0, train_s=2.0, images_per_s=6.0, loss=0.1 + 0.2)
    return Header(
        spec=spec,
        data="f" * 64,
        environment={"numpy": np.__version__},
        epochs=(epoch,),
        batches=2,
        spent=Spent(elapsed_s=3.25),
        attempts=1,
    )


@pytest.fixture
def written(header: Header, tmp_path: Path) -> Path:
    path = tmp_path / "checkpoint" / "last.ckpt"
    write_checkpoint(path, header, ARRAYS)
    return path


def test_what_is_written_is_read(written: Path, header: Header) -> None:
    found = read_checkpoint(written)
    assert found.header == header == read_header(written)
    assert found.arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert found.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(found.arrays[name], array)


def test_every_flipped_byte_is_found(written: Path) -> None:
    whole = written.read_bytes()
    for place in range(len(whole)):
        broken = bytearray(whole)
        broken[place] ^= 1 << place % 8
        written.write_bytes(broken)
        with pytest.raises(DamagedCheckpoint):
            read_checkpoint(written)


def test_every_torn_end_is_found(written: Path) -> None:
    whole = written.read_bytes()
    for length in range(len(whole)):
        written.write_bytes(whole[:length])
        with pytest.raises(DamagedCheckpoint, match="must be what was written"):
            read_checkpoint(written)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"lungbench checkpoint 1\n" + b"\xff" * 8])
def test_another_file_has_no_header(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "last.ckpt"
    path.write_bytes(content)
    with pytest.raises(DamagedCheckpoint):
        read_header(path)


def test_an_array_of_objects_is_refused(
    written: Path, header: Header, monkeypatch: pytest.MonkeyPatch
) -> None:
    pickled = json.dumps({"header": header.model_dump(mode="json"), "arrays": [["x", "|O", [1]]]})
    monkeypatch.setattr("lungbench.training.checkpoint.json.dumps", lambda _: pickled)
    write_checkpoint(written, header, {})
    monkeypatch.undo()
    with pytest.raises(DamagedCheckpoint, match="of type"):
        read_checkpoint(written)


def test_a_write_that_fails_leaves_the_one_before(
    written: Path, header: Header, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = written.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lungbench.files.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_checkpoint(written, header, {"network/0": np.ones(3)})
    assert written.read_bytes() == before
    assert [path.name for path in written.parent.iterdir()] == ["last.ckpt"]
