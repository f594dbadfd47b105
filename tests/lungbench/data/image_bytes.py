"""Image files byte by byte, where Pillow can't or won't write them."""

import io
import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from PIL import Image

GREY, RGB, PALETTE, GREY_ALPHA = 0, 2, 3, 4  # PNG's colour types

_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
          (0, 1, 1, 2))  # fmt: skip
_LONG = 4


def encoded(image: Image.Image, file_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    """One chunk of a PNG."""
    checksum = struct.pack(">I", zlib.crc32(name + data))
    return struct.pack(">I", len(data)) + name + data + checksum


def png(
    width: int,
    height: int,
    rows: bytes,
    *,
    depth: int = 8,
    colour: int = GREY,
    interlaced: bool = False,
    before: Iterable[bytes] = (),
) -> bytes:
    """A PNG of rows that hold their filter byte; `before` are chunks between header and pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    body = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(before) + body + END


END = chunk(b"IEND", b"")


def unfiltered(pixels: np.ndarray) -> bytes:
    """Rows of a PNG, each after the byte that says that it isn't filtered."""
    return b"".join(b"\0" + np.ascontiguousarray(row).tobytes() for row in pixels)


def interlaced_png(pixels: np.ndarray) -> bytes:
    """A grey PNG of 8 bits in Adam's seven passes."""
    passes = (pixels[y::dy, x::dx] for x, y, dx, dy in _ADAM7)
    rows = b"".join(unfiltered(part) for part in passes)
    return png(pixels.shape[1], pixels.shape[0], rows, interlaced=True)


def packed(values: np.ndarray, bits: int) -> bytes:
    """Rows of small values, packed into bytes from the highest bit on."""
    planes = (values[..., None] >> np.arange(bits)[::-1]) & 1
    return unfiltered(np.packbits(planes.reshape(len(values), -1).astype(np.uint8), axis=1))


def tiff(
    fields: dict[int, int | Sequence[int]],
    blocks: Sequence[bytes],
    *,
    order: str = "<",
    tiled: bool = False,
) -> bytes:
    """A TIFF of one picture in strips or tiles."""
    offsets, counts = (324, 325) if tiled else (273, 279)
    sizes = [len(block) for block in blocks]
    entries = {**fields, offsets: [0] * len(blocks), counts: sizes}
    start = 8 + 2 + 12 * len(entries) + 4
    arrays = sum(4 * len(v) for v in entries.values() if not isinstance(v, int) and len(v) > 1)
    places = np.cumsum([start + arrays, *sizes[:-1]]).tolist()
    entries[offsets] = places
    lists, head = b"", (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    head += struct.pack(f"{order}H", len(entries))
    for tag, value in sorted(entries.items()):
        values = [value] if isinstance(value, int) else list(value)
        told = values[0] if len(values) == 1 else start + len(lists)
        head += struct.pack(f"{order}HHII", tag, _LONG, len(values), told)
        if len(values) > 1:
            lists += struct.pack(f"{order}{len(values)}I", *values)
    return head + struct.pack(f"{order}I", 0) + lists + b"".join(blocks)


def tiff_fields(width: int, height: int, bits: int = 8, **more: int) -> dict[int, int]:
    """The fields of an uncompressed grey TIFF in one strip."""
    photometric = more.get("photometric", 1)
    return {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 277: 1, 278: height}


def jpeg_segment(content: bytes, marker: int) -> int:
    """Where a JPEG's first segment of this kind begins, at its marker."""
    at = 2
    while content[at + 1] != marker:
        at += 2 + int.from_bytes(content[at + 2 : at + 4])
    return at


def changed(content: bytes, at: int, new: bytes) -> bytes:
    """The content with other bytes at a place."""
    return content[:at] + new + content[at + len(new) :]
