"""DICOM files as pydicom writes them, each of a patient whose name must not get out."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.uid import (
    DigitalXRayImageStorageForPresentation,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    generate_uid,
)

PATIENT = {
    "PatientName": "Planted^Paula",
    "PatientID": "PLANTED-4711",
    "PatientBirthDate": "19010203",
    "PatientComments": "planted comment",
    "InstitutionName": "Planted Hospital",
    "ReferringPhysicianName": "Planted^Doctor",
    "AccessionNumber": "PLANTED-ACC",
    "StudyDescription": "planted study",
}
PLANTED = ("planted", "19010203")


def data_set(
    pixels: np.ndarray,
    *,
    photometric: str = "MONOCHROME2",
    bits: int | None = None,
    **elements: Any,
) -> Dataset:
    """A data set of a picture, row x column (x colour), or frame x row x column."""
    colour = not photometric.startswith("MONO")
    frames = pixels.shape[0] if pixels.ndim == 3 and not colour else None
    size = pixels.dtype.itemsize * 8
    dataset = Dataset()
    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = generate_uid()
    dataset.Modality = "DX"
    dataset.Rows, dataset.Columns = pixels.shape[1:3] if frames else pixels.shape[:2]
    dataset.SamplesPerPixel = 3 if colour else 1
    dataset.PhotometricInterpretation = photometric
    dataset.BitsAllocated = size
    dataset.BitsStored = bits or size
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    if colour:
        dataset.PlanarConfiguration = 0
    if frames:
        dataset.NumberOfFrames = frames
    dataset.add_new("PixelData", "OW" if size > 8 else "OB", pixels.tobytes())
    for keyword, value in (PATIENT | elements).items():
        setattr(dataset, keyword, value)
    return dataset


def written(dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """The file of a data set, with its preamble."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    if syntax == ExplicitVRBigEndian:
        _swap_words(dataset)
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def _swap_words(dataset: Dataset) -> None:
    """Turn the words round, which pydicom writes as they are."""
    if dataset.BitsAllocated > 8:
        dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").byteswap().tobytes()
    for keyword in ("ModalityLUTSequence", "VOILUTSequence"):
        for item in dataset.get(keyword, ()):
            item.LUTData = np.frombuffer(item.LUTData, "<u2").byteswap().tobytes()


def bare(dataset: Dataset, *, implicit: bool = True) -> bytes:
    """A data set alone, without preamble and file meta information, as old archives have it."""
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, implicit_vr=implicit, little_endian=True)
    return buffer.getvalue()


def compressed(dataset: Dataset, syntax: str, frames: Sequence[bytes]) -> bytes:
    """The file of a data set whose frames were compressed before."""
    dataset.PixelData = encapsulate(list(frames))
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return written(dataset, syntax)


def dicom(pixels: np.ndarray, syntax: str = ExplicitVRLittleEndian, **elements: Any) -> bytes:
    """The file of a picture."""
    return written(data_set(pixels, **elements), syntax)


def implicit(pixels: np.ndarray, **elements: Any) -> bytes:
    """The same in the oldest way of writing."""
    return dicom(pixels, ImplicitVRLittleEndian, **elements)


def table(entries: Sequence[int], *, first: int, bits: int) -> Dataset:
    """An item of a modality's or VOI's table."""
    item = Dataset()
    item.LUTDescriptor = [len(entries), first, bits]
    item.LUTData = np.array(entries, dtype="<u2").tobytes()
    return item
