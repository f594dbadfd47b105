"""A column of values of which most are alike, or missing."""

from array import array
from collections.abc import Hashable
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Value = TypeVar("Value", bound=Hashable)


class Repeated(Generic[Value]):
    """A column of values of which most are alike; it takes memory from the first value on.

    Args:
        length: How many there will be at least.
    """

    def __init__(self, length: int = 0) -> None:
        self._numbers = array("I", [0]) * length
        self._values: list[Value | None] = [None]
        self._number_of: dict[Value | None, int] = {None: 0}

    def __getitem__(self, position: int) -> Value | None:
        return self._values[self._numbers[position]] if position < len(self._numbers) else None

    def set(self, position: int, value: Value | None) -> None:
        """Put a value, or None, into its place."""
        if position >= len(self._numbers):
            if value is None:
                return
            self._numbers.extend([0] * (position + 1 - len(self._numbers)))
        if value not in self._number_of:
            self._number_of[value] = len(self._values)
            self._values.append(value)
        self._numbers[position] = self._number_of[value]

    def numbers(self, length: int) -> NDArray[np.uint32]:
        """Return 0 for each None, else which of the different values each is."""
        numbers = np.zeros(length, dtype=np.uint32)
        numbers[: len(self._numbers)] = np.frombuffer(self._numbers, np.uint32)
        return numbers
