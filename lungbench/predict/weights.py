"""Look through the weights of a model file before Keras reads them: plain arrays, as Keras stores.

HDF5 files can name other files, hold arrays that are computed from others, or claim a size that
they don't have. None of that is in a file that Keras wrote. It is the child that looks, since the
HDF5 library reads what a stranger may have written.
"""

import math
import zipfile
from pathlib import Path

import h5py  # type: ignore[import-untyped] # it has no types

from lungbench.errors import Refused
from lungbench.predict.archive import WEIGHTS, brief

_MAX_DEPTH = 64  # of groups; those of keras.applications reach 4
_NUMBERS = "fiub"  # numpy's letters for floating-point, signed, unsigned and boolean
_OF_TRAINING = "optimizer/"  # which the file of a compiled model holds too, and nobody loads


def stored_weights(path: Path) -> dict[str, int]:
    """Return how many numbers each array among a model file's weights has, by its name.

    Raises:
        Refused: Something in it isn't a plain array, or it can't be read.
    """
    try:
        with (
            zipfile.ZipFile(path) as archive,
            archive.open(WEIGHTS) as member,
            h5py.File(member, "r") as file,
        ):
            room = _Room(archive.getinfo(WEIGHTS).file_size)
            room.take(file)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise _no_plain_arrays(brief(str(error))) from None
    return {
        name: numbers for name, numbers in room.found.items() if not name.startswith(_OF_TRAINING)
    }


class _Room:
    """The arrays found so far, and the bytes that are left for others.

    Attributes:
        found: How many numbers each has, by name.
    """

    def __init__(self, size_bytes: int) -> None:
        self.found: dict[str, int] = {}
        self._left_bytes = size_bytes

    def take(self, group: h5py.Group, path: str = "", depth: int = 0) -> None:
        """Look at everything below a group."""
        if depth > _MAX_DEPTH:
            raise _no_plain_arrays(f"groups more than {_MAX_DEPTH} levels deep")
        for name in group:
            inside = f"{path}{name}"
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise _no_plain_arrays(f"{brief(inside)}, a link")
            member = group[name]
            if isinstance(member, h5py.Dataset):
                self._take_array(member, inside)
            elif isinstance(member, h5py.Group):
                self.take(member, f"{inside}/", depth + 1)
            else:
                raise _no_plain_arrays(f"{brief(inside)}, a type")

    def _take_array(self, array: h5py.Dataset, name: str) -> None:
        plain = not (array.external or array.is_virtual or array.chunks)
        if not plain or array.dtype.kind not in _NUMBERS:
            raise _no_plain_arrays(f"{brief(name)}, which is stored elsewhere or in another way")
        numbers = math.prod(array.shape)
        # Each costs something, that an endless number of empty ones doesn't fit either.
        self._left_bytes -= max(1, numbers * array.dtype.itemsize)
        if self._left_bytes < 0:
            raise _no_plain_arrays(f"{brief(name)}, which claims more bytes than there are")
        self.found[name] = numbers


def _no_plain_arrays(received: str) -> Refused:
    return Refused(
        "A model's weights must be plain arrays, as Keras stores them.", received=received
    )
