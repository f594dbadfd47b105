"""JSON that is too long to be put together in memory."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

_AT_ONCE = 1024


def json_list(items: Iterable[Any]) -> Iterator[str]:
    """Yield the JSON of a list, as `json.dumps` would write it, piece by piece."""
    rest, separator = iter(items), ""
    yield "["
    while piece := list(islice(rest, _AT_ONCE)):
        yield separator + json.dumps(piece)[1:-1]
        separator = ", "
    yield "]"
