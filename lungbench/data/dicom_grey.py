"""From the values that a DICOM file stores to the grey that a viewer shows at first.

Stored value -> modality's table or slope -> first VOI table or window -> 8 bits, as in DICOM
PS3.3, sections C.11.1 and C.11.2. Where a file has neither table nor window, black and white are
the ends of the range that it stores.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pydicom import Dataset

Values = NDArray[np.float64]

_WIDE_ENTRIES = 2**16  # what a table of 0 entries has


class _Table(NamedTuple):
    """A look-up table.

    Attributes:
        first: The value that the first entry is for; smaller ones get it too.
        white: What its entries can be at most.
    """

    first: int
    entries: Values
    white: int

    def look_up(self, values: Values) -> Values:
        places = np.clip(values - self.first, 0, len(self.entries) - 1)
        return self.entries[np.rint(places).astype(np.intp)]


def grey_levels(stored: NDArray[np.int64], dataset: "Dataset") -> NDArray[np.uint8]:
    """Return the grey of each stored value, 0 to 255, before MONOCHROME1 is inverted.

    Args:
        stored: Every value that a pixel can have, ascending.
        dataset: The header's modality and VOI elements.

    Raises:
        ValueError: They make no sense.
    """
    with np.errstate(all="ignore"):  # what comes of it is looked at below
        values, black, white = _modality(stored.astype(np.float64), dataset)
        shown = _voi(values, dataset)
        if shown is None:
            shown = (values - black) / (white - black)
    if not np.isfinite(shown).all():
        raise ValueError("no finite greys")
    return np.floor(255 * shown + 0.5).astype(np.uint8)


def first_number(dataset: "Dataset", keyword: str, default: float) -> float:
    """Return an element's first number, or the default where there is none.

    Raises:
        ValueError: It holds something else.
    """
    value = dataset.get(keyword)
    if isinstance(value, Sequence) and not isinstance(value, str):
        value = value[0] if len(value) else None
    return default if value is None or value == "" else float(value)


def _modality(stored: Values, dataset: "Dataset") -> tuple[Values, float, float]:
    """Return the values that a modality means, and the ends of their range."""
    if table := _table(dataset, "ModalityLUTSequence"):
        return table.look_up(stored), 0, table.white
    slope, intercept = (
        first_number(dataset, "RescaleSlope", 1),
        first_number(dataset, "RescaleIntercept", 0),
    )
    values = stored * slope + intercept
    return values, values.min(), values.max()


def _voi(values: Values, dataset: "Dataset") -> Values | None:
    """Return the values of interest, 0 to 1; None where a file doesn't say which are."""
    if table := _table(dataset, "VOILUTSequence"):
        return table.look_up(values) / table.white
    width = first_number(dataset, "WindowWidth", 0)
    function = _FUNCTIONS.get(str(dataset.get("VOILUTFunction")).upper(), _linear)
    if "WindowCenter" not in dataset or width < (1 if function is _linear else np.nextafter(0, 1)):
        return None
    return function(values, first_number(dataset, "WindowCenter", 0), width)


def _linear(values: Values, centre: float, width: float) -> Values:
    if width == 1:
        return (values > centre - 0.5).astype(np.float64)
    return np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)


def _linear_exact(values: Values, centre: float, width: float) -> Values:
    return np.clip((values - centre) / width + 0.5, 0, 1)


def _sigmoid(values: Values, centre: float, width: float) -> Values:
    # 1 / (1 + exp(-4 (x - c) / w)), without its overflow
    return (1 + np.tanh(2 * (values - centre) / width)) / 2


_FUNCTIONS: dict[str, Callable[[Values, float, float], Values]] = {
    "LINEAR": _linear,
    "LINEAR_EXACT": _linear_exact,
    "SIGMOID": _sigmoid,
}


def _table(dataset: "Dataset", keyword: str) -> _Table | None:
    """Return the first table of a sequence; None where there is none."""
    items = dataset.get(keyword)
    if not items:
        return None
    length, first, bits = (int(value) for value in items[0].LUTDescriptor)
    if first_number(dataset, "PixelRepresentation", 0) and first >= _WIDE_ENTRIES // 2:
        first -= _WIDE_ENTRIES  # a signed value that was read as an unsigned one
    entries = _entries(items[0].LUTData, length or _WIDE_ENTRIES, bits, dataset)
    return _Table(first, entries, 2**bits - 1)


def _entries(data: Any, length: int, bits: int, dataset: "Dataset") -> Values:
    if isinstance(data, bytes):
        wide = "<u2" if dataset.original_encoding[1] else ">u2"
        data = np.frombuffer(data, np.uint8 if len(data) < 2 * length else wide)
    entries = np.asarray(data, dtype=np.float64)[:length]
    if len(entries) < length or entries.max() >= 2**bits:
        raise ValueError("a table that isn't what its descriptor says")
    return entries
