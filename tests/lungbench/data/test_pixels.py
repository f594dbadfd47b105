import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lungbench.data import contents, pixels
from lungbench.data.contents import Memory, read_contents
from lungbench.data.dataset import LABELS_FILE, PIXELS_FILE
from lungbench.data.decode import ImageFacts, NotAnImage, UnreadableImage, decode
from lungbench.data.file_table import FileTable
from lungbench.data.index import Progress
from lungbench.data.json_pieces import json_list
from lungbench.data.listing import found_files
from lungbench.data.pixels import CONTENTS_FILE, build_pixels, find_pixels, may_hold

SIZE = 16

Save = Callable[..., Path]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


def built(cache: Path, source: Path, progress: Progress | None = None) -> tuple[Path, FileTable]:
    files = FileTable(found_files(source))
    return build_pixels(cache, source, files, SIZE, progress), files


def found(cache: Path, source: Path) -> tuple[Path | None, FileTable]:
    files = FileTable(found_files(source))
    read_contents(source, files, Memory(cache, source))
    return find_pixels(cache, files, SIZE), files


def test_rows_hold_the_decoded_files_by_class_and_hash(source: Path, cache: Path) -> None:
    folder, files = built(cache, source)
    images, labels = np.load(folder / PIXELS_FILE), np.load(folder / LABELS_FILE)
    assert (images.dtype, labels.dtype) == (np.uint8, np.int64)
    in_order = sorted(files, key=lambda file: (file.class_name, file.sha256))
    for row, file in enumerate(in_order):
        np.testing.assert_array_equal(images[row], decode(source / file.path, SIZE).pixels)
        assert labels[row] == ["covid", "normal"].index(file.class_name)


def test_what_cannot_be_decoded_leaves_no_gap(source: Path, cache: Path) -> None:
    (source / "covid" / "bad.png").write_bytes(b"not a picture")
    (source / "normal" / "cut.png").write_bytes((source / "normal" / "10.png").read_bytes()[:90])
    folder, files = built(cache, source)
    order = files.row_order().tolist()
    outcomes = [files.outcome(position) for position in order]
    good = [
        decode(source / files.paths[position], SIZE).pixels
        for position, outcome in zip(order, outcomes, strict=True)
        if isinstance(outcome, ImageFacts)
    ]
    np.testing.assert_array_equal(np.load(folder / PIXELS_FILE), good)
    assert len(np.load(folder / LABELS_FILE)) == 20
    assert set(map(type, outcomes)) == {ImageFacts, NotAnImage, UnreadableImage}
    names = sorted(path.name for path in folder.iterdir())
    assert names == [CONTENTS_FILE, PIXELS_FILE, LABELS_FILE]


def test_each_file_is_read_once(source: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    whole = contents.read_file
    monkeypatch.setattr(contents, "read_file", lambda path: read.append(path) or whole(path))
    built(cache, source)
    assert sorted(read) == sorted(map(str, source.glob("*/*.png")))


def test_the_files_that_pixels_were_built_from_find_them(source: Path, cache: Path) -> None:
    (source / "covid" / "bad.png").write_bytes(b"not a picture")
    (source / "normal" / "empty.png").touch()
    folder, files = built(cache, source)
    again, files_again = found(cache, source)
    assert again == folder
    assert list(files_again) == list(files)


def test_progress_is_told_up_to_the_last_file(source: Path, cache: Path) -> None:
    told: list[tuple[int, int]] = []
    built(cache, source, lambda done, total: told.append((done, total)))
    assert told == [(done, 20) for done in range(1, 21)]


def test_only_a_cache_of_this_size_may_hold_the_pixels(source: Path, cache: Path) -> None:
    assert not may_hold(cache, SIZE)
    built(cache, source)
    assert may_hold(cache, SIZE)
    assert not may_hold(cache, SIZE + 1)


def test_the_same_files_under_other_names_find_the_cache(source: Path, cache: Path) -> None:
    folder, _ = built(cache, source)
    for path in list(source.glob("*/*")):
        path.rename(path.with_name(f"renamed {path.name}"))
    assert found(cache, source)[0] == folder


def test_another_label_another_cache(source: Path, cache: Path) -> None:
    folder, _ = built(cache, source)
    (source / "covid" / "00.png").rename(source / "normal" / "00.png")
    assert found(cache, source)[0] is None
    assert built(cache, source)[0] != folder


def test_another_decoder_another_cache(
    source: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = built(cache, source)
    monkeypatch.setattr(pixels, "DECODER_VERSION", pixels.DECODER_VERSION + 1)
    assert found(cache, source)[0] is None
    assert built(cache, source)[0] != folder


@pytest.mark.parametrize("name", [PIXELS_FILE, LABELS_FILE, CONTENTS_FILE])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"[]", b"[7]"])
def test_a_damaged_cache_is_not_found_and_made_again(
    source: Path, cache: Path, name: str, content: bytes | None
) -> None:
    folder, _ = built(cache, source)
    whole = np.load(folder / PIXELS_FILE)
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    assert found(cache, source)[0] is None
    assert built(cache, source)[0] == folder
    np.testing.assert_array_equal(np.load(folder / PIXELS_FILE), whole)


def test_a_file_that_changes_is_hashed_as_it_is_decoded(source: Path, cache: Path) -> None:
    files = FileTable(found_files(source))
    read_contents(source, files, Memory(cache, source))
    (source / "covid" / "00.png").write_bytes((source / "normal" / "10.png").read_bytes())
    folder = build_pixels(cache, source, files, SIZE)
    assert files[0].sha256 == files[10].sha256
    order = files.row_order().tolist()
    images = np.load(folder / PIXELS_FILE)
    np.testing.assert_array_equal(images[order.index(0)], images[order.index(10)])


def test_a_build_that_fails_leaves_nothing(
    source: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pixels, "_write_outcomes", full)
    with pytest.raises(OSError, match="No space"):
        built(cache, source)
    assert not list(cache.iterdir())


@pytest.mark.parametrize("length", [0, 1, 1023, 1024, 1025, 3000])
def test_a_list_in_pieces_is_the_json_of_the_list(length: int) -> None:
    items = [("a, b", None, number) for number in range(length)]
    assert "".join(json_list(iter(items))) == json.dumps(items)
