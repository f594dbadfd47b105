from collections import Counter

import numpy as np
import pytest

from lungbench.data.dealing import Images
from lungbench.data.decode import ImageFacts, UnreadableImage
from lungbench.data.file_table import Content, FileTable
from lungbench.data.listing import FoundFile
from lungbench.data.selection import check_usable, drawn, keep_brightness, leave_out_undrawn
from lungbench.errors import DataError


@pytest.fixture
def files() -> FileTable:
    """Two classes of ten images of mean greys 0, 10, 20 and so on."""
    found = FileTable(
        FoundFile(f"{label}/{number}.png", label) for label in "ab" for number in range(10)
    )
    for position in range(20):
        content = Content(bytes([position + 1]) * 32, (1, 2, 3))
        found.enter(position, content, ImageFacts(9, 9, "L", "PNG", 10.0 * (position % 10)))
    return found


def spoil(files: FileTable, *positions: int) -> None:
    for position in positions:
        files.enter_outcome(position, UnreadableImage("cut"))


@pytest.mark.parametrize(("bad", "most"), [(0, 0.0), (1, 0.05), (2, 0.1), (20, 1.0)])
def test_as_much_as_is_allowed_may_be_unusable(files: FileTable, bad: int, most: float) -> None:
    spoil(files, *range(bad))
    check_usable(files, most)


def test_more_is_refused_with_the_first_of_them(files: FileTable) -> None:
    spoil(files, 3, 5, 11, 12)
    with pytest.raises(DataError) as caught:
        check_usable(files, 0.1)
    message = str(caught.value)
    assert "At most 10 % of the images may be unusable" in message
    assert "4 of 20 images; a/3.png: cut; a/5.png: cut; b/1.png: cut; and 1 more" in message


def test_what_was_left_out_by_choice_is_not_unusable(files: FileTable) -> None:
    files.leave_out(np.arange(10), "not drawn")
    check_usable(files, 0.0)


def test_brightness_is_kept_from_the_lower_to_the_upper_level(files: FileTable) -> None:
    keep_brightness(files, (20, 50))
    kept = [file.path for file in files if file.kept]
    assert kept == [f"{label}/{number}.png" for label in "ab" for number in (2, 3, 4, 5)]
    assert files[9].reason == "mean grey 90.0 is outside 20 to 50"
    assert not files.unusable.any()


def test_what_could_not_be_read_keeps_its_reason(files: FileTable) -> None:
    spoil(files, 0)
    keep_brightness(files, (20, 50))
    assert files[0].reason == "cut"


def test_a_class_of_which_nothing_is_left_is_refused_with_its_brightness(files: FileTable) -> None:
    for position in range(10, 20):
        files.enter_outcome(position, ImageFacts(9, 9, "L", "PNG", 200.0 + position))
    with pytest.raises(DataError) as caught:
        keep_brightness(files, (20, 50))
    assert "class b, whose 10 images have mean greys from 210.0 to 219.0" in str(caught.value)
    assert "Expected: 20 to 50" in str(caught.value)


def images_of(counts: dict[str, int], copies: int = 1) -> Images:
    rows = [
        (label, f"{name}{number:063d}")
        for label, (name, count) in enumerate(counts.items())
        for number in range(count)
        for _ in range(copies)
    ]
    labels = np.array([label for label, _ in rows])
    return Images.of(list(counts), labels, [content for _, content in rows], seed=0)


@pytest.mark.parametrize(("per_class", "expected"), [(4, 4), (None, 6)])
def test_equally_many_different_images_of_each_class_are_drawn(
    per_class: int | None, expected: int
) -> None:
    images = images_of({"a": 9, "b": 6}, copies=2)
    chosen = drawn(images, per_class)
    assert Counter(images.labels[chosen].tolist()) == {0: expected, 1: expected}
    assert len(set(images.keys[chosen].tolist())) == 2 * expected


def test_more_than_there_are_is_refused(files: FileTable) -> None:
    with pytest.raises(DataError, match=r"class b with 6 different images\. Expected: at least 7,"):
        drawn(images_of({"a": 9, "b": 6}, copies=2), 7)


def test_what_was_not_drawn_says_how_many_were(files: FileTable) -> None:
    chosen = np.arange(20) % 10 < 3
    leave_out_undrawn(files, np.arange(20), chosen)
    assert files.kept.tolist() == chosen.tolist()
    assert files[19].reason == "not drawn: 3 of 10 images are used"
