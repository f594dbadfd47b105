"""Folders that nobody should make and somebody will: each ends as it is told here, in one line.

Every case begins with two classes of ten good images. What it adds is either left out with its
reason, or the whole source is refused; nothing hangs, nothing outside is read, nothing raises
anything but a refusal, and the table of images can be read back.
"""

import contextlib
import csv
import os
import re
import shutil
import socket
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PIL import Image

from lungbench.data.images_csv import IMAGES_FILE
from lungbench.data.prepare import prepare
from lungbench.data.sources import look
from lungbench.errors import DataError
from lungbench.settings import DataSettings

OUT = "a link that leads out of the source"
NOT_TEXT = "its name isn't UTF-8; rename it"
DAMAGED = "not an image, or damaged from the first bytes on"
BASE = 20


@dataclass(frozen=True)
class Case:
    """One hostile folder.

    Attributes:
        name: What is hostile about it.
        make: Adds it to the folder of good images.
        refused: What the refusal says; None where the folder is used.
        left_out: The reason against each path that is left out; the words of a reason will do.
        kept: Paths that are used besides the good images.
        source: What is named as the source, in the folder.
        at_once: Whether it is refused before any file is opened.
    """

    name: str
    make: Callable[[Path], None]
    refused: str | None = None
    left_out: dict[str, str] = field(default_factory=dict)
    kept: tuple[str, ...] = ()
    source: str = ""
    at_once: bool = True


def link(name: str, target: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        (folder / name).symlink_to(target)

    return make


def write(name: str | bytes, content: bytes = b"no picture") -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        path = Path(os.fsdecode(os.fsencode(folder) + b"/" + os.fsencode(name)))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    return make


def named(name: str | bytes, original: str = "covid/00.png") -> Callable[[Path], None]:
    """Give a good image another name, beside the others; copies count once in a split."""

    def make(folder: Path) -> None:
        write(name, (folder / original).read_bytes())(folder)

    return make


def both(*makers: Callable[[Path], None]) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        for maker in makers:
            maker(folder)

    return make


def circle(folder: Path) -> None:
    for one, other in (("x", "y"), ("y", "x")):
        (folder / "covid" / one).mkdir(exist_ok=True)
        (folder / "covid" / other).mkdir(exist_ok=True)
        (folder / "covid" / one / "next").symlink_to(folder / "covid" / other)


def outside(name: str, inner: str) -> Callable[[Path], None]:
    """Link to images that lie beside the source."""

    def make(folder: Path) -> None:
        beside = folder.parent / "secret"
        shutil.copytree(folder / "covid", beside)
        (folder / name).symlink_to(beside / inner)

    return make


def unix_socket(folder: Path) -> None:
    with contextlib.chdir(folder / "covid"), socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.png")  # by a short path: its length is limited


def too_deep(folder: Path) -> None:
    """Nest folders until no path reaches the innermost; 4,096 bytes are the system's limit."""
    with contextlib.chdir(folder / "covid"):
        for _ in range(20):
            Path("d" * 250).mkdir()
            os.chdir("d" * 250)


def sparse(folder: Path) -> None:
    with (folder / "covid" / "huge.png").open("wb") as file:
        file.truncate(600 * 2**20)  # takes no room


def bomb() -> bytes:
    """A PNG of a few bytes that says it has 100,000 x 100,000 pixels."""
    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(99))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def one_pixel(folder: Path) -> None:
    Image.new("L", (1, 1)).save(folder / "covid" / "dot.png")


def cut(folder: Path) -> None:
    content = (folder / "covid" / "00.png").read_bytes()
    (folder / "covid" / "cut.png").write_bytes(content[: len(content) // 2])


def zip_behind(folder: Path) -> None:
    content = (folder / "covid" / "00.png").read_bytes()
    (folder / "covid" / "poly.png").write_bytes(content + b"PK\x03\x04" + bytes(99))


def alone(folder: Path) -> None:
    shutil.rmtree(folder / "normal")


def twice(folder: Path) -> None:
    shutil.rmtree(folder / "normal")
    shutil.copytree(folder / "covid", folder / "normal")


def mostly_bad(folder: Path) -> None:
    for number in range(9):
        (folder / "normal" / f"bad{number}.png").write_bytes(b"cut")


def all_bad(folder: Path) -> None:
    for path in (folder / "normal").iterdir():
        path.write_bytes(b"cut " + path.name.encode())


def two_left(folder: Path) -> None:
    for number in range(12, 20):
        (folder / "normal" / f"{number}.png").unlink()


def into_splits(*names: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        for name in names:
            for label in ("covid", "normal"):
                shutil.copytree(folder / label, folder / "s" / name / label)

    return make


def many_empty(folder: Path) -> None:
    for number in range(300):
        (folder / f"class {number}" / "inner").mkdir(parents=True)


def manifest(*rows: str, header: str = "path,label,patient") -> Callable[[Path], None]:
    """Name all good images, then these rows."""

    def make(folder: Path) -> None:
        good = [
            f"{path.relative_to(folder)},{path.parent.name},P{path.stem}"
            for path in sorted(folder.glob("*/*.png"))
        ]
        (folder / "m.csv").write_text("\n".join([header, *good, *rows]))

    return make


CASES = [
    Case(
        "a link to a file outside", outside("covid/x.png", "00.png"), left_out={"covid/x.png": OUT}
    ),
    Case("a link to a folder outside", outside("covid/x", ""), left_out={"covid/x": OUT}),
    Case("a link to the whole system", link("covid/x", "/"), left_out={"covid/x": OUT}),
    Case(
        "a link to a password file",
        link("covid/x.png", "/etc/passwd"),
        left_out={"covid/x.png": OUT},
    ),
    Case(
        "a link to an endless device",
        link("covid/x.png", "/dev/zero"),
        left_out={"covid/x.png": OUT},
    ),
    Case(
        "a link out by way of ..",
        link("covid/x.png", "../../secret.png"),
        left_out={"covid/x.png": OUT},
    ),
    Case(
        "a class that is a link outside",
        outside("third", ""),
        refused=f"class third with 1 images, none usable; third: {OUT}",
        at_once=False,
    ),
    Case(
        "a link to itself", link("covid/x.png", "x.png"), left_out={"covid/x.png": "symbolic link"}
    ),
    Case(
        "a link to nothing",
        link("covid/x.png", "nothing"),
        left_out={"covid/x.png": "no such file"},
    ),
    Case("a link to its own folder", link("covid/x", "."), left_out={}),
    Case("a link to the source", link("covid/x", ".."), left_out={}),
    Case("folders that link in a circle", circle),
    Case(
        "a link from one class to another",
        link("covid/x", "../normal"),
        refused="class normal with 10 images, none usable; normal/10.png: the same image "
        "stands in covid",
        at_once=False,
    ),
    Case(
        "a class that is a link to another",
        link("third", "covid"),
        refused="class covid with 10 images, none usable",
        at_once=False,
    ),
    Case(
        "a pipe",
        lambda folder: os.mkfifo(folder / "covid/x.png"),
        left_out={"covid/x.png": "not a regular file"},
    ),
    Case("a socket", unix_socket, left_out={"covid/socket.png": "no such device or address"}),
    Case("a folder named like an image", named("covid/x.png/y.png"), kept=("covid/x.png/y.png",)),
    Case("an empty file", write("covid/x.png", b""), left_out={"covid/x.png": "the file is empty"}),
    Case("a text named like an image", write("covid/x.jpg"), left_out={"covid/x.jpg": DAMAGED}),
    Case(
        "a web page named like an image",
        write("covid/x.jpg", b"<html>404"),
        left_out={"covid/x.jpg": DAMAGED},
    ),
    Case("half an image", cut, left_out={"covid/cut.png": "damaged"}),
    Case(
        "a decompression bomb",
        write("covid/x.png", bomb()),
        left_out={"covid/x.png": "million pixels"},
    ),
    Case("a file larger than memory", sparse, left_out={"covid/huge.png": "larger than 512 MiB"}),
    Case("an image of one pixel", one_pixel, left_out={"covid/dot.png": "1 x 1 pixels"}),
    Case("an archive behind an image", zip_behind, kept=("covid/poly.png",)),
    Case(
        "a name from right to left",
        named("covid/\u202egnp.exe.png"),
        kept=("covid/\u202egnp.exe.png",),
    ),
    Case(
        "a name of terminal codes", named("covid/\x1b[2J\x07.png"), kept=("covid/\x1b[2J\x07.png",)
    ),
    Case("a name of several lines", named("covid/a\nb\r\nc.png"), kept=("covid/a\nb\r\nc.png",)),
    Case(
        "a name of markup",
        named('covid/<img src=x onerror="alert(1)">.png'),
        kept=('covid/<img src=x onerror="alert(1)">.png',),
    ),
    Case("a name of separators", named('covid/a,b;"c"\t.png'), kept=('covid/a,b;"c"\t.png',)),
    Case("a name that is an option", named("covid/--help"), kept=("covid/--help",)),
    Case(
        "a name that a shell expands",
        named("covid/$(reboot) ~ *.png"),
        kept=("covid/$(reboot) ~ *.png",),
    ),
    Case("a name of 255 bytes", named(f"covid/{'n' * 251}.png"), kept=(f"covid/{'n' * 251}.png",)),
    Case(
        "two names that look the same",
        both(named("covid/\u00e9.png"), named("covid/e\u0301.png")),
        kept=("covid/\u00e9.png", "covid/e\u0301.png"),
    ),
    Case(
        "a name that is no text",
        named(b"covid/f\xe9v.png"),
        left_out={"covid/f\\udce9v.png": NOT_TEXT},
    ),
    Case(
        "a folder whose name is no text",
        named(b"covid/f\xe9v/x.png"),
        left_out={"covid/f\\udce9v/x.png": NOT_TEXT},
    ),
    Case(
        "a class whose name is no text",
        named(b"f\xe9v/x.png"),
        refused="must be UTF-8. Received: 'f\\udce9v'",
    ),
    Case("paths longer than the system allows", too_deep, refused="File name too long"),
    Case(
        "classes that differ in capitals", write("COVID/x.png"), refused="with 'COVID' and 'covid'"
    ),
    Case("one class alone", alone, refused="at least two classes"),
    Case(
        "classes of the same images",
        twice,
        refused="class covid with 10 images, none usable",
        at_once=False,
    ),
    Case(
        "more than a tenth of bad files",
        mostly_bad,
        refused="9 of 29 images; normal/bad0.png: not an",
        at_once=False,
    ),
    Case(
        "bad files whose names are terminal codes",
        both(*(write(f"covid/\x1b]0;{number}\x07.png") for number in range(9))),
        refused="covid/\\x1b]0;0\\x07.png: not an image",
        at_once=False,
    ),
    Case(
        "a class of bad files",
        all_bad,
        refused="class normal with 10 images, none usable",
        at_once=False,
    ),
    Case(
        "a class too small to split",
        two_left,
        refused="class normal with 2 different images",
        at_once=False,
    ),
    Case(
        "a class of texts",
        write("notes/readme.txt"),
        left_out={"notes/readme.txt": "not an image file"},
    ),
    Case(
        "files of other programs",
        both(write("covid/Thumbs.db"), write("covid/.DS_Store")),
        left_out={"covid/Thumbs.db": "not an image file"},
    ),
    Case("an archive beside the classes", write("images.zip", b"PK\x03\x04")),
    Case("hundreds of empty folders", many_empty),
    Case(
        "splits without one to train",
        into_splits("val", "test"),
        source="s",
        refused="s with test, val",
    ),
    Case("a split beside classes", into_splits("train"), source="s", refused="s with train"),
    Case(
        "a source that is an image",
        lambda _: None,
        source="covid/00.png",
        refused="must be a folder or a manifest",
    ),
    Case(
        "a source that is not there",
        lambda _: None,
        source="nowhere",
        refused="No such file or directory",
    ),
    Case(
        "a manifest that leads out",
        manifest("../secret.png,covid,P"),
        source="m.csv",
        refused="line 22: '../secret.png'",
    ),
    Case(
        "a manifest of missing files",
        manifest("x.png,covid,P"),
        source="m.csv",
        refused="1 missing: x.png (line 22)",
    ),
    Case(
        "a manifest of two labels",
        manifest("covid/00.png,normal,P"),
        source="m.csv",
        refused="which line 2 names too",
    ),
    Case(
        "a manifest without a label",
        manifest(header="path,kind,patient"),
        source="m.csv",
        refused="the columns path, kind, patient",
    ),
    Case(
        "a manifest of a folder",
        manifest("covid,covid,P"),
        source="m.csv",
        left_out={"covid": "not a regular file"},
    ),
    Case(
        "a manifest of noise",
        write("m.csv", bytes(range(256))),
        source="m.csv",
        refused="a table of UTF-8 text",
    ),
    Case(
        "a manifest without rows",
        write("m.csv", b"path,label\n"),
        source="m.csv",
        refused="without a row",
    ),
]


def test_there_are_as_many_as_were_promised() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 30


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_hostile_folder_ends_as_it_is_told(case: Case, source: Path, tmp_path: Path) -> None:
    case.make(source)
    settings = DataSettings(source=str(source / case.source), image_size=16)
    if case.refused:
        _refused(case, settings, tmp_path)
        return
    look(settings)
    data = prepare(settings, cache=tmp_path / "cache", out=tmp_path / "out")
    with (tmp_path / "out" / IMAGES_FILE).open(encoding="utf-8", newline="") as text:
        rows = {row["path"]: row for row in csv.DictReader(text)}
    left_out = {path: row["reason"] for path, row in rows.items() if row["kept"] == "no"}
    assert left_out.keys() == case.left_out.keys()
    for path, words in case.left_out.items():
        assert words in left_out[path]
    assert len(rows) == BASE + len(case.left_out) + len(case.kept)
    assert set(case.kept) <= set(data.paths)


def _refused(case: Case, settings: DataSettings, tmp_path: Path) -> None:
    """See that it is refused in one line, at once where that is possible, leaving nothing."""
    if not case.at_once:
        look(settings)
    with pytest.raises(DataError) as caught:
        prepare(settings, cache=tmp_path / "cache", out=tmp_path / "out")
    message = str(caught.value)
    assert case.refused in message  # type: ignore[operator]
    assert message.isprintable()
    assert not (tmp_path / "out").exists()
    assert not list((tmp_path / "cache").glob(".pixels-*"))
    if case.at_once:
        with pytest.raises(DataError, match=re.escape(message)):
            look(settings)
