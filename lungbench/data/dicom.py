"""DICOM radiographs as pictures in grey; pydicom, of the extra `dicom`, reads them.

Of a header only what decides the pixels is read, by its name: names, numbers and dates of patients
are skipped over. They never are in memory as such, in a message or in a log, and what a damaged
header says isn't quoted. What leaves is rows, columns, photometric interpretation and bits.

JPEG and JPEG 2000 are decoded by Pillow, whatever else pydicom finds: decoders of lossy formats
differ by a level or two, and the same file is to give the same pixels everywhere. Formats without
loss, which Pillow can't read, are left to any decoder that pydicom finds.
"""

import functools
import importlib.util
import logging
import re
import warnings
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lungbench.data.dicom_grey import first_number, grey_levels
from lungbench.data.grey import STORED_BITS, Picture, depth_in_use
from lungbench.data.unreadable import NotAnImage, UnreadableImage, check_size

if TYPE_CHECKING:
    from pydicom import Dataset

_INSTALL = "DICOM: install "
NOT_INSTALLED = f'{_INSTALL}the dicom extra (pip install -c constraints.txt "lungbench[dicom]")'

_READ = (
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "WindowCenter",
    "WindowWidth",
    "VOILUTFunction",
    "RescaleIntercept",
    "RescaleSlope",
    "ModalityLUTSequence",
    "VOILUTSequence",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
    "PixelData",
)
"""All that is read of a header."""

_IMPLICIT, _EXPLICIT, _BIG_ENDIAN = (f"1.2.840.10008.1.2{rest}" for rest in ("", ".1", ".2"))
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_JPEG_12_BIT = "1.2.840.10008.1.2.4.51"
_RLE = "1.2.840.10008.1.2.5"

_PLUGINS = {
    _IMPLICIT: "",
    _EXPLICIT: "",
    _BIG_ENDIAN: "",
    "1.2.840.10008.1.2.4.50": "pillow",  # JPEG
    _JPEG_12_BIT: "pillow",  # of 8 bits only
    "1.2.840.10008.1.2.4.90": "pillow",  # JPEG 2000, without loss
    "1.2.840.10008.1.2.4.91": "pillow",  # JPEG 2000
    _RLE: "pydicom",
    "1.2.840.10008.1.2.4.57": "",  # JPEG without loss
    "1.2.840.10008.1.2.4.70": "",  # the same, as most archives have it
    "1.2.840.10008.1.2.4.80": "",  # JPEG-LS, without loss
    "1.2.840.10008.1.2.4.81": "",  # JPEG-LS
}
"""The transfer syntaxes that are read, and pydicom's plugin for each; empty is any."""

_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_COLOUR_BITS = 8

_MAGIC = slice(128, 132)
_BARE = re.compile(
    rb"\x02\0\0\0UL\x04\0|\x08\0[\0\x01\x05\x08\x16\x18]\0(?:[A-Z]{2}|..\0\0)", re.DOTALL
)
_TAGS = (b"\x28\0\x10\0", b"\xe0\x7f\x10\0")  # of the rows and of the pixels


@dataclass(frozen=True, slots=True)
class _Header:
    """What a header says of its pixels."""

    rows: int
    columns: int
    samples: int
    photometric: str
    allocated_bits: int
    stored_bits: int
    high_bit: int
    signed: bool

    @classmethod
    def of(cls, dataset: "Dataset") -> Self:
        stored = int(dataset.BitsStored)
        return cls(
            rows=int(dataset.Rows),
            columns=int(dataset.Columns),
            samples=int(first_number(dataset, "SamplesPerPixel", 1)),
            photometric=str(dataset.PhotometricInterpretation),
            allocated_bits=int(dataset.BitsAllocated),
            stored_bits=stored,
            high_bit=int(first_number(dataset, "HighBit", stored - 1)),
            signed=bool(first_number(dataset, "PixelRepresentation", 0)),
        )

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame without compression."""
        return self.rows * self.columns * self.samples * -(-self.allocated_bits // 8)


def is_dicom(content: bytes) -> bool:
    """Return whether a content that is no other image is DICOM, with its preamble or without."""
    if content[_MAGIC] == b"DICM":
        return True
    return bool(_BARE.match(content)) and all(tag in content for tag in _TAGS)


def read_dicom(content: bytes) -> Picture:
    """Return the first frame of a DICOM file, as a viewer shows it at first.

    Raises:
        UnreadableImage: It is damaged, or not read here; or pydicom isn't installed.
    """
    try:
        return _picture(content)
    except UnreadableImage:
        raise
    except ImportError:
        raise UnreadableImage(NOT_INSTALLED) from None
    except Exception:  # pydicom raises nearly anything, and quotes headers
        raise UnreadableImage("damaged DICOM") from None


@functools.lru_cache(maxsize=64)
def readable_by_now(reason: str) -> bool:
    """Return whether a file that was refused for this reason can be read since an installation."""
    if not reason.startswith(_INSTALL) or importlib.util.find_spec("pydicom") is None:
        return False
    return reason == NOT_INSTALLED or any(
        reason == _without_decoder(syntax) and _decoder(syntax).is_available for syntax in _PLUGINS
    )


def _picture(content: bytes) -> Picture:
    dataset = _dataset(content)
    if "PixelData" not in dataset:
        raise NotAnImage("DICOM without pixels")
    header = _Header.of(dataset)
    check_size(header.columns, header.rows)
    _check_layout(header)
    values = _first_frame(dataset, header)
    if header.photometric in _COLOURS:
        return Picture(Image.fromarray(values).convert("L"), f"{header.photometric} 8-bit")
    return _grey_picture(values, dataset, header)


def _dataset(content: bytes) -> "Dataset":
    # A data set that is deflated is inflated whole, however large, before it says how large.
    if _DEFLATED in content:
        raise UnreadableImage("DICOM that is deflated isn't read")
    dataset = _pydicom().dcmread(BytesIO(content), force=True, specific_tags=list(_READ))
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, little_endian = dataset.original_encoding
        explicit = _EXPLICIT if little_endian else _BIG_ENDIAN
        dataset.file_meta.TransferSyntaxUID = _IMPLICIT if implicit else explicit
    found: Dataset = dataset
    return found


def _pydicom() -> Any:
    """Import pydicom, and keep it from telling stderr or a log what stands in a header."""
    import pydicom

    logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
    warnings.filterwarnings("ignore", module=r"pydicom\b")
    return pydicom


def _check_layout(header: _Header) -> None:
    if header.photometric in _GREY:
        if not 0 < header.stored_bits <= header.allocated_bits <= STORED_BITS:
            raise UnreadableImage(f"DICOM of {header.allocated_bits}-bit pixels isn't read")
        if header.high_bit != header.stored_bits - 1:  # as PS3.5 wants it, section 8.1.1
            raise UnreadableImage("DICOM whose pixels don't begin at their word's lowest bit")
    elif header.photometric not in _COLOURS:
        raise UnreadableImage("DICOM of a photometric interpretation that isn't read")
    elif header.allocated_bits != _COLOUR_BITS:
        raise UnreadableImage(f"DICOM of {header.allocated_bits}-bit colours isn't read")


def _first_frame(dataset: "Dataset", header: _Header) -> NDArray[Any]:
    """Return the pixels of the first frame, row x column (x RGB)."""
    syntax = str(dataset.file_meta.TransferSyntaxUID)
    if syntax not in _PLUGINS:
        raise UnreadableImage(f"DICOM compressed by {_name(syntax)} isn't read")
    if syntax == _JPEG_12_BIT and header.stored_bits > _COLOUR_BITS:
        raise UnreadableImage(f"DICOM compressed by {_name(syntax)} isn't read beyond 8 bits")
    decoder = _decoder(syntax)
    if not decoder.is_available:
        raise UnreadableImage(_without_decoder(syntax))
    _check_compressed(dataset, header, syntax)
    values, _ = decoder.as_array(dataset, index=0, decoding_plugin=_PLUGINS[syntax])
    colours = (3,) if header.photometric in _COLOURS else ()
    if values.shape != (header.rows, header.columns, *colours):
        raise UnreadableImage("damaged DICOM")
    found: NDArray[Any] = values
    return found


def _check_compressed(dataset: "Dataset", header: _Header, syntax: str) -> None:
    """Refuse a compressed frame that would become larger than its header says."""
    if _PLUGINS[syntax] not in ("pillow", "pydicom"):
        return
    from pydicom.encaps import get_frame

    frames = int(first_number(dataset, "NumberOfFrames", 1)) or 1
    frame = get_frame(dataset.PixelData, 0, number_of_frames=frames)
    if syntax == _RLE:
        # Its worst case is one byte more in 128, beside its own header.
        whole = len(frame) <= header.frame_bytes * 65 // 64 + 256
    else:
        with Image.open(BytesIO(frame), formats=("JPEG", "JPEG2000")) as image:
            whole = image.size == (header.columns, header.rows)
    if not whole:
        raise UnreadableImage("damaged DICOM")


def _decoder(syntax: str) -> Any:
    from pydicom.pixels.decoders.base import get_decoder

    return get_decoder(syntax)


def _without_decoder(syntax: str) -> str:
    return f"{_INSTALL}a decoder of {_name(syntax)} that pydicom can use, such as python-gdcm"


def _name(syntax: str) -> str:
    """Return what the standard calls a transfer syntax; what else a file may say isn't repeated."""
    from pydicom.uid import UID

    name = UID(syntax).name
    return "an unknown method" if name == syntax else name.partition(" (")[0]


def _grey_picture(values: NDArray[Any], dataset: "Dataset", header: _Header) -> Picture:
    bits = header.stored_bits
    if bits == STORED_BITS and not header.signed:
        bits = depth_in_use(int(values.max()))
    lowest = -(2 ** (bits - 1)) if header.signed else 0
    if values.min() < lowest or values.max() >= lowest + 2**bits:
        raise UnreadableImage("damaged DICOM")
    levels = grey_levels(np.arange(lowest, lowest + 2**bits), dataset)
    if header.photometric == "MONOCHROME1":
        levels = 255 - levels
    grey = levels[values.astype(np.int32) - lowest]
    return Picture(Image.fromarray(grey), f"{header.photometric} {bits}-bit")
