from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungbench.data.decode import ImageFacts, NotAnImage, UnreadableImage
from lungbench.data.file_table import Content, FileTable, IndexedFile, Outcome
from lungbench.data.listing import FoundFile

FACTS = st.builds(
    ImageFacts,
    width=st.integers(16, 2**20),
    height=st.integers(16, 2**20),
    mode=st.sampled_from(["L", "RGB", "I;16"]),
    format=st.sampled_from(["PNG", "JPEG"]),
    mean_grey=st.floats(0, 255),
)
CONTENTS = st.builds(
    Content,
    # Zeros at the end are what numpy cuts off.
    sha256=st.binary(min_size=32, max_size=32).filter(any)
    | st.binary(min_size=1, max_size=31).filter(any).map(lambda start: start.ljust(32, b"\0")),
    stamp=st.tuples(*3 * [st.integers(0, 2**62)]),
)
GREY = ImageFacts(40, 30, "L", "PNG", 1.5)


def table(*paths: str) -> FileTable:
    return FileTable(FoundFile(path, path.split("/")[0]) for path in sorted(paths))


def content(number: int) -> Content:
    return Content(bytes([number]) * 32, (1, 2, 3))


def with_contents(**numbers: int) -> FileTable:
    """A table of decoded files; `a1=7` is the file a/1.png with content 7."""
    files = table(*(f"{name[0]}/{name[1:]}.png" for name in numbers))
    for position, name in enumerate(sorted(numbers)):
        files.enter(position, content(numbers[name]), GREY)
    return files


@settings(max_examples=60)
@given(st.lists(st.tuples(CONTENTS, FACTS | st.sampled_from(["cut", "odd"])), min_size=1))
def test_what_is_entered_is_what_is_told(entries: list[tuple[Content, ImageFacts | str]]) -> None:
    files = table(*(f"a/{number:03d}.png" for number in range(len(entries))))
    for position, (held, found) in enumerate(entries):
        outcome = UnreadableImage(found) if isinstance(found, str) else found
        files.enter(position, held, outcome)
    told: Iterator[IndexedFile] = iter(files)
    for number, (held, found) in enumerate(entries):
        facts, reason = (None, found) if isinstance(found, str) else (found, None)
        head = (f"a/{number:03d}.png", "a", held.sha256.hex(), held.stamp[0])
        assert next(told) == IndexedFile(*head, facts, reason)


def test_nothing_is_known_at_first() -> None:
    assert table("a/1.png")[0] == IndexedFile("a/1.png", "a", None, None, None, None)


def test_what_was_known_is_forgotten_when_a_file_is_entered_again() -> None:
    files = with_contents(a1=1)
    files.enter(0, None, UnreadableImage("gone"))
    assert files[0] == IndexedFile("a/1.png", "a", None, None, None, "gone")
    files.enter(0, content(2), GREY)
    assert (files[0].facts, files[0].reason) == (GREY, None)


@pytest.mark.parametrize(
    ("path", "error", "reason"),
    [
        ("a/1.png", NotAnImage("no image"), "no image"),
        ("a/1.JPEG", NotAnImage("no image"), "no image"),
        ("a/1.db", NotAnImage("no image"), "not an image file"),
        ("a/1.db", UnreadableImage("cut"), "cut"),
    ],
)
def test_a_file_is_an_image_by_name_or_by_content(
    path: str, error: UnreadableImage, reason: str
) -> None:
    files = table(path)
    files.enter(0, content(1), error)
    assert files[0].reason == reason
    assert files.images.tolist() == [reason != "not an image file"]


@pytest.mark.parametrize("outcome", [GREY, UnreadableImage("cut"), NotAnImage("no image")])
def test_what_came_of_decoding_does_not_depend_on_the_name(outcome: Outcome) -> None:
    files = table("a/1.db")
    files.enter(0, content(1), outcome)
    again = files.outcome(0)
    assert type(again) is type(outcome)
    assert str(again) == str(outcome)


def test_a_file_that_was_not_decoded_has_no_outcome() -> None:
    with pytest.raises(LookupError, match=r"a/1\.png"):
        table("a/1.png").outcome(0)


def test_rows_are_by_class_and_hash_and_need_a_content() -> None:
    files = with_contents(a1=9, a2=3, a3=9, b1=5, b2=1)
    files.enter(3, None, UnreadableImage("gone"))
    assert files.row_order().tolist() == [1, 0, 2, 4]


def test_content_in_two_classes_is_left_out_of_both() -> None:
    files = with_contents(a1=1, a2=2, a3=2, b1=2, b2=3, c1=2, c2=1, c3=4)
    files.leave_out_contradictions()
    assert {file.path: file.reason for file in files if file.reason} == {
        "a/1.png": "the same image stands in c",
        "a/2.png": "the same image stands in b, c",
        "a/3.png": "the same image stands in b, c",
        "b/1.png": "the same image stands in a, c",
        "c/1.png": "the same image stands in a, b",
        "c/2.png": "the same image stands in a",
    }
    assert files.kept.tolist() == [False, False, False, False, True, False, False, True]
    assert files.decoded.all()


def test_a_copy_in_the_same_class_contradicts_nothing() -> None:
    files = with_contents(a1=1, a2=1, b1=2)
    files.leave_out_contradictions()
    assert files.kept.all()


def test_useless_content_in_two_classes_keeps_its_reason() -> None:
    files = with_contents(a1=1, b1=1)
    for position in range(2):
        files.enter(position, content(1), UnreadableImage("cut"))
    files.leave_out_contradictions()
    assert [file.reason for file in files] == ["cut", "cut"]


def test_classes_are_those_of_the_chosen_files() -> None:
    files = with_contents(a1=1, b1=2, c1=3)
    assert files.class_names == ("a", "b", "c")
    assert files.classes(np.array([True, False, True])) == ("a", "c")


def test_a_name_that_is_not_text_is_told_as_text() -> None:
    assert table("a/f\udce9v.png")[0].path == "a/f\\udce9v.png"
