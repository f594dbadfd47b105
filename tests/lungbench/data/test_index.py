import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from lungbench.data.index import index
from lungbench.errors import DataError

Save = Callable[..., Path]


def reasons(folder: Path) -> dict[str, str | None]:
    return {file.path: file.reason for file in index(folder).files}


def test_every_file_gets_its_facts(source: Path) -> None:
    file = index(source).files[0]
    content = (source / "covid" / "00.png").read_bytes()
    assert (file.path, file.class_name, file.size_bytes) == ("covid/00.png", "covid", len(content))
    assert file.facts is not None
    assert (file.facts.width, file.facts.mode, file.facts.format) == (24, "L", "PNG")
    assert file.kept


@pytest.mark.parametrize("name", ["Thumbs.db", "notes.txt", "no_suffix"])
def test_a_file_that_is_no_image_is_named_and_not_counted_as_one(source: Path, name: str) -> None:
    (source / "covid" / name).write_text("not a picture")
    found = index(source)
    assert {file.path: file.reason for file in found.files}[f"covid/{name}"] == "not an image file"
    assert found.images_found == 20


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"not a picture", "not an image, or damaged from the first bytes on"),
    ],
)
def test_a_file_named_like_an_image_is_counted_and_left_out(
    source: Path, content: bytes, reason: str
) -> None:
    (source / "covid" / "bad.png").write_bytes(content)
    found = index(source)
    assert {file.path: file.reason for file in found.files}["covid/bad.png"] == reason
    assert (found.images_found, len(found.kept)) == (21, 20)


def test_an_image_without_a_suffix_is_one(source: Path) -> None:
    (source / "covid" / "00.png").rename(source / "covid" / "scan")
    assert reasons(source)["covid/scan"] is None


def test_a_pipe_and_a_broken_link_are_left_out(source: Path) -> None:
    os.mkfifo(source / "covid" / "pipe.png")
    (source / "covid" / "link.png").symlink_to("nowhere")
    found = reasons(source)
    assert found["covid/pipe.png"] == "not a regular file"
    assert found["covid/link.png"] == "no such file or directory"


def test_the_same_image_in_two_classes_is_left_out_of_both(source: Path) -> None:
    shutil.copy(source / "covid" / "00.png", source / "normal" / "copy.png")
    found = reasons(source)
    assert found["covid/00.png"] == "the same image stands in normal"
    assert found["normal/copy.png"] == "the same image stands in covid"


def test_the_same_image_twice_in_one_class_is_kept(source: Path) -> None:
    shutil.copy(source / "covid" / "00.png", source / "covid" / "copy.png")
    assert reasons(source)["covid/copy.png"] is None


def test_an_unreadable_class_is_refused_with_an_example(source: Path) -> None:
    (source / "pneumonia").mkdir()
    (source / "pneumonia" / "1.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"class pneumonia with 1 images, none usable.*1\.jpg: the"):
        index(source)


def test_a_folder_of_other_files_is_no_class(source: Path) -> None:
    (source / "scripts").mkdir()
    (source / "scripts" / "convert.py").write_text("pass")
    assert index(source).classes == ("covid", "normal")


def test_one_class_of_images_beside_other_files_is_refused(source: Path) -> None:
    shutil.rmtree(source / "normal")
    (source / "scripts").mkdir()
    (source / "scripts" / "convert.py").write_text("pass")
    with pytest.raises(DataError, match="at least two classes"):
        index(source)


def test_any_number_of_classes_works(tmp_path: Path, save_image: Save) -> None:
    for number in range(7):
        save_image(f"class {number}/image.png", number)
    assert len(index(tmp_path / "source").classes) == 7


def test_progress_is_told_up_to_the_last_file(source: Path) -> None:
    told: list[tuple[int, int]] = []
    index(source, lambda done, total: told.append((done, total)))
    assert told == [(done, 20) for done in range(1, 21)]


def test_pillows_advice_about_a_file_is_not_shown(source: Path) -> None:
    # Its EXIF block is cut short, which Pillow warns of; here, warnings are errors.
    exif = b"Exif\0\0II*\0\x08\0\0\0\x05\0"
    Image.new("L", (24, 24)).save(source / "covid" / "advice.jpg", exif=exif)
    assert reasons(source)["covid/advice.jpg"] is None
