import base64
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lungbench.data.contact_sheet import (
    PER_SHEET,
    SIDE,
    ContactSheet,
    Thumbnail,
    class_sheets,
    discarded_sheets,
    evenly,
    within,
)
from lungbench.data.inspect import Brightness, Inspection

Save = Callable[..., Path]


def opened(thumbnail: Thumbnail) -> Image.Image:
    head, content = thumbnail.data_uri.split(",")
    assert head == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(content)))


@pytest.mark.parametrize(
    ("size", "shown"),
    [((400, 200), (96, 48)), ((20, 40), (48, 96)), ((96, 96), (96, 96)), ((2000, 16), (96, 1))],
)
def test_a_picture_keeps_its_shape_and_fits_its_place(
    source: Path, size: tuple[int, int], shown: tuple[int, int]
) -> None:
    Image.new("RGB", size, (200, 200, 200)).save(source / "covid" / "00.png")
    first = class_sheets(Inspection.of(source), 9)[0].thumbnails[0]
    assert (first.width, first.height) == opened(first).size == shown
    assert max(shown) == SIDE
    assert np.abs(np.asarray(opened(first)).astype(int) - 200).max() <= 2
    assert (first.path, first.mean_grey) == ("covid/00.png", 200)


def test_each_class_has_a_sheet_of_what_is_kept(source: Path) -> None:
    (source / "covid" / "torn.png").write_bytes(b"")
    covid, normal = class_sheets(Inspection.of(source), 9)
    assert (covid.title, covid.files, len(covid.thumbnails)) == ("covid", 10, 10)
    assert (normal.title, normal.files, len(normal.thumbnails)) == ("normal", 10, 10)
    assert [sheet.title for sheet in class_sheets(Inspection.of(source), 1)] == ["covid"]


def test_a_large_class_is_drawn_from_evenly(save_image: Save, tmp_path: Path) -> None:
    for number in range(3 * PER_SHEET):
        save_image(f"covid/{number:03d}.png", number)
    save_image("normal/a.png", 999)
    covid, _ = class_sheets(Inspection.of(tmp_path / "source"), 9)
    assert [each.path for each in covid.thumbnails] == [
        f"covid/{number:03d}.png" for number in range(1, 3 * PER_SHEET, 3)
    ]


def test_what_is_discarded_stands_under_its_reason_the_most_frequent_first(source: Path) -> None:
    (source / "covid" / "torn.png").write_bytes(b"")
    shutil.copy(source / "covid" / "00.png", source / "normal" / "00.png")
    dark, *others = discarded_sheets(Inspection.of(source, Brightness(200, 201)), 9)
    assert (dark.title, dark.files, len(dark.thumbnails)) == ("darker than 200", 19, 19)
    shown = {sheet.title: (len(sheet.thumbnails), sheet.paths) for sheet in others}
    assert shown == {
        "the same image stands in normal": (1, ()),
        "the same image stands in covid": (1, ()),
        "the file is empty": (0, ("covid/torn.png",)),
    }


def test_many_reasons_share_the_last_sheet(source: Path) -> None:
    for number in range(4):
        Image.new("L", (10, 10 + number)).save(source / "covid" / f"small{number}.png")
    sheets = discarded_sheets(Inspection.of(source), 2)
    assert [(sheet.title, sheet.files) for sheet in sheets][1] == ("3 other reasons", 3)


def test_nothing_discarded_is_no_sheet(source: Path) -> None:
    assert discarded_sheets(Inspection.of(source), 9) == ()


def test_an_image_that_is_gone_by_now_is_left_out(source: Path) -> None:
    found = Inspection.of(source)
    (source / "covid" / "00.png").unlink()
    assert len(class_sheets(found, 9)[0].thumbnails) == 9


@given(st.integers(0, 300), st.integers(1, 30))
def test_an_even_draw_is_in_order_without_repeats(files: int, most: int) -> None:
    drawn = evenly(range(files), most)
    assert drawn == sorted(set(drawn))
    assert len(drawn) == min(files, most)
    gaps = np.diff([-1, *drawn, files])
    if files > most:
        assert gaps.max() <= 2 * -(-files // most)


def test_sheets_shrink_evenly_until_they_fit_a_page() -> None:
    picture = Thumbnail("a.png", 96, 96, 100.0, bytes(300))
    whole = (ContactSheet("a", 24, (picture,) * 24), ContactSheet("b", 8, (picture,) * 8))
    length = len(picture.data_uri)
    assert within(whole, 32 * length) == whole
    halved = within(whole, 31 * length)
    assert [len(sheet.thumbnails) for sheet in halved] == [12, 4]
    assert [sheet.files for sheet in halved] == [24, 8]
    assert all(not sheet.thumbnails for sheet in within(whole, length - 1))
