"""DICOM, read by the real pydicom; every file is one that pydicom wrote in the test."""

import logging
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_files import PATIENT, PLANTED, bare, compressed, data_set, dicom, table, written
from hypothesis import given, settings
from hypothesis import strategies as st
from image_bytes import encoded
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi, apply_windowing
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from lungbench.data import decode as decoder
from lungbench.data import dicom as reader
from lungbench.data import pixels as cache_of_pixels
from lungbench.data.contents import Memory, read_contents
from lungbench.data.decode import NotAnImage, UnreadableImage, decode_bytes, examine_bytes
from lungbench.data.dicom import NOT_INSTALLED, is_dicom, readable_by_now
from lungbench.data.file_table import FileTable
from lungbench.data.listing import found_files

HEIGHT, WIDTH = 24, 40
RAMP = np.linspace(0, 255, HEIGHT * WIDTH).astype(np.uint8).reshape(HEIGHT, WIDTH)
DEEP = np.linspace(0, 4095, HEIGHT * WIDTH).astype(np.uint16).reshape(HEIGHT, WIDTH)
NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)


def grey(content: bytes) -> np.ndarray:
    """The picture at its own size."""
    return np.asarray(decoder.grey_of_bytes(content)[0])


def reason(content: bytes) -> str:
    with pytest.raises(UnreadableImage) as caught:
        decode_bytes(content, 16)
    return caught.value.reason


def in_8_bits(shares: np.ndarray) -> np.ndarray:
    """What shares of white, 0 to 1, are in 8 bits, rounded half up."""
    return np.floor(255 * np.clip(shares, 0, 1) + 0.5).astype(np.uint8)


@pytest.mark.parametrize("syntax", NATIVE, ids=lambda uid: UID(uid).keyword)
@pytest.mark.parametrize("pixels", [RAMP, DEEP], ids=["8-bit", "12-bit"])
def test_every_way_to_write_a_picture_without_compression_gives_its_pixels(
    syntax: str, pixels: np.ndarray
) -> None:
    bits = 8 if pixels is RAMP else 12
    found = examine_bytes(content := dicom(pixels, syntax, bits=bits))
    np.testing.assert_array_equal(grey(content), in_8_bits(pixels / (2**bits - 1)))
    assert found[:4] == (WIDTH, HEIGHT, f"MONOCHROME2 {bits}-bit", "DICOM")
    assert found.mean_grey == pytest.approx(grey(content).mean(), abs=1e-3)


@settings(max_examples=25)
@given(bits=st.sampled_from([8, 10, 12, 14, 16]), seed=st.integers(0, 2**32 - 1))
def test_a_picture_has_the_same_pixels_as_png_and_as_dicom(bits: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 2**bits, (HEIGHT, WIDTH), dtype=np.uint16)
    pixels[0, 0] = 2**bits - 1
    png = encoded(Image.fromarray(pixels), "PNG")
    np.testing.assert_array_equal(grey(dicom(pixels, bits=bits)), grey(png))
    np.testing.assert_array_equal(grey(dicom(pixels, bits=16)), grey(png))


def test_sixteen_stated_bits_are_the_depth_that_is_used() -> None:
    content = dicom(DEEP, bits=16)
    assert examine_bytes(content).mode == "MONOCHROME2 12-bit"
    np.testing.assert_array_equal(grey(content), in_8_bits(DEEP / 4095))


def test_fewer_stated_bits_are_believed() -> None:
    content = dicom((DEEP // 4).astype(np.uint16), bits=12)
    assert examine_bytes(content).mode == "MONOCHROME2 12-bit"
    assert grey(content).max() == 64  # 1023 of 4095 is 63.7 of 255


@pytest.mark.parametrize("more", [{}, {"WindowCenter": 2000, "WindowWidth": 1500}])
def test_monochrome1_is_the_negative(more: dict[str, Any]) -> None:
    positive = grey(dicom(DEEP, bits=12, **more))
    negative = grey(dicom(DEEP, bits=12, photometric="MONOCHROME1", **more))
    np.testing.assert_array_equal(negative, 255 - positive)


@pytest.mark.parametrize(
    ("centre", "width", "function"),
    [
        (2048, 4096, None),
        (1000, 500, "LINEAR"),
        (1000.5, 333.3, "LINEAR"),
        (3000, 1, "LINEAR"),
        (1000, 500, "LINEAR_EXACT"),
        (1000, 0.5, "LINEAR_EXACT"),
        (2000, 800, "SIGMOID"),
        (-4000, 100, "LINEAR"),
    ],
)
@pytest.mark.parametrize("signed", [False, True])
def test_a_window_is_pydicoms(
    centre: float, width: float, function: str | None, *, signed: bool
) -> None:
    pixels = DEEP.astype(np.int16) - 2048 if signed else DEEP
    more = {"VOILUTFunction": function} if function else {}
    data = data_set(pixels, bits=12, WindowCenter=centre, WindowWidth=width, **more)
    lowest = -2048 if signed else 0
    peers = (apply_windowing(pixels, data).astype(float) - lowest) / 4095
    # a share that is half way between two greys may round to either
    np.testing.assert_allclose(grey(written(data)), in_8_bits(peers), atol=1)
    assert (grey(written(data)) == in_8_bits(peers)).mean() > 0.99


def test_a_window_is_of_what_the_slope_makes_of_stored_values() -> None:
    # -1024 + 2 * 1000 = 976 is the window's middle
    more = {"RescaleSlope": 2, "RescaleIntercept": -1024, "WindowCenter": 976, "WindowWidth": 401}
    content = dicom(DEEP, bits=12, **more)
    middle = np.abs(DEEP.astype(int) - 1000).argmin()
    assert abs(int(grey(content).flat[middle]) - 128) <= 2
    assert set(grey(content)[DEEP < 890]) == {0}
    assert set(grey(content)[DEEP > 1110]) == {255}


def test_of_several_windows_the_first_is_applied() -> None:
    both = dicom(DEEP, bits=12, WindowCenter=[900, 3000], WindowWidth=[400, 100])
    first = dicom(DEEP, bits=12, WindowCenter=900, WindowWidth=400)
    np.testing.assert_array_equal(grey(both), grey(first))


@pytest.mark.parametrize(
    "window", [{"WindowCenter": 100, "WindowWidth": 0}, {"WindowWidth": 9}, {"WindowCenter": ""}]
)
def test_half_a_window_is_none(window: dict[str, Any]) -> None:
    np.testing.assert_array_equal(grey(dicom(DEEP, bits=12, **window)), grey(dicom(DEEP, bits=12)))


# A modality's table has 8 or 16 bits (PS3.3, C.11.1.1.1), one of values of interest 8 to 16.
@pytest.mark.parametrize(
    ("keyword", "apply", "bits"),
    [("ModalityLUTSequence", apply_modality_lut, 16), ("VOILUTSequence", apply_voi, 10)],
)
@pytest.mark.parametrize("syntax", NATIVE, ids=lambda uid: UID(uid).keyword)
def test_a_table_is_pydicoms(keyword: str, apply: Any, bits: int, syntax: str) -> None:
    white = 2**bits - 1
    entries = (np.linspace(0, 1, 1000) ** 2 * white).astype(int).tolist()
    data = data_set(DEEP, bits=12, **{keyword: [table(entries, first=1500, bits=bits)]})
    peers = apply(DEEP, dcmread_again(data)) / white
    np.testing.assert_array_equal(grey(written(data, syntax)), in_8_bits(peers))


def dcmread_again(data: Dataset) -> Dataset:
    return dcmread(BytesIO(written(data)))


def test_a_table_comes_before_a_window() -> None:
    item = table([0] * 2000 + [1023] * 2096, first=0, bits=10)
    more = {"VOILUTSequence": [item], "WindowCenter": 100, "WindowWidth": 10}
    assert set(grey(dicom(DEEP, bits=12, **more))[DEEP < 2000]) == {0}


def test_the_first_of_several_frames_is_read() -> None:
    content = dicom(np.stack([RAMP, 255 - RAMP, RAMP]))
    np.testing.assert_array_equal(grey(content), RAMP)


def test_negative_values_are_darker_than_positive_ones() -> None:
    pixels = (DEEP.astype(np.int16) - 2048).astype(np.int16)
    content = dicom(pixels, bits=12)
    np.testing.assert_array_equal(grey(content), in_8_bits(DEEP / 4095))


def test_one_bit_pixels_are_black_and_white() -> None:
    data = data_set(RAMP, bits=8)
    bits = (RAMP > 127).astype(np.uint8)
    data.BitsAllocated, data.BitsStored, data.HighBit = 1, 1, 0
    data.PixelData = np.packbits(bits, bitorder="little").tobytes()
    np.testing.assert_array_equal(grey(written(data)), bits * 255)


def test_colours_are_weighed_as_in_every_other_format() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    image = Image.fromarray(colours)
    content = dicom(colours, photometric="RGB")
    np.testing.assert_array_equal(grey(content), grey(encoded(image, "PNG")))
    ybr = np.asarray(image.convert("YCbCr"))
    # back and forth between the two costs a level each way
    np.testing.assert_allclose(
        grey(dicom(ybr, photometric="YBR_FULL")).astype(int), grey(content), atol=3
    )
    assert examine_bytes(dicom(ybr, photometric="YBR_FULL")).mode == "YBR_FULL 8-bit"


def test_a_jpeg_has_the_pixels_of_the_same_jpeg_alone() -> None:
    jpeg = encoded(Image.fromarray(RAMP), "JPEG")
    content = compressed(data_set(RAMP), JPEGBaseline8Bit, [jpeg, jpeg])
    np.testing.assert_array_equal(grey(content), grey(jpeg))


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEG2000])
@pytest.mark.parametrize("bits", [8, 16])
def test_jpeg_2000_without_loss_gives_the_stored_pixels(syntax: str, bits: int) -> None:
    pixels = RAMP if bits == 8 else DEEP * 16
    frame = encoded(Image.fromarray(pixels), "JPEG2000", irreversible=False, no_jp2=True)
    content = compressed(data_set(pixels), syntax, [frame])
    np.testing.assert_array_equal(grey(content), grey(dicom(pixels)))


@pytest.mark.parametrize("pixels", [RAMP, DEEP], ids=["8-bit", "16-bit"])
def test_run_lengths_are_read(pixels: np.ndarray) -> None:
    data = dcmread_again(data_set(pixels))
    data.compress(RLELossless)
    np.testing.assert_array_equal(grey(written(data, RLELossless)), grey(dicom(pixels)))


@pytest.mark.parametrize("implicit", [True, False])
def test_a_data_set_without_a_preamble_is_recognised(*, implicit: bool) -> None:
    content = bare(data_set(DEEP, bits=12), implicit=implicit)
    assert not content.startswith(b"\0" * 128)
    np.testing.assert_array_equal(grey(content), in_8_bits(DEEP / 4095))


def test_a_file_that_lost_only_its_preamble_is_recognised() -> None:
    np.testing.assert_array_equal(grey(dicom(RAMP)[132:]), RAMP)


@pytest.mark.parametrize("content", [b"", b"\x08\0\x05\0CS", b"\x08\0\x08\0" * 99, b"DICM"])
def test_what_only_begins_like_a_data_set_is_no_dicom(content: bytes) -> None:
    assert not is_dicom(content)
    with pytest.raises(NotAnImage):
        decode_bytes(content + b"\0", 16)


def test_a_file_that_is_another_image_too_is_read_as_that_one() -> None:
    # The preamble is free for others; with the extra and without it the same pixels are to come.
    tiff = encoded(Image.fromarray(RAMP), "TIFF", compression="raw")
    content = tiff[:128] + b"DICM" + tiff[132:]
    assert is_dicom(content)
    assert examine_bytes(content).format == "TIFF"


def _with(**elements: Any) -> bytes:
    data = data_set(RAMP)
    for keyword, value in elements.items():
        setattr(data, keyword, value)
    return written(data)


def _without(*keywords: str) -> bytes:
    data = data_set(RAMP)
    for keyword in keywords:
        delattr(data, keyword)
    return written(data)


def _inside(width: int, height: int) -> bytes:
    """A JPEG of another size than the header says."""
    jpeg = encoded(Image.new("L", (width, height)), "JPEG")
    return compressed(data_set(RAMP), JPEGBaseline8Bit, [jpeg])


def _run_length_bomb() -> bytes:
    """A frame of run lengths that would become 60 times as long as the header says."""
    runs = b"\x81\xff" * (HEIGHT * WIDTH)
    head = np.array([1, 64, *[0] * 14], dtype="<u4").tobytes()
    return compressed(data_set(RAMP), RLELossless, [head + runs])


NAMED = "JPEG Lossless, Non-Hierarchical, First-Order Prediction"
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "no pixels": (lambda: _without("PixelData"), "DICOM without pixels"),
    "no rows": (lambda: _without("Rows"), "damaged DICOM"),
    "no bits": (lambda: _without("BitsStored"), "damaged DICOM"),
    "no photometry": (lambda: _without("PhotometricInterpretation"), "damaged DICOM"),
    "too many pixels": (lambda: _with(Rows=60_000, Columns=60_000), "more than 64 million pixels"),
    "too few pixels": (
        lambda: dicom(RAMP[:15]),
        "40 x 15 pixels; at least 16 a side are needed",
    ),
    "fewer pixels than rows": (lambda: _with(Rows=HEIGHT + 1), "damaged DICOM"),
    "more frames than pixels": (lambda: _with(NumberOfFrames=9), "damaged DICOM"),
    "no frame": (lambda: _with(Rows=0), "40 x 0 pixels; at least 16 a side are needed"),
    "a slope of nothing": (lambda: _with(RescaleSlope=0, RescaleIntercept=0), "damaged DICOM"),
    "a slope beyond numbers": (
        lambda: _with(RescaleSlope="1e308", RescaleIntercept="1e308"),
        "damaged DICOM",
    ),
    "bits in the wrong place": (
        lambda: _with(BitsStored=6, HighBit=7),
        "DICOM whose pixels don't begin at their word's lowest bit",
    ),
    "deep pixels": (
        lambda: dicom(RAMP.astype(np.uint32)),
        "DICOM of 32-bit pixels isn't read",
    ),
    "deep colours": (
        lambda: dicom(np.zeros((24, 40, 3), np.uint16), photometric="RGB"),
        "DICOM of 16-bit colours isn't read",
    ),
    "a palette": (
        lambda: _with(PhotometricInterpretation="PALETTE COLOR"),
        "DICOM of a photometric interpretation that isn't read",
    ),
    "a patient for a photometry": (
        lambda: dicom(RAMP).replace(b"MONOCHROME2 ", b"PLANTED^PAUL"),
        "DICOM of a photometric interpretation that isn't read",
    ),
    "deflated": (
        lambda: dicom(RAMP, DeflatedExplicitVRLittleEndian),
        "DICOM that is deflated isn't read",
    ),
    "a jpeg of another size": (lambda: _inside(WIDTH + 8, HEIGHT), "damaged DICOM"),
    "a jpeg that is none": (
        lambda: compressed(data_set(RAMP), JPEGBaseline8Bit, [b"planted" * 9]),
        "damaged DICOM",
    ),
    "run lengths that grow": (_run_length_bomb, "damaged DICOM"),
    "a jpeg of 12 bits": (
        lambda: compressed(data_set(DEEP, bits=12), JPEGExtended12Bit, [b"\xff\xd8"]),
        "DICOM compressed by JPEG Extended isn't read beyond 8 bits",
    ),
    "a jpeg without loss": (
        lambda: compressed(data_set(RAMP), JPEGLosslessSV1, [b"\xff\xd8"]),
        f"DICOM: install a decoder of {NAMED} that pydicom can use, such as python-gdcm",
    ),
    "jpeg-ls": (
        lambda: compressed(data_set(RAMP), JPEGLSLossless, [b"\xff\xd8"]),
        "DICOM: install a decoder of JPEG-LS Lossless Image Compression that pydicom can use, "
        "such as python-gdcm",
    ),
    "jpeg 2000 of high throughput": (
        lambda: compressed(data_set(RAMP), HTJ2KLossless, [b"\xff\x4f"]),
        "DICOM compressed by High-Throughput JPEG 2000 Image Compression isn't read",
    ),
    "an unknown compression": (
        lambda: _inside(WIDTH, HEIGHT).replace(
            JPEGBaseline8Bit.encode(), b"1.2.3.4711.99999999999"
        ),
        "DICOM compressed by an unknown method isn't read",
    ),
    "a cut header": (lambda: dicom(RAMP)[:200], "DICOM without pixels"),
    "cut pixels": (lambda: dicom(RAMP)[:-9], "damaged DICOM"),
    "nothing but the magic": (lambda: b"\0" * 128 + b"DICM", "DICOM without pixels"),
    "noise behind the magic": (
        lambda: b"\0" * 128 + b"DICM" + np.random.default_rng(0).bytes(5000),
        "DICOM without pixels",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_read_is_refused_in_a_few_words_that_quote_no_header(
    name: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    make, expected = REFUSED[name]
    with caplog.at_level(logging.DEBUG):
        assert reason(make()) == expected
    said = "".join((*capfd.readouterr(), caplog.text)).lower()
    assert not [word for word in PLANTED if word in said]


def test_nothing_is_read_of_a_patient(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    content = dicom(RAMP)
    assert b"Planted^Paula" in content  # else there was nothing to leak
    data = reader._dataset(content)
    assert not [keyword for keyword in PATIENT if keyword in data]
    assert {element.keyword for element in data} <= set(reader._READ)
    with caplog.at_level(logging.DEBUG):
        found = decode_bytes(content, 16)
    said = "".join((repr(found.facts), *capfd.readouterr(), caplog.text)).lower()
    assert not [word for word in PLANTED if word in said]


@settings(max_examples=60)
@given(
    st.sampled_from(["plain", "implicit", "jpeg", "run lengths", "table"]),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=30),
    st.floats(0.2, 1),
)
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_a_garbled_file_is_decoded_or_refused_but_never_crashes(
    kind: str, changes: list[tuple[float, int]], share: float
) -> None:
    content = bytearray(KINDS[kind]())
    content = content[: int(share * len(content))]
    for place, value in changes:
        content[int(place * len(content))] = value
    outcome = shape_or_reason(bytes(content))
    assert outcome == (16, 16) or not [word for word in PLANTED if word in str(outcome).lower()]


def shape_or_reason(content: bytes) -> tuple[int, ...] | str:
    try:
        return decode_bytes(content, 16).pixels.shape
    except UnreadableImage as error:
        return error.reason


def _run_lengths() -> bytes:
    data = dcmread_again(data_set(RAMP))
    data.compress(RLELossless)
    return written(data, RLELossless)


KINDS: dict[str, Callable[[], bytes]] = {
    "plain": lambda: dicom(DEEP, bits=12, WindowCenter=1000, WindowWidth=900),
    "implicit": lambda: dicom(RAMP, ImplicitVRLittleEndian),
    "jpeg": lambda: _inside(WIDTH, HEIGHT),
    "run lengths": _run_lengths,
    "table": lambda: dicom(DEEP, VOILUTSequence=[table([0, 9, 99], first=7, bits=8)]),
}


def test_sequences_in_sequences_without_end_are_refused() -> None:
    # An element of a sequence inside an item of a sequence, and so on, none of them closed.
    nested = b"\x28\0\x10\x30SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * 5000
    head = dicom(RAMP)
    at = head.index(b"\xe0\x7f\x10\0")
    assert reason(head[:at] + nested + head[at:]) in ("damaged DICOM", "DICOM without pixels")


# Without the extra: a real process in which the import of pydicom fails, as where it is absent.
BLOCKED = "import sys; sys.modules['pydicom'] = None\n"


def without_pydicom(script: str, *arguments: object) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", BLOCKED + script, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def test_without_the_extra_a_dicom_names_it_and_how_to_install_it(tmp_path: Path) -> None:
    (tmp_path / "image.dcm").write_bytes(dicom(RAMP))
    script = """
from pathlib import Path
from lungbench.data.decode import NotAnImage, UnreadableImage, decode
try:
    decode(Path(sys.argv[1]), 16)
except UnreadableImage as error:
    print(isinstance(error, NotAnImage), error)
"""
    assert without_pydicom(script, tmp_path / "image.dcm") == (
        "False An image file must be readable. Received: DICOM: install the dicom extra "
        '(pip install -c constraints.txt "lungbench[dicom]").'
    )


def test_without_the_extra_all_other_formats_are_read(tmp_path: Path) -> None:
    Image.fromarray(RAMP).save(tmp_path / "image.png")
    script = """
from pathlib import Path
from lungbench.data.decode import decode
print(decode(Path(sys.argv[1]), 16).facts.format)
"""
    assert without_pydicom(script, tmp_path / "image.png") == "PNG"


def test_a_cache_that_was_filled_without_the_extra_is_filled_again_with_it(tmp_path: Path) -> None:
    source, cache = tmp_path / "source", tmp_path / "cache"
    for number, name in enumerate(("covid/1.dcm", "covid/2.png", "normal/3.png", "normal/4.png")):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        image = np.roll(RAMP, number)
        content = dicom(image) if name.endswith("dcm") else encoded(Image.fromarray(image), "PNG")
        (source / name).write_bytes(content)
    cache.mkdir()
    script = """
from pathlib import Path
from lungbench.data.file_table import FileTable
from lungbench.data.listing import found_files
from lungbench.data.pixels import build_pixels
source, cache = map(Path, sys.argv[1:])
files = FileTable(found_files(source))
build_pixels(cache, source, files, 16)
print(files[0].reason)
"""
    assert without_pydicom(script, source, cache) == NOT_INSTALLED
    files = FileTable(found_files(source))
    read_contents(source, files, Memory(cache, source))
    assert cache_of_pixels.find_pixels(cache, files, 16) is None
    cache_of_pixels.build_pixels(cache, source, files, 16)
    assert [file.reason for file in files] == [None] * 4
    assert cache_of_pixels.find_pixels(cache, files, 16) is not None


def test_only_what_an_installation_can_mend_is_tried_again() -> None:
    assert readable_by_now(NOT_INSTALLED)
    assert not readable_by_now("damaged DICOM")
    assert not readable_by_now(reason(REFUSED["a jpeg without loss"][0]()))
