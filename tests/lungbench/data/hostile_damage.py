"""Files that promise too much, are torn, are named falsely, or are no files."""

import os
import socket
import struct
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from hostile_case import (
    HEIGHT,
    NO_IMAGE,
    PICTURE,
    RAMP,
    TOO_LARGE,
    WIDTH,
    Case,
    Refused,
    Shown,
)
from image_bytes import (
    END,
    changed,
    chunk,
    encoded,
    jpeg_segment,
    png,
    tiff,
    tiff_fields,
    unfiltered,
)
from PIL import Image


def _bombs() -> Iterator[Case]:
    """Yield headers that promise what no machine should begin to hold."""
    tiny = zlib.compress(b"")
    for side in (9_000, 15_000, 60_000):  # below Pillow's warning, above its error, far above
        yield Case(f"png of {side:,} squared", png(side, side, tiny), Refused(TOO_LARGE))
    yield Case(
        "jpeg of 65,500 squared",
        _jpeg_of(65_500, 65_500),
        Refused(TOO_LARGE),
        ".jpg",
    )
    huge = struct.pack("<HH", 65_535, 65_535)
    gif = changed(changed(encoded(PICTURE, "GIF"), 6, huge), _gif_frame() + 5, huge)
    yield Case("gif of 65,535 squared", gif, Refused(TOO_LARGE), ".gif")
    outgrown = changed(encoded(PICTURE, "GIF"), _gif_frame() + 5, huge)
    yield Case("gif whose frame outgrows it", outgrown, Refused(TOO_LARGE), ".gif")
    wide = struct.pack("<ii", 40_000, 40_000)
    yield Case(
        "bmp of 40,000 squared", changed(encoded(PICTURE, "BMP"), 18, wide), Refused(TOO_LARGE),
        ".bmp",
    )  # fmt: skip
    fields = tiff_fields(60_000, 60_000)
    yield Case("tiff of 60,000 squared", tiff(fields, [b""]), Refused(TOO_LARGE), ".tif")
    yield Case("pgm of 99,999 squared", b"P5 99999 99999 255\n", Refused(TOO_LARGE), ".pgm")
    yield Case("webp of 16,384 squared", _webp_of(16_384), Refused(TOO_LARGE), ".webp")
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 2**22, 9))
    yield Case(
        "png with a text that grows",
        png(WIDTH, HEIGHT, unfiltered(RAMP), before=[text]),
        Refused("damaged: Decompressed data too large for PngImagePlugin.MAX_TEXT_CHUNK"),
    )
    profile = chunk(b"iCCP", b"profile\0\0" + zlib.compress(b"x" * 2**22, 9))
    yield Case(
        "png with a profile that grows",
        png(WIDTH, HEIGHT, unfiltered(RAMP), before=[profile]),
        Refused("damaged: Decompressed data too large for PngImagePlugin.MAX_TEXT_CHUNK"),
    )
    more = unfiltered(RAMP) + b"\0" * 2**24
    yield Case("png of more rows than it says", png(WIDTH, HEIGHT, more), Shown(RAMP, "L", "PNG"))


def _jpeg_of(width: int, height: int) -> bytes:
    content = encoded(PICTURE, "JPEG")
    return changed(content, jpeg_segment(content, 0xC0) + 5, struct.pack(">HH", height, width))


def _gif_frame() -> int:
    content = encoded(PICTURE, "GIF")
    return content.index(b"\x2c\0\0\0\0" + struct.pack("<HH", *PICTURE.size))


def _webp_of(side: int) -> bytes:
    plain = encoded(PICTURE.convert("RGB"), "WEBP", lossless=True)[12:]
    size = (side - 1).to_bytes(3, "little")
    extended = b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + size + size
    body = b"WEBP" + extended + plain
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _small() -> Iterator[Case]:
    few = "pixels; at least 16 a side are needed"
    for width, height in ((15, 400), (400, 15), (1, 1)):
        content = encoded(Image.new("L", (width, height)), "PNG")
        yield Case(f"png {width} x {height}", content, Refused(f"{width} x {height} {few}"))
    yield Case("png without width", png(0, 24, b""), Refused(NO_IMAGE))


def _torn() -> Iterator[Case]:
    """Yield what copying, a full disk or a bad stick leave."""
    whole = {
        name: encoded(PICTURE if name != "WEBP" else PICTURE.convert("RGB"), name)
        for name in ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF")
    }
    for name, content in whole.items():
        suffix = f".{name.lower()}"
        yield Case(f"{name.lower()} of 2 bytes", content[:2], Refused(NO_IMAGE), suffix)
        cut = content[: len(content) * 6 // 10]
        yield Case(f"{name.lower()} cut", cut, Refused(CUT[name]), suffix)
    yield Case("empty", b"", Refused("the file is empty"))
    yield Case("one byte", b"\x89", Refused(NO_IMAGE))
    yield Case("zeros", bytes(5000), Refused(NO_IMAGE))
    png_file = whole["PNG"]
    pixels = png_file.index(b"IDAT")
    yield Case(
        "png with a wrong checksum",
        changed(png_file, pixels + 9, b"\0\0"),
        Refused("damaged: broken PNG file (bad header checksum in b'IDAT')"),
    )
    yield Case(
        "png without pixels",
        png_file[: pixels - 4] + END,
        Refused("damaged: it isn't built as its format says"),
    )
    yield Case("png without an end", png_file[: -len(END)], Refused("damaged: truncated PNG file"))
    yield Case("jpeg without an end", whole["JPEG"][:-2], Refused(_CUT.format(1)), ".jpg")


_CUT = "damaged: image file is truncated ({} bytes not processed)"
CUT = {
    "PNG": "damaged: Truncated File Read",
    "JPEG": "damaged: Truncated File Read",
    "BMP": _CUT.format(24),
    "TIFF": _CUT.format(7),
    "WEBP": "damaged: could not create decoder object",
    "GIF": _CUT.format(198),
}


def _misnamed() -> Iterator[Case]:
    """Yield names that lie: the content decides."""
    yield Case("png named jpg", encoded(PICTURE, "PNG"), Shown(RAMP, "L", "PNG"), ".jpg")
    jpeg = encoded(PICTURE, "JPEG", quality=95)
    yield Case("jpeg named dcm", jpeg, Shown(RAMP, "L", "JPEG", 3), ".dcm")
    yield Case("bmp without a suffix", encoded(PICTURE, "BMP"), Shown(RAMP, "L", "BMP"), "")
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("image.png", encoded(PICTURE, "PNG"))
    zipped = archive.getvalue()
    yield Case("gif that is a zip too", encoded(PICTURE, "GIF") + zipped, GIF, ".gif")
    for name, content in {
        "text": b"an image, honestly\n",
        "html": b"<!DOCTYPE html><img src=x onerror=alert(1)>",
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        "pdf": encoded(PICTURE, "PDF"),
        "postscript": encoded(PICTURE, "EPS"),
        "icon": encoded(PICTURE, "ICO", sizes=[(24, 24)]),
        "tga": encoded(PICTURE, "TGA"),
        "zip": zipped,
        "program": b"\x7fELF" + bytes(999),
        "macOS's folder file": b"\0\0\0\1Bud1" + bytes(999),
        "array": b"\x93NUMPY" + bytes(999),
    }.items():
        yield Case(f"{name} named png", content, Refused(NO_IMAGE))


GIF = Shown(RAMP, "L", "GIF")


def _objects() -> Iterator[Case]:
    """Yield what is no regular file, or none that can be opened."""
    irregular = Refused("not a regular file")
    yield Case("pipe", os.mkfifo, irregular)
    yield Case("socket", _socket, Refused("no such device or address"))
    yield Case("device without end", lambda path: path.symlink_to("/dev/zero"), irregular)
    yield Case("terminal", lambda path: path.symlink_to("/dev/null"), irregular)
    yield Case("folder", Path.mkdir, irregular)
    yield Case("link to itself", _loop, Refused("too many levels of symbolic links"))
    yield Case("link to nothing", lambda path: path.symlink_to("gone"), GONE)
    yield Case("nothing at all", lambda _: None, GONE)
    yield Case("link to a picture", _link, Shown(RAMP, "L", "PNG"))
    yield Case("name too long", lambda _: None, Refused("file name too long"), "x" * 300)
    yield Case("more than 512 MiB", _sparse, Refused("the file is larger than 512 MiB"))


GONE = Refused("no such file or directory")


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        # A socket's whole path holds 108 bytes; the folder of a test may be longer.
        before = Path.cwd()
        os.chdir(path.parent)
        try:
            listening.bind(path.name)
        finally:
            os.chdir(before)


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _link(path: Path) -> None:
    real = path.with_name("real")
    real.write_bytes(encoded(PICTURE, "PNG"))
    path.symlink_to(real)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(513 * 2**20)


DAMAGE: tuple[Case, ...] = (*_bombs(), *_small(), *_torn(), *_misnamed(), *_objects())
