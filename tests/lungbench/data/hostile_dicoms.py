"""DICOM files as archives hold them; more of each kind are in `test_dicom.py`."""

from collections.abc import Iterator

import numpy as np
from dicom_files import bare, compressed, data_set, dicom, table, written
from hostile_case import PICTURE, RAMP, TOO_LARGE, Case, Refused, Shown
from image_bytes import encoded
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
)


def _dicoms() -> Iterator[Case]:
    held = np.rint(RAMP / 255 * 4095).astype(np.uint16)

    def case(
        name: str, content: bytes, layout: str = "MONOCHROME2 12-bit", grey: np.ndarray = RAMP,
        off_by: int = 0,
    ) -> Case:  # fmt: skip
        return Case(f"dicom {name}", content, Shown(grey, layout, "DICOM", off_by), ".dcm")

    def refused(name: str, content: bytes, reason: str) -> Case:
        return Case(f"dicom {name}", content, Refused(reason), ".dcm")

    yield case("of 8 bits", dicom(RAMP), "MONOCHROME2 8-bit")
    yield case("of 12 bits", dicom(held, bits=12))
    yield case("of 12 bits that says 16", dicom(held, bits=16))
    negative = dicom(4095 - held, bits=12, photometric="MONOCHROME1")
    yield case("negative", negative, "MONOCHROME1 12-bit")
    signed = (held.astype(np.int16) - 2048).astype(np.int16)
    yield case("with values below zero", dicom(signed, bits=12))
    yield case("implicit", dicom(held, ImplicitVRLittleEndian, bits=12))
    yield case("big end first", dicom(held, ExplicitVRBigEndian, bits=12))
    yield case("without a preamble", bare(data_set(held, bits=12)))
    yield case("of two frames", dicom(np.stack([held, 0 * held]), bits=12))
    window = {"WindowCenter": 2048, "WindowWidth": 1, "bits": 12}
    yield case("with a window", dicom(held, **window), grey=(held > 2047) * np.uint8(255))
    inverse = table(list(range(255, -1, -1)), first=0, bits=8)
    looked_up = dicom(RAMP, VOILUTSequence=[inverse])
    yield case("with a table", looked_up, "MONOCHROME2 8-bit", 255 - RAMP)
    colour = np.repeat(RAMP[..., None], 3, axis=-1)
    yield case("in colour", dicom(colour, photometric="RGB"), "RGB 8-bit")
    jpeg = compressed(data_set(RAMP), JPEGBaseline8Bit, [encoded(PICTURE, "JPEG", quality=95)])
    yield case("with a jpeg", jpeg, "MONOCHROME2 8-bit", off_by=3)
    data = data_set(RAMP)
    del data.PixelData
    yield refused("without pixels", written(data), "DICOM without pixels")
    yield refused("cut", dicom(held, bits=12)[:-99], "damaged DICOM")
    yield refused("deflated", dicom(RAMP, DeflatedExplicitVRLittleEndian), "DICOM that is deflated "
                  "isn't read")  # fmt: skip
    huge = data_set(RAMP, Rows=65_535, Columns=65_535)
    yield refused("of 65,535 squared", written(huge), TOO_LARGE)
    lossless = compressed(data_set(RAMP), JPEGLosslessSV1, [b"\xff\xd8\xff\xd9"])
    yield refused(
        "with a jpeg without loss",
        lossless,
        "DICOM: install a decoder of JPEG Lossless, Non-Hierarchical, First-Order Prediction that "
        "pydicom can use, such as python-gdcm",
    )
    yield refused("of noise", b"\0" * 128 + b"DICM" + b"\xa5" * 999, "DICOM without pixels")


DICOMS: tuple[Case, ...] = tuple(_dicoms())
