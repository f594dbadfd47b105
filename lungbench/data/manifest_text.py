"""The text of a manifest: what parts its cells, what of a name counts, why it can't be read."""

from pathlib import Path

_DELIMITERS = (",", ";", "\t")
_BEGINNING_BYTES = 8
_KINDS = (
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
    (b"PK\x03\x04", "a workbook such as XLSX"),
    (b"\xd0\xcf\x11\xe0", "a workbook such as XLS"),
    (b"\xff\xd8\xff", "an image"),
    (b"\x89PNG", "an image"),
)
"""How files begin that are no text and yet are taken for a manifest."""


def delimiter_of(path: Path, header: str) -> str:
    """Return what stands between the cells of a table, by its name, else by its header line."""
    if path.suffix.lower() in (".tsv", ".tab"):
        return "\t"
    return max(_DELIMITERS, key=header.count)


def plain_name(column: str) -> str:
    """Return what of a column's name counts: its letters and digits."""
    return "".join(filter(str.isalnum, column.casefold()))


def why_no_text(path: Path, error: Exception) -> str:
    """Say what is in the way of reading a table, as somebody knows it who saved it."""
    if isinstance(error, UnicodeDecodeError):
        with path.open("rb") as file:
            begins = file.read(_BEGINNING_BYTES)
        kinds = (kind for start, kind in _KINDS if begins.startswith(start))
        return next(kinds, f"the byte 0x{error.object[error.start]:02X} is no UTF-8")
    return getattr(error, "strerror", None) or str(error)
