"""One decoder for training and for prediction: any image file becomes one grey square.

What grey is stands in `lungbench.data.grey`, and for DICOM in `lungbench.data.dicom`.

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
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from lungbench.data.dicom import is_dicom, read_dicom
from lungbench.data.grey import to_grey
from lungbench.data.pixel_view import pixel_view
from lungbench.data.unreadable import NotAnImage, UnreadableImage, check_size, too_large

__all__ = [
    "DECODER_VERSION",
    "FORMATS",
    "MAX_FILE_BYTES",
    "Decoded",
    "ImageFacts",
    "NotAnImage",
    "UnreadableImage",
    "decode",
    "decode_bytes",
    "examine_bytes",
    "in_words",
    "read_bytes",
    "read_file",
    "sha256",
    "unheard_advice",
]

DECODER_VERSION = 2
"""Changes whenever the same file would give other pixels: 2 since pixels of 16 bits are scaled by
the depth that is really used, and since DICOM is read."""

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF", "PPM")
"""What Pillow reads, recognised by content; of several frames, the first. What none of them is
may be DICOM: a file that is both is not taken for DICOM."""

MAX_FILE_BYTES = 512 * 2**20

_CHECKSUMMED = "PNG"
_DICOM = "DICOM"
_UPRIGHT = 1


class ImageFacts(NamedTuple):
    """What a file is, before anything was done to it.

    Attributes:
        width: In pixels, the way up that a person sees it.
        height: Likewise.
        mode: Pillow's name of the pixel layout, such as `L`, `RGB`, `P` or `I;16`, or DICOM's;
            with the bits that are really used where the file has room for more.
        format: Pillow's name of the file format, or `DICOM`, from the content.
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
    grey, facts = grey_of_bytes(content)
    square = grey.resize((image_size, image_size), Image.Resampling.BILINEAR)
    return Decoded(pixel_view(square), facts)


def grey_of_bytes(content: bytes) -> tuple[Image.Image, ImageFacts]:
    """Return an image file's picture, 8-bit grey in the file's own size, and its facts.

    Raises:
        UnreadableImage: It isn't an image, or a damaged or absurd one.
    """
    try:
        return _from_pillow(content)
    except UnreadableImage:
        raise
    except UnidentifiedImageError:
        return _from_dicom(content)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UnreadableImage(too_large()) from None
    except Exception as error:  # damaged files make Pillow's plugins raise nearly anything
        raise UnreadableImage(f"damaged: {_words_of(error)}") from None


def examine_bytes(content: bytes) -> ImageFacts:
    """Return the facts of an image file's content; it is decoded in full, so that they hold.

    Raises:
        UnreadableImage: It isn't an image, or a damaged or absurd one.
    """
    return grey_of_bytes(content)[1]


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


def _words_of(error: Exception) -> str:
    """Return what Pillow says of damage; other errors are its code's, and tell nobody anything."""
    told = str(error) if isinstance(error, OSError | SyntaxError | ValueError) else ""
    return told or "it isn't built as its format says"


def _from_pillow(content: bytes) -> tuple[Image.Image, ImageFacts]:
    with _intact(content) as image:
        image.load()
        grey, layout = to_grey(image)
        upright = _upright(grey, image)
        return upright, _facts(upright, layout, image.format or "")


def _from_dicom(content: bytes) -> tuple[Image.Image, ImageFacts]:
    if not is_dicom(content):
        raise NotAnImage("not an image, or damaged from the first bytes on")
    grey, layout = read_dicom(content)
    return grey, _facts(grey, layout, _DICOM)


def _intact(content: bytes) -> Image.Image:
    """Open an image whose checksums hold; of the formats read here, only PNG has any."""
    image = _opened(content)
    if image.format != _CHECKSUMMED:
        return image
    image.verify()  # loading skips them; empties the image
    return _opened(content)


def _opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content), formats=FORMATS)
    check_size(*image.size)
    return image


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
