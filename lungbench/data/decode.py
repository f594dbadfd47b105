"""One decoder for training and for prediction: any image file becomes one grey square.

Grey is Pillow's `convert("L")` (ITU-R 601 luma), as in the paper's section III.A, where that is
sound. It is not for pixels deeper than 8 bits (Pillow clips them to white), which are scaled by
the range that their file states, nor for transparent ones: those lie on black, the colour of a
radiograph where nothing was exposed, and never show the colour hidden beneath.

The square is stretched, as the paper's `target_size=(224, 224)` does (section III.C): cropping
would lose costophrenic angles and padding would tell the network how each clinic crops. The
filter is Pillow's bilinear one, which widens with the reduction: every pixel of the original
counts and nothing overshoots beside ribs and markers, as bicubic and Lanczos would.

JPEGs are decoded in full. Pillow's draft mode reads one of 2400 x 2000 pixels 7 times as fast (7
ms instead of 46), but leaves pixels up to 4 levels off those of the same image stored as PNG. Each
file is decoded once, so that a network which can't tell formats apart is worth the time.
"""

import contextlib
import hashlib
import io
import os
import stat
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from lungbench.data.pixel_view import pixel_view
from lungbench.errors import DataError

DECODER_VERSION = 1
"""Changes whenever the same file would give other pixels."""

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "PPM")
"""What is read, recognised by content; of several frames, the first."""

MIN_SIDE = 16
MAX_PIXELS = 64_000_000
"""Three times the largest digitised film, and below Pillow's own warning about bombs."""

MAX_FILE_BYTES = 512 * 2**20

_CHECKSUMMED = "PNG"
_UPRIGHT = 1
_TIFF_BITS_PER_SAMPLE = 258
_TIFF_PHOTOMETRIC = 262
_TIFF_WHITE_IS_ZERO = 0
_DICOM_AT = slice(128, 132)


class UnreadableImage(DataError):
    """A file that can't be used as an image.

    Args:
        reason: Why, in a few words that are the same on every machine.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__("An image file must be readable.", received=reason)


class NotAnImage(UnreadableImage):
    """A file whose content is no image format that is read here."""


class ImageFacts(NamedTuple):
    """What a file is, before anything was done to it.

    Attributes:
        width: In pixels, the way up that a person sees it.
        height: Likewise.
        mode: Pillow's name of the pixel layout, such as `L`, `RGB`, `P` or `I;16`.
        format: Pillow's name of the file format, from the content.
        mean_grey: Mean over the original's pixels after conversion to grey, 0 to 255; the paper's
            measure of quality (section III.A).
    """

    width: int
    height: int
    mode: str
    format: str
    mean_grey: float


@dataclass(frozen=True, slots=True)
class Decoded:
    """An image as networks see it: uint8 grey, row x column, and what its file was."""

    pixels: NDArray[np.uint8]
    facts: ImageFacts


def decode(path: Path, image_size: int) -> Decoded:
    """Read one image file as a grey square of `image_size` pixels a side.

    Raises:
        UnreadableImage: It isn't a regular file, or not an image, or a damaged or absurd one.
    """
    return decode_bytes(read_bytes(path), image_size)


def decode_bytes(content: bytes, image_size: int) -> Decoded:
    """Decode an image file's content; see `decode`.

    Raises:
        UnreadableImage: It isn't an image, or a damaged or absurd one.
    """
    grey, facts = _grey(content)
    square = grey.resize((image_size, image_size), Image.Resampling.BILINEAR)
    return Decoded(pixel_view(square), facts)


def examine_bytes(content: bytes) -> ImageFacts:
    """Return the facts of an image file's content; it is decoded in full, so that they hold.

    Raises:
        UnreadableImage: It isn't an image, or a damaged or absurd one.
    """
    return _grey(content)[1]


def read_bytes(path: Path) -> bytes:
    """Return the content of a regular file; a pipe or a device named .jpg can't block.

    Raises:
        UnreadableImage: It can't be opened, isn't a regular file, is empty or too large.
    """
    return read_file(str(path))[0]


def read_file(path: str) -> tuple[bytes, os.stat_result]:
    """Return the content of a regular file, and the state that it was in before.

    By the system's calls alone: Python's file objects make twice as many, and a small image is
    decoded in the time of a hundred.

    Raises:
        UnreadableImage: See `read_bytes`.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            status = os.fstat(file)
            _check_regular(status)
            return _read_whole(file, status.st_size), status
        finally:
            os.close(file)
    except OSError as error:
        raise UnreadableImage(in_words(error)) from None


def _read_whole(file: int, size: int) -> bytes:
    content = os.read(file, size)
    while len(content) < size and (more := os.read(file, size - len(content))):
        content += more
    return content


@contextlib.contextmanager
def unheard_advice() -> Iterator[None]:
    """Silence Pillow's warnings while threads decode; what matters of them is checked here.

    For the thread that starts the others: changing the filters inside them isn't safe.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


def sha256(content: bytes) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _check_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableImage("not a regular file")
    if status.st_size == 0:
        raise UnreadableImage("the file is empty")
    if status.st_size > MAX_FILE_BYTES:
        raise UnreadableImage(f"the file is larger than {MAX_FILE_BYTES // 2**20} MiB")


def in_words(error: OSError) -> str:
    """Return the operating system's reason, such as `permission denied`."""
    text = error.strerror or type(error).__name__
    return text[0].lower() + text[1:]


def _grey(content: bytes) -> tuple[Image.Image, ImageFacts]:
    try:
        with _intact(content) as image:
            image.load()
            upright = _upright(_to_grey(image), image)
            return upright, _facts(upright, image.mode, image.format or "")
    except UnreadableImage:
        raise
    except UnidentifiedImageError:
        raise NotAnImage(_unidentified(content)) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UnreadableImage(_too_large()) from None
    except Exception as error:  # damaged files make Pillow's plugins raise nearly anything
        raise UnreadableImage(f"damaged: {error or type(error).__name__}") from None


def _intact(content: bytes) -> Image.Image:
    """Open an image whose checksums hold; of the formats read here, only PNG has any."""
    image = _opened(content)
    if image.format != _CHECKSUMMED:
        return image
    image.verify()  # loading skips them; empties the image
    return _opened(content)


def _opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content), formats=FORMATS)
    _check_size(*image.size)
    return image


def _unidentified(content: bytes) -> str:
    if content[_DICOM_AT] == b"DICM":
        return "DICOM isn't read; export it as PNG"
    return "not an image, or damaged from the first bytes on"


def _too_large() -> str:
    return f"more than {MAX_PIXELS // 10**6} million pixels"


def _check_size(width: int, height: int) -> None:
    if min(width, height) < MIN_SIDE:
        raise UnreadableImage(f"{width} x {height} pixels; at least {MIN_SIDE} a side are needed")
    if width * height > MAX_PIXELS:
        raise UnreadableImage(_too_large())


def _facts(grey: Image.Image, mode: str, file_format: str) -> ImageFacts:
    return ImageFacts(*grey.size, mode, file_format, round(_mean(pixel_view(grey)), 3))


def _mean(pixels: NDArray[np.uint8]) -> float:
    # In 32 bits, 1.6 times as fast as in 64, row by row: the widest is 4 million pixels.
    rows = np.add.reduce(pixels, axis=1, dtype=np.uint32)
    return int(rows.sum(dtype=np.uint64)) / pixels.size


def _upright(grey: Image.Image, image: Image.Image) -> Image.Image:
    """Turn the grey picture the way up that the original's EXIF block says."""
    bare = Image.Image()
    bare.info = image.info
    try:
        if bare.getexif().get(ExifTags.Base.Orientation, _UPRIGHT) == _UPRIGHT:
            return grey
        turned = grey.copy()
        turned.info = dict(image.info)
        return ImageOps.exif_transpose(turned)
    except Exception:  # a garbled EXIF block fails in many ways and says nothing about the pixels
        return grey


def _to_grey(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise UnreadableImage("floating-point pixels, whose range the file doesn't state")
    if image.mode.startswith("I"):
        return _scaled_to_8_bits(image)
    if image.has_transparency_data:
        return _on_black(image).convert("L")
    return image if image.mode == "L" else image.convert("L")


def _on_black(image: Image.Image) -> Image.Image:
    layered = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layered.size, "black"), layered)


def _scaled_to_8_bits(image: Image.Image) -> Image.Image:
    white = _white_level(image)
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > white:
        raise UnreadableImage(f"pixels outside the file's stated range of 0 to {white}")
    grey = ((values * 255 + white // 2) // white).astype(np.uint8)
    return Image.fromarray(255 - grey if _white_is_zero(image) else grey)


def _white_level(image: Image.Image) -> int:
    """Return the value that means white: 65535, or what a TIFF of fewer bits can hold."""
    bits = _tiff_tag(image, _TIFF_BITS_PER_SAMPLE, default=16)
    if bits > 16:  # noqa: PLR2004 - deeper integers are scaled by no convention
        raise UnreadableImage(f"{bits}-bit pixels, whose range the file doesn't state")
    return int(2**bits - 1)


def _white_is_zero(image: Image.Image) -> bool:
    # Pillow inverts such TIFFs itself up to 8 bits, but not at 16.
    return _tiff_tag(image, _TIFF_PHOTOMETRIC, default=1) == _TIFF_WHITE_IS_ZERO


def _tiff_tag(image: Image.Image, tag: int, default: int) -> int:
    tags = getattr(image, "tag_v2", {})
    value = tags.get(tag, default)
    return cast("int", value[0] if isinstance(value, tuple) else value)
