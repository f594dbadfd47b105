"""What the folders and columns of other people's data sets call the three splits."""

import unicodedata

from lungbench.record import Split

_NAMES: dict[Split, frozenset[str]] = {
    "train": frozenset(("train", "training", "trn", "entrenamiento")),
    "validation": frozenset(("val", "valid", "validation", "validate", "validacion")),
    "test": frozenset(("test", "testing", "tst", "testeo", "prueba", "pruebas")),
}
"""The paper's are Train, Val and Testeo (section III.B)."""


def split_named(name: str) -> Split | None:
    """Return the split that a name means, whatever its case and accents; None if it means none."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    word = plain.strip().lower()
    return next((split for split, names in _NAMES.items() if word in names), None)
