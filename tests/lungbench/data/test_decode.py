import contextlib
import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lungbench.data import decode as decoder
from lungbench.data.decode import (
    NotAnImage,
    UnreadableImage,
    decode,
    decode_bytes,
    examine_bytes,
    read_bytes,
)

HEIGHT, WIDTH = 40, 60
RAMP = np.linspace(0, 255, HEIGHT * WIDTH).astype(np.uint8).reshape(HEIGHT, WIDTH)
NOISE = np.random.default_rng(0).integers(0, 256, (90, 90), dtype=np.uint8)


def encoded(image: Image.Image, file_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def grey(content: bytes) -> np.ndarray:
    """The picture at its own size, so that resizing doesn't hide the conversion."""
    return np.asarray(decoder.grey_of_bytes(content)[0])


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "CMYK", "YCbCr"])
def test_every_colour_layout_of_a_grey_picture_decodes_to_the_same_grey(mode: str) -> None:
    content = encoded(Image.fromarray(RAMP).convert(mode), "TIFF")
    assert examine_bytes(content).mode == mode
    np.testing.assert_allclose(grey(content), RAMP, atol=1)


def test_a_palette_is_looked_up() -> None:
    image = Image.fromarray((RAMP > 127).astype(np.uint8)).convert("P")
    image.putpalette([200, 200, 200, 10, 10, 10])
    assert set(np.unique(grey(encoded(image, "PNG")))) == {10, 200}


def test_one_bit_pixels_are_black_and_white() -> None:
    image = Image.fromarray(RAMP > 127)
    assert set(np.unique(grey(encoded(image, "PNG")))) == {0, 255}


def test_colours_are_weighed_as_the_paper_does() -> None:
    # ITU-R 601-2, which Pillow's convert("L") documents: 0.299 R + 0.587 G + 0.114 B.
    image = Image.new("RGB", (20, 20), (255, 0, 0))
    assert np.all(np.abs(grey(encoded(image, "PNG")) - 0.299 * 255) <= 1)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_what_is_transparent_is_black_whatever_colour_hides_beneath(mode: str) -> None:
    image = Image.new("RGBA", (20, 20), (255, 255, 255, 0)).convert(mode)
    assert grey(encoded(image, "PNG")).max() == 0


def test_half_transparent_white_is_half_grey() -> None:
    image = Image.new("RGBA", (20, 20), (255, 255, 255, 128))
    assert np.all(np.abs(grey(encoded(image, "PNG")).astype(int) - 128) <= 1)


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_are_scaled_and_not_clipped_to_white(file_format: str) -> None:
    # 257 * v is what 16 bits call the grey v of 8 bits: 65535 / 255 = 257.
    deep = Image.fromarray(RAMP.astype(np.uint16) * 257)
    np.testing.assert_array_equal(grey(encoded(deep, file_format)), RAMP)


def test_a_tiff_of_twelve_bits_is_scaled_by_its_own_range() -> None:
    # Two pixels of 12 bits in three bytes: 0 and 4095, black and white.
    side = 16
    pixels = b"\x00\x0f\xff" * (side * side // 2)
    tags = [
        (256, side),
        (257, side),
        (258, 12),
        (259, 1),
        (262, 1),
        (273, 0),
        (277, 1),
        (278, side),
    ]
    tags.append((279, len(pixels)))
    start = 8 + 2 + 12 * len(tags) + 4
    fields = [(tag, start if tag == 273 else value) for tag, value in tags]
    content = b"II*\0" + struct.pack("<IH", 8, len(fields))
    content += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields)
    content += struct.pack("<I", 0) + pixels
    np.testing.assert_array_equal(grey(content), np.tile([0, 255], (side, side // 2)))


def test_a_deep_tiff_that_stores_white_as_zero_is_inverted() -> None:
    deep = Image.fromarray((65535 - RAMP.astype(np.uint16) * 257).astype(np.uint16))
    content = encoded(deep, "TIFF", tiffinfo={262: 0})
    assert np.abs(grey(content).astype(int) - RAMP).max() <= 1


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_pixels_without_a_stated_range_are_refused(dtype: type) -> None:
    with pytest.raises(UnreadableImage, match="range"):
        decode_bytes(encoded(Image.fromarray(RAMP.astype(dtype)), "TIFF"), 16)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_the_exif_orientation_is_applied(file_format: str) -> None:
    top_white = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    top_white[: HEIGHT // 2] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # EXIF: the first row is the picture's right-hand side
    content = encoded(Image.fromarray(top_white), file_format, exif=exif)
    decoded = decode_bytes(content, 16)
    assert (decoded.facts.width, decoded.facts.height) == (HEIGHT, WIDTH)
    assert decoded.pixels[:, 0].max() <= 2
    assert decoded.pixels[:, -1].min() >= 253


def test_a_garbled_exif_block_does_not_cost_the_image() -> None:
    content = encoded(Image.fromarray(RAMP), "JPEG", exif=b"Exif\0\0garbage, no TIFF header")
    assert decode_bytes(content, 16).facts.width == WIDTH


def test_the_facts_are_those_of_the_original() -> None:
    facts = examine_bytes(encoded(Image.fromarray(RAMP).convert("RGB"), "PNG"))
    assert (facts.width, facts.height, facts.mode, facts.format) == (WIDTH, HEIGHT, "RGB", "PNG")
    assert facts.mean_grey == pytest.approx(RAMP.mean(), abs=1e-3)


@settings(max_examples=25)
@given(
    width=st.integers(16, 90),
    height=st.integers(16, 90),
    value=st.integers(0, 255),
    size=st.integers(16, 64),
)
def test_a_flat_picture_of_any_shape_becomes_a_flat_square(
    width: int, height: int, value: int, size: int
) -> None:
    decoded = decode_bytes(encoded(Image.new("L", (width, height), value), "PNG"), size)
    assert decoded.pixels.shape == (size, size)
    assert decoded.pixels.dtype == np.uint8
    assert np.all(decoded.pixels == value)


def test_reducing_averages_instead_of_dropping_pixels() -> None:
    # A checkerboard of single pixels is grey from afar; nearest neighbour would be 0 or 255.
    board = (np.indices((256, 256)).sum(axis=0) % 2 * 255).astype(np.uint8)
    pixels = decode_bytes(encoded(Image.fromarray(board), "PNG"), 32).pixels
    assert np.all(np.abs(pixels.astype(int) - 127) <= 2)


def test_the_picture_is_stretched_and_keeps_its_corners() -> None:
    wide = np.zeros((32, 128), np.uint8)
    wide[:, 96:] = 255
    pixels = decode_bytes(encoded(Image.fromarray(wide), "PNG"), 32).pixels
    np.testing.assert_array_equal(pixels[:, :22].max(), 0)
    np.testing.assert_array_equal(pixels[:, 26:].min(), 255)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "PPM"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.99])
def test_a_truncated_file_is_refused(file_format: str, share: float) -> None:
    content = encoded(Image.fromarray(NOISE), file_format)
    with pytest.raises(UnreadableImage, match="damaged"):
        decode_bytes(content[: int(share * len(content))], 16)


@settings(max_examples=40)
@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_any_changed_byte_of_a_png_is_noticed(place: float, flip: int) -> None:
    content = bytearray(encoded(Image.fromarray(NOISE), "PNG"))
    content[int(place * (len(content) - 12))] ^= flip  # the last 12 bytes hold no pixels
    with pytest.raises(UnreadableImage):
        decode_bytes(bytes(content), 16)


@settings(max_examples=60)
@given(
    st.sampled_from(["PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "PPM"]),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=30),
)
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_a_garbled_file_is_decoded_or_refused_but_never_crashes(
    file_format: str, changes: list[tuple[float, int]]
) -> None:
    content = bytearray(encoded(Image.fromarray(NOISE), file_format))
    for place, value in changes:
        content[int(place * len(content))] = value
    with contextlib.suppress(UnreadableImage):
        assert decode_bytes(bytes(content), 16).pixels.shape == (16, 16)


@pytest.mark.parametrize("content", [b"", b"\x89PNG", b"hello", b"\0" * 5000])
def test_what_is_no_image_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableImage):
        decode_bytes(content, 16)


def test_dicom_is_named() -> None:
    with pytest.raises(NotAnImage, match="DICOM"):
        decode_bytes(b"\0" * 128 + b"DICM" + b"\0" * 99, 16)


@pytest.mark.parametrize("side", [9_000, 15_000, 60_000])
def test_a_decompression_bomb_is_refused_before_it_goes_off(side: int) -> None:
    # 9,000 squared is below Pillow's warning (89 million pixels), 15,000 squared above its error.
    def chunk(name: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + checksum

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b""))
    with pytest.raises(UnreadableImage, match="million pixels"):
        decode_bytes(content + chunk(b"IEND", b""), 16)


def test_a_picture_of_a_few_pixels_is_no_radiograph() -> None:
    with pytest.raises(UnreadableImage, match="15 x 400 pixels"):
        decode_bytes(encoded(Image.new("L", (15, 400)), "PNG"), 16)


def test_the_content_decides_and_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    path.write_bytes(encoded(Image.fromarray(RAMP), "JPEG"))
    assert decode(path, 16).facts.format == "JPEG"


def test_a_pipe_named_like_an_image_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "image.jpg")
    with pytest.raises(UnreadableImage, match="not a regular file"):
        decode(tmp_path / "image.jpg", 16)


def test_a_folder_named_like_an_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage):
        decode(tmp_path, 16)


@pytest.mark.parametrize(("size", "reason"), [(0, "the file is empty"), (11, "larger than")])
def test_a_file_of_an_impossible_size_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, reason: str
) -> None:
    monkeypatch.setattr(decoder, "MAX_FILE_BYTES", 10)
    (tmp_path / "image.png").write_bytes(bytes(size))
    with pytest.raises(UnreadableImage, match=reason):
        read_bytes(tmp_path / "image.png")


def test_a_read_that_stops_early_is_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "image.png").write_bytes(b"0123456789")
    read = os.read
    monkeypatch.setattr(os, "read", lambda file, size: read(file, min(size, 3)))
    assert read_bytes(tmp_path / "image.png") == b"0123456789"


def test_a_missing_file_is_refused_with_the_systems_words(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage, match="no such file"):
        decode(tmp_path / "gone.png", 16)
