from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lungbench.data import pixels
from lungbench.data.dataset import LABELS_FILE, PIXELS_FILE
from lungbench.data.decode import ImageFacts, NotAnImage, UnreadableImage, decode, sha256
from lungbench.data.pixels import CachedPixels, Source, cached_pixels, new_folder, sweep
from lungbench.errors import DataError

SIZE = 16

Save = Callable[..., Path]


def sources_of(folder: Path) -> list[Source]:
    return sorted(
        Source(path.parent.name, sha256(path.read_bytes()), path) for path in folder.glob("*/*")
    )


def cached(tmp_path: Path, folder: Path, **options: object) -> CachedPixels:
    cache = tmp_path / "cache"
    cache.mkdir(exist_ok=True)
    return cached_pixels(cache, sources_of(folder), SIZE, **options)  # type: ignore[arg-type]


def test_rows_hold_the_decoded_files_in_the_order_of_the_sources(
    source: Path, tmp_path: Path
) -> None:
    folder = cached(tmp_path, source).folder
    images, labels = np.load(folder / PIXELS_FILE), np.load(folder / LABELS_FILE)
    assert (images.dtype, labels.dtype) == (np.uint8, np.int64)
    for row, file in enumerate(sources_of(source)):
        np.testing.assert_array_equal(images[row], decode(file.path, SIZE).pixels)
        assert labels[row] == ["covid", "normal"].index(file.class_name)


def test_what_cannot_be_decoded_leaves_no_gap(source: Path, tmp_path: Path) -> None:
    (source / "covid" / "bad.png").write_bytes(b"not a picture")
    (source / "normal" / "cut.png").write_bytes((source / "normal" / "10.png").read_bytes()[:90])
    found = cached(tmp_path, source)
    images = np.load(found.folder / PIXELS_FILE)
    good = [
        decode(file.path, SIZE).pixels
        for file in sources_of(source)
        if isinstance(found.outcomes[file.sha256], ImageFacts)
    ]
    np.testing.assert_array_equal(images, good)
    assert len(np.load(found.folder / LABELS_FILE)) == 20
    assert {type(outcome) for outcome in found.outcomes.values()} == {
        ImageFacts,
        NotAnImage,
        UnreadableImage,
    }
    assert sorted(path.name for path in found.folder.iterdir()) == [
        "contents.json",
        PIXELS_FILE,
        LABELS_FILE,
    ]


def test_nothing_is_decoded_twice(source: Path, tmp_path: Path) -> None:
    told: list[int] = []
    first = cached(tmp_path, source, progress=lambda done, _: told.append(done))
    assert told == list(range(1, 21))
    assert cached(tmp_path, source, progress=lambda done, _: told.append(done)) == first
    assert len(told) == 20


def test_the_same_files_under_other_names_find_the_cache(source: Path, tmp_path: Path) -> None:
    first = cached(tmp_path, source)
    for path in list(source.glob("*/*")):
        path.rename(path.with_name(f"renamed {path.name}"))
    assert cached(tmp_path, source).folder == first.folder


def test_another_label_another_cache(source: Path, tmp_path: Path) -> None:
    first = cached(tmp_path, source)
    (source / "covid" / "00.png").rename(source / "normal" / "00.png")
    assert cached(tmp_path, source).folder != first.folder


def test_another_decoder_another_cache(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = cached(tmp_path, source)
    monkeypatch.setattr(pixels, "DECODER_VERSION", pixels.DECODER_VERSION + 1)
    assert cached(tmp_path, source).folder != first.folder


@pytest.mark.parametrize("name", [PIXELS_FILE, LABELS_FILE, "contents.json"])
@pytest.mark.parametrize("content", [None, b"", b"{}"])
def test_a_damaged_cache_is_made_again(
    source: Path, tmp_path: Path, name: str, content: bytes | None
) -> None:
    first = cached(tmp_path, source)
    whole = np.load(first.folder / PIXELS_FILE)
    (first.folder / name).unlink()
    if content is not None:
        (first.folder / name).write_bytes(content)
    again = cached(tmp_path, source)
    np.testing.assert_array_equal(np.load(again.folder / PIXELS_FILE), whole)
    assert again.outcomes.keys() == first.outcomes.keys()


def test_a_file_that_changes_after_it_was_hashed_is_noticed(source: Path, tmp_path: Path) -> None:
    sources = sources_of(source)
    (source / "covid" / "00.png").write_bytes(b"something else")
    with pytest.raises(DataError, match=r"covid/00\.png \(its content changed\)"):
        cached_pixels(tmp_path, sources, SIZE)
    assert not list(tmp_path.glob("*pixels*"))


def test_a_source_that_vanishes_is_one_line(source: Path, tmp_path: Path) -> None:
    sources = sources_of(source)
    source.rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="no such file"):
        cached_pixels(tmp_path, sources, SIZE)
    assert not list(tmp_path.glob("*pixels*"))


def test_a_folder_appears_under_its_name_when_it_is_whole(tmp_path: Path) -> None:
    with new_folder(tmp_path / "final") as temporary:
        (temporary / "file").touch()
        assert not (tmp_path / "final").exists()
    assert (tmp_path / "final" / "file").exists()
    assert (tmp_path / "final").stat().st_mode & 0o777 == 0o755


def test_an_interrupted_folder_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with new_folder(tmp_path / "final") as temporary:
            (temporary / "file").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not list(tmp_path.iterdir())


def test_what_killed_processes_left_is_swept_away(tmp_path: Path) -> None:
    (tmp_path / ".pixels-96-ab.x1.tmp" / "deep").mkdir(parents=True)
    (tmp_path / ".seen-ab.json.x1.tmp").touch()
    (tmp_path / "pixels-96-ab").mkdir()
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["pixels-96-ab"]
