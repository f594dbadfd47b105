"""The pixels of a grey image as numpy sees them, without a copy.

numpy can't look into a Pillow image; `np.asarray` gets it a copy, which for a megapixel takes
longer than summing it up. Pillow shares its memory by the Arrow C data interface
(https://arrow.apache.org/docs/format/CDataInterface.html), whose one structure is read here.
"""

import ctypes

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def pixel_view(image: Image.Image) -> NDArray[np.uint8]:
    """Return the pixels of an image of mode `L`, row x column, to look at only.

    A copy where its rows lie in several blocks of memory: where it is larger than 16 MiB.
    """
    try:
        _, array = image.__arrow_c_array__()
    except ValueError:
        return np.asarray(image)
    return np.asarray(_Shared(array, (image.height, image.width)))


class _ArrowArray(ctypes.Structure):
    """The structure `ArrowArray` of the interface, as far as it is read."""

    _fields_ = (
        ("length", ctypes.c_int64),
        ("null_count", ctypes.c_int64),
        ("offset", ctypes.c_int64),
        ("n_buffers", ctypes.c_int64),
        ("n_children", ctypes.c_int64),
        ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    )


_array_in = ctypes.pythonapi.PyCapsule_GetPointer
_array_in.restype = ctypes.POINTER(_ArrowArray)
_array_in.argtypes = (ctypes.py_object, ctypes.c_char_p)

_VALUES = 1
"""Arrow's first buffer tells which values are missing; the second holds them."""

_READ_ONLY = True


class _Shared:
    """What numpy asks for an array's memory.

    Args:
        array: The capsule of an Arrow array of bytes; its memory is released with this object.
        shape: Of the array.
    """

    def __init__(self, array: object, shape: tuple[int, int]) -> None:
        self._array = array
        arrow = _array_in(array, b"arrow_array").contents
        address = arrow.buffers[_VALUES] + arrow.offset
        self.__array_interface__ = {
            "version": 3,
            "typestr": "|u1",
            "shape": shape,
            "data": (address, _READ_ONLY),
        }
