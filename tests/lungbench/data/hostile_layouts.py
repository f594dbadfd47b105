"""Pictures as formats, layouts and depths store them, all of which must come out."""

import struct
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from hostile_case import HEIGHT, NO_IMAGE, PICTURE, RAMP, WIDTH, Case, Refused, Shown
from image_bytes import (
    GREY_ALPHA,
    PALETTE,
    RGB,
    changed,
    chunk,
    encoded,
    interlaced_png,
    jpeg_segment,
    packed,
    png,
    tiff,
    tiff_fields,
    unfiltered,
)
from PIL import Image, ImageCms

COARSE = RAMP // 64 * 85  # four greys: what two bits hold
DEEP = RAMP.astype(np.uint16)


def _pngs() -> Iterator[Case]:
    def case(name: str, content: bytes, layout: str, grey: np.ndarray = RAMP) -> Case:
        return Case(f"png {name}", content, Shown(grey, layout, "PNG"))

    yield case("grey", encoded(PICTURE, "PNG"), "L")
    yield case("colour", encoded(PICTURE.convert("RGB"), "PNG"), "RGB")
    yield case("grey and opaque", encoded(PICTURE.convert("LA"), "PNG"), "LA")
    yield case("colour and opaque", encoded(PICTURE.convert("RGBA"), "PNG"), "RGBA")
    clear = np.stack([np.full_like(RAMP, 255), np.zeros_like(RAMP)], axis=-1)
    yield case("white that is clear", encoded(Image.fromarray(clear, "LA"), "PNG"), "LA", 0 * RAMP)
    yield case("palette", encoded(PICTURE.convert("P"), "PNG"), "P")
    yield case("palette of 4 colours", _palette_png(clear=b""), "P", COARSE)
    without_white = np.where(COARSE == 255, 0, COARSE)
    yield case("palette with a clear colour", _palette_png(b"\xff\xff\xff\0"), "P", without_white)
    half = np.where(COARSE == 255, 128, COARSE)
    yield case("palette with a half clear colour", _palette_png(b"\xff\xff\xff\x80"), "P", half)
    bits = (RAMP > 127) * np.uint8(255)
    yield case("1 bit", encoded(Image.fromarray(RAMP > 127), "PNG"), "1", bits)
    yield case("2 bits", png(WIDTH, HEIGHT, packed(COARSE // 85, 2), depth=2), "L", COARSE)
    yield case("4 bits", png(WIDTH, HEIGHT, packed(RAMP // 16, 4), depth=4), "L", RAMP // 16 * 17)
    yield case("interlaced", interlaced_png(RAMP), "L")
    keyed = np.where(RAMP == 7, 0, RAMP)
    yield case("grey with a clear grey", _chunked(b"tRNS", b"\0\x07"), "L", keyed)
    yield case("dark by its gamma", _chunked(b"gAMA", struct.pack(">I", 200_000)), "L")
    yield case("in the colours of a profile", encoded(PICTURE, "PNG", icc_profile=PROFILE), "L")
    yield case("animated", _animated("PNG"), "L")
    yield case("with a comment", _chunked(b"tEXt", b"Comment\0" + b"x" * 999), "L")
    yield case("with bytes behind its end", encoded(PICTURE, "PNG") + b"\0" * 999, "L")


def _palette_png(clear: bytes) -> bytes:
    palette = chunk(b"PLTE", bytes(value for grey in (0, 85, 170, 255) for value in [grey] * 3))
    more = [chunk(b"tRNS", clear)] if clear else []
    rows = packed(COARSE // 85, 2)
    return png(WIDTH, HEIGHT, rows, depth=2, colour=PALETTE, before=[palette, *more])


def _chunked(name: bytes, data: bytes) -> bytes:
    return png(WIDTH, HEIGHT, unfiltered(RAMP), before=[chunk(name, data)])


def _animated(file_format: str, **options: Any) -> bytes:
    frames = [Image.fromarray(255 - RAMP), Image.fromarray(RAMP // 2)]
    return encoded(PICTURE, file_format, save_all=True, append_images=frames, **options)


PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


def _deep() -> Iterator[Case]:
    """Yield pictures of more than 8 bits; 16 that hold fewer are scaled by what they hold."""
    for bits in (16, 14, 12, 10, 8):
        held = np.rint(RAMP / 255 * (2**bits - 1)).astype(np.uint16)
        layout = "I;16" if bits == 16 else f"I;16 {bits}-bit"
        content = encoded(Image.fromarray(held), "PNG")
        yield Case(f"png of 16 bits that holds {bits}", content, Shown(RAMP, layout, "PNG"))
        little = tiff(tiff_fields(WIDTH, HEIGHT, 16), [held.tobytes()])
        yield Case(f"tiff of 16 bits that holds {bits}", little, Shown(RAMP, layout, "TIFF"))
    held = np.rint(RAMP / 255 * 4095).astype(np.uint16)
    big = tiff(tiff_fields(WIDTH, HEIGHT, 16), [held.astype(">u2").tobytes()], order=">")
    yield Case("tiff of 12 of 16 bits, big end first", big, Shown(RAMP, "I;16B 12-bit", "TIFF"))
    negative = tiff(tiff_fields(WIDTH, HEIGHT, 16, photometric=0), [(4095 - held).tobytes()])
    yield Case("tiff of 12 of 16 bits, negative", negative, Shown(RAMP, "I;16 12-bit", "TIFF"))
    wide = DEEP * 257
    said = png(WIDTH, HEIGHT, unfiltered(wide.astype(">u2")), depth=16, before=[SIGNIFICANT])
    yield Case("png that says 12 of 16 bits", said, Shown(RAMP, "I;16", "PNG"))
    yield Case("png that is black", _of_16_bits(0 * DEEP), Shown(0 * RAMP, "I;16 8-bit", "PNG"))
    for colour, layers, layout in ((RGB, 3, "RGB"), (GREY_ALPHA, 2, "RGBA")):
        layered = np.repeat(wide[..., None], layers, axis=-1)
        if colour == GREY_ALPHA:
            layered[..., 1] = 65_535
        rows = unfiltered(layered.astype(">u2"))
        content = png(WIDTH, HEIGHT, rows, depth=16, colour=colour)
        yield Case(f"png {layout} of 16 bits", content, Shown(RAMP, layout, "PNG"))
    pgm = b"P5 %d %d 4095\n" % (WIDTH, HEIGHT) + (held // 4).astype(">u2").tobytes()
    quarter = np.floor(np.rint(held // 4 / 4095 * 65_535) / 257 + 0.5).astype(np.uint8)
    yield Case("pgm that says 4095 and is dark", pgm, Shown(quarter, "I", "PPM"), ".pgm")


SIGNIFICANT = chunk(b"sBIT", b"\x0c")


def _of_16_bits(values: np.ndarray) -> bytes:
    return png(WIDTH, HEIGHT, unfiltered(values.astype(">u2")), depth=16)


def _deep_without_range() -> Iterator[Case]:
    stated = "whose range the file doesn't state"
    floats = encoded(Image.fromarray(RAMP.astype(np.float32)), "TIFF")
    yield Case("tiff of floats", floats, Refused(f"floating-point pixels, {stated}"), ".tif")
    longs = encoded(Image.fromarray(RAMP.astype(np.int32)), "TIFF")
    yield Case("tiff of 32 bits", longs, Refused(f"32-bit pixels, {stated}"), ".tif")
    signed = (RAMP.astype(np.int16) - 100).astype("<i2").tobytes()
    fields = tiff_fields(WIDTH, HEIGHT, 16) | {339: 2}
    below = Refused("pixels outside the file's stated range of 0 to 65535")
    yield Case("tiff of values below zero", tiff(fields, [signed]), below, ".tif")


def _jpegs() -> Iterator[Case]:
    def case(name: str, content: bytes, layout: str = "L", off_by: int = 3) -> Case:
        return Case(f"jpeg {name}", content, Shown(RAMP, layout, "JPEG", off_by), ".jpg")

    best = {"quality": 95}
    plain = encoded(PICTURE, "JPEG", **best)
    yield case("grey", plain)
    yield case("colour", encoded(PICTURE.convert("RGB"), "JPEG", **best), "RGB")
    yield case("progressive", encoded(PICTURE, "JPEG", progressive=True, **best))
    yield case("halved colours", encoded(PICTURE.convert("RGB"), "JPEG", subsampling=2), "RGB", 8)
    yield case("with restarts", encoded(PICTURE, "JPEG", restart_marker_blocks=1, **best))
    yield case("with a profile", encoded(PICTURE, "JPEG", icc_profile=PROFILE, **best))
    yield case("for print (CMYK)", encoded(PICTURE.convert("CMYK"), "JPEG", **best), "CMYK")
    yield case("for print (YCCK)", _ycck(), "CMYK", 4)
    yield case("with a comment", encoded(PICTURE, "JPEG", comment=b"x" * 999, **best))
    yield case("with a page behind it", plain + b"<script>alert(1)</script>")
    yield Case("two jpegs in one", _animated("MPO", **best), Shown(RAMP, "L", "MPO", 3), ".jpg")
    frame = jpeg_segment(plain, 0xC0)
    yield Case(
        "jpeg of 12 bits",
        changed(plain, frame + 4, b"\x0c"),
        Refused(NO_IMAGE),
        ".jpg",
    )
    yield Case(
        "jpeg without loss",
        changed(plain, frame + 1, b"\xc3"),
        Refused("damaged: broken data stream when reading image file"),
        ".jpg",
    )


def _ycck() -> bytes:
    """A JPEG of luma, two colours that are grey, and no black: Pillow writes none itself."""
    neutral = Image.new("L", PICTURE.size, 128)
    layers = Image.merge("CMYK", (PICTURE, neutral, neutral, Image.new("L", PICTURE.size, 0)))
    content = encoded(layers, "JPEG", quality=95)
    adobe = jpeg_segment(content, 0xEE)
    transform = 2  # YCCK, the last byte of Adobe's segment
    return changed(content, adobe + 15, bytes([transform]))


# EXIF's orientations as numpy turns a picture upright: how the file's rows lie in the picture.
TURNED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda upright: upright,
    2: np.fliplr,
    3: lambda upright: np.rot90(upright, 2),
    4: np.flipud,
    5: np.transpose,
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: np.rot90(np.transpose(upright), 2),
    8: lambda upright: np.rot90(upright, -1),
}


def _turned() -> Iterator[Case]:
    for orientation, turn in TURNED.items():
        stored = Image.fromarray(np.ascontiguousarray(turn(RAMP)))
        exif = Image.Exif()
        exif[0x0112] = orientation
        content = encoded(stored, "PNG", exif=exif)
        yield Case(f"png turned by EXIF {orientation}", content, Shown(RAMP, "L", "PNG"))
    content = encoded(stored, "JPEG", quality=95, exif=exif)
    yield Case("jpeg turned by EXIF", content, Shown(RAMP, "L", "JPEG", 3), ".jpg")
    content = encoded(stored.convert("RGB"), "WEBP", lossless=True, exif=exif)
    yield Case("webp turned by EXIF", content, Shown(RAMP, "RGB", "WEBP"), ".webp")
    content = encoded(stored, "TIFF", exif=exif)
    yield Case("tiff turned by EXIF", content, Shown(RAMP, "L", "TIFF"), ".tif")
    exif[0x0112] = 4711
    content = encoded(PICTURE, "PNG", exif=exif)
    yield Case("png with an EXIF orientation that isn't one", content, Shown(RAMP, "L", "PNG"))


def _other_formats() -> Iterator[Case]:
    colour, bits = PICTURE.convert("RGB"), (RAMP > 127) * np.uint8(255)
    shown = Shown(RAMP, "L", "BMP")
    yield Case("bmp", encoded(PICTURE, "BMP"), shown, ".bmp")
    yield Case("bmp colour", encoded(colour, "BMP"), Shown(RAMP, "RGB", "BMP"), ".bmp")
    one_bit = encoded(Image.fromarray(RAMP > 127), "BMP")
    yield Case("bmp of 1 bit", one_bit, Shown(bits, "1", "BMP"), ".bmp")
    upside_down = changed(encoded(Image.fromarray(RAMP[::-1]), "BMP"), 22, struct.pack("<i", -24))
    yield Case("bmp from top to bottom", upside_down, shown, ".bmp")
    yield Case("gif", encoded(PICTURE, "GIF"), Shown(RAMP, "L", "GIF"), ".gif")
    flat = encoded(PICTURE, "GIF", interlace=0)
    yield Case("gif without interlacing", flat, Shown(RAMP, "L", "GIF"), ".gif")
    yield Case("gif animated", _animated("GIF"), Shown(RAMP, "L", "GIF"), ".gif")
    lossless = encoded(colour, "WEBP", lossless=True)
    yield Case("webp lossless", lossless, Shown(RAMP, "RGB", "WEBP"), ".webp")
    lossy = encoded(colour, "WEBP", quality=95)
    yield Case("webp lossy", lossy, Shown(RAMP, "RGB", "WEBP", 8), ".webp")
    clear = Image.merge("RGBA", [*colour.split(), Image.new("L", PICTURE.size, 0)])
    content = encoded(clear, "WEBP", lossless=True, exact=True)
    yield Case("webp that is clear", content, Shown(0 * RAMP, "RGBA", "WEBP"), ".webp")
    moving = _animated("WEBP", lossless=True)
    yield Case("webp animated", moving, Shown(RAMP, "RGBA", "WEBP"), ".webp")
    size = b"%d %d" % PICTURE.size
    yield Case("pgm", b"P5 %b 255\n%b" % (size, RAMP.tobytes()), Shown(RAMP, "L", "PPM"), ".pgm")
    text = b" ".join(b"%d" % value for value in RAMP.flat)
    yield Case("pgm in words", b"P2 %b 255\n%b\n" % (size, text), Shown(RAMP, "L", "PPM"), ".pgm")
    black = np.packbits(RAMP <= 127, axis=1).tobytes()
    yield Case("pbm", b"P4 %b\n%b" % (size, black), Shown(bits, "1", "PPM"), ".pbm")
    twice = np.repeat(RAMP[..., None], 3, axis=-1).tobytes()
    yield Case("ppm", b"P6 %b 255\n%b" % (size, twice), Shown(RAMP, "RGB", "PPM"), ".ppm")


def _tiffs() -> Iterator[Case]:
    def case(name: str, content: bytes, layout: str = "L", off_by: int = 0) -> Case:
        return Case(f"tiff {name}", content, Shown(RAMP, layout, "TIFF", off_by), ".tif")

    fields, rows = tiff_fields(WIDTH, HEIGHT), RAMP.tobytes()
    yield case("plain", tiff(fields, [rows]))
    yield case("big end first", tiff(fields, [rows], order=">"))
    half = len(rows) // 2
    yield case("in strips", tiff(fields | {278: HEIGHT // 2}, [rows[:half], rows[half:]]))
    yield case("in tiles", _tiled())
    yield case("in planes", _planes(), "RGB")
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits"):
        yield case(compression, encoded(PICTURE, "TIFF", compression=compression))
    predicted = encoded(PICTURE, "TIFF", compression="tiff_lzw", tiffinfo={317: 2})
    yield case("predicted", predicted)
    yield case("jpeg inside", encoded(PICTURE, "TIFF", compression="jpeg", quality=95), "L", 3)
    yield case("white is zero", tiff(fields | {262: 0}, [(255 - RAMP).tobytes()]))
    yield case("for print", encoded(PICTURE.convert("CMYK"), "TIFF"), "CMYK")
    yield case("of two pages", _animated("TIFF"))
    yield case("large", encoded(PICTURE, "TIFF", big_tiff=True))
    fax = encoded(Image.fromarray(RAMP > 127), "TIFF", compression="group4")
    bits = (RAMP > 127) * np.uint8(255)
    yield Case("tiff fax", fax, Shown(bits, "1", "TIFF"), ".tif")
    own = struct.unpack("<I", tiff(fields, [rows])[4:8])[0]
    endless = tiff(fields, [rows])
    after = own + 2 + 12 * struct.unpack_from("<H", endless, own)[0]
    yield case("whose next page is itself", changed(endless, after, struct.pack("<I", own)))


def _tiled() -> bytes:
    side = 16
    padded = np.zeros((32, 48), np.uint8)
    padded[:HEIGHT, :WIDTH] = RAMP
    tiles = [
        padded[y : y + side, x : x + side].tobytes() for y in range(0, 32, 16) for x in (0, 16, 32)
    ]
    fields = tiff_fields(WIDTH, HEIGHT) | {322: side, 323: side}
    del fields[278]
    return tiff(fields, tiles, tiled=True)


def _planes() -> bytes:
    fields = tiff_fields(WIDTH, HEIGHT, photometric=2) | {277: 3, 284: 2, 258: [8, 8, 8]}
    return tiff(fields, [RAMP.tobytes()] * 3)


LAYOUTS: tuple[Case, ...] = (
    *_pngs(),
    *_deep(),
    *_deep_without_range(),
    *_jpegs(),
    *_turned(),
    *_other_formats(),
    *_tiffs(),
)
