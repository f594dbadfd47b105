"""A table in an image folder is told of where it names images, and else nobody is troubled."""

import os
from pathlib import Path

import pytest

from lungbench.data.unread_manifests import UnreadManifest, unread_manifests


@pytest.mark.parametrize(
    ("name", "header", "tells"),
    [
        ("manifest.csv", "path,label\n", ()),
        ("manifest.csv", "\ufefffile;cls;patientid;view;source_repo;bytes\n",
         ("patient", "view", "collection")),
        ("Manifest.TSV", "Image Index\tFinding\tSubset\n", ("split",)),
        ("list.txt", "filename,class", ()),
    ],
)  # fmt: skip
def test_a_manifest_is_known_by_its_header_and_says_what_it_tells(
    tmp_path: Path, name: str, header: str, tells: tuple[str, ...]
) -> None:
    (tmp_path / name).write_text(header, encoding="utf-8")
    assert unread_manifests(tmp_path) == (UnreadManifest(name, tells),)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("ages.csv", b"patient,age\n1,50\n"),
        ("empty.csv", b""),
        ("image.csv", b"\x89PNG\r\n\x1a\n\xff\xfe\x00"),
        ("manifest.json", b"path,label\n"),
    ],
)
def test_what_names_no_images_and_classes_is_no_manifest(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    assert unread_manifests(tmp_path) == ()


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    assert unread_manifests(tmp_path) == ()


def test_where_there_is_no_folder_there_is_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("path,label\n")
    assert unread_manifests(tmp_path / "absent") == ()
    assert unread_manifests(tmp_path / "manifest.csv") == ()


def test_of_many_tables_the_first_are_named(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"{number}.csv").write_text("path,label\n")
    assert [each.name for each in unread_manifests(tmp_path)] == ["0.csv", "1.csv", "2.csv"]
