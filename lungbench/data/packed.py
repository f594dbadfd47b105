"""Long sequences in little memory: the paths of a source, and the rows of a split.

As a tuple, a hundred thousand paths take 10 MB and as many numbers 4 MB; packed, 1 and 0.4.
"""

import struct
from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Self, overload

import numpy as np
from numpy.typing import NDArray
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

_BLOCK = 8
"""Paths that are read to find one: the more, the less memory and the more time."""

_BLOCKS_KEPT = 64

_SIZES = struct.Struct("<HH")
"""How many bytes of a path are shared with the one before, and how many follow. The system allows
4,096."""

_ERRORS = "surrogateescape"
"""Names that are no UTF-8 come back as the system gave them."""


class _Packed:
    """What pydantic is told of a packed sequence: in JSON it is a list."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._of, serialization=core_schema.plain_serializer_function_ser_schema(list)
        )

    @classmethod
    def _of(cls, values: Any) -> Self:
        if isinstance(values, cls):
            return values
        try:
            return cls(_listed(values))  # type: ignore[call-arg]
        except (TypeError, AttributeError, OverflowError):
            raise ValueError(f"no {cls.__name__.lower()}: {type(values).__name__}") from None


class Paths(_Packed, Sequence[str]):
    """Paths, each as what it doesn't share with the one before; equal to any sequence of the same.

    In blocks, of which the first path is whole, so that any path is found by reading one block.
    """

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self._text = bytearray()
        self._blocks = array("Q")
        self._length = 0
        self._last = b""
        self._order: NDArray[np.int32] | None = None
        # Threads that go through the paths side by side are each in a block of their own.
        self._block = lru_cache(maxsize=_BLOCKS_KEPT)(self._unpacked)
        for path in paths:
            self.append(path)

    def append(self, path: str) -> None:
        """Add one at the end; not to a selection."""
        whole = path.encode(errors=_ERRORS)
        if self._length % _BLOCK == 0:
            self._blocks.append(len(self._text))
            self._last = b""
        shared = _shared(self._last, whole)
        self._text += _SIZES.pack(shared, len(whole) - shared) + whole[shared:]
        self._length, self._last = self._length + 1, whole

    def chosen(self, positions: NDArray[np.integer[Any]]) -> "Paths":
        """Return the paths at these positions, in this order; their text isn't copied."""
        some = Paths()
        some._text, some._blocks, some._length = self._text, self._blocks, self._length
        some._order = positions.astype(np.int32, copy=False)
        return some

    def __len__(self) -> int:
        return self._length if self._order is None else len(self._order)

    @overload
    def __getitem__(self, position: int) -> str: ...

    @overload
    def __getitem__(self, position: slice) -> list[str]: ...

    def __getitem__(self, position: int | slice) -> str | list[str]:
        if isinstance(position, slice):
            return [self[each] for each in range(*position.indices(len(self)))]
        at = range(len(self))[position]
        block, place = divmod(at if self._order is None else int(self._order[at]), _BLOCK)
        whole = (block + 1) * _BLOCK <= self._length  # the last one may still grow
        return (self._block if whole else self._unpacked)(block)[place]

    def __iter__(self) -> Iterator[str]:
        if self._order is not None:
            yield from (self[position] for position in range(len(self)))
            return
        for block in range(len(self._blocks)):
            yield from self._unpacked(block)

    def __eq__(self, other: object) -> bool:
        return _equal(self, other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Paths({list(self)!r})"

    def _unpacked(self, number: int) -> list[str]:
        """Return the paths of a block."""
        at, path, paths = self._blocks[number], b"", []
        for _ in range(min(_BLOCK, self._length - number * _BLOCK)):
            shared, more = _SIZES.unpack_from(self._text, at)
            at += _SIZES.size
            path = path[:shared] + self._text[at : at + more]
            at += more
            paths.append(path.decode(errors=_ERRORS))
        return paths


class Rows(_Packed, Sequence[int]):
    """Positions in the pixels; equal to any sequence of the same ones."""

    def __init__(self, rows: Iterable[int] = ()) -> None:
        if isinstance(rows, np.ndarray):
            self._numbers = array("i", rows.astype(np.int32).tobytes())
        else:
            self._numbers = array("i", rows)

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, position: int) -> int: ...

    @overload
    def __getitem__(self, position: slice) -> "Rows": ...

    def __getitem__(self, position: int | slice) -> "int | Rows":
        found = self._numbers[position]
        return found if isinstance(found, int) else Rows(found)

    def __iter__(self) -> Iterator[int]:
        return iter(self._numbers)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the numbers as numpy wants them; always a copy."""
        return np.frombuffer(self._numbers, dtype=np.int32).astype(dtype or np.int64)

    def __eq__(self, other: object) -> bool:
        return self._numbers == other._numbers if isinstance(other, Rows) else _equal(self, other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Rows({list(self)!r})"


def _shared(one: bytes, other: bytes) -> int:
    """Return how many bytes two paths begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _listed(values: Any) -> Any:
    if isinstance(values, str | bytes | dict):
        raise TypeError
    return values


def _equal(one: Sequence[Any], other: object) -> bool:
    if not isinstance(other, Sequence) or isinstance(other, str | bytes):
        return False
    return len(one) == len(other) and all(a == b for a, b in zip(one, other, strict=True))
