"""Hashes of an execution's files that no record holds: its own, and the records themselves.

They stand in `SHA256SUMS`, which `sha256sum --check` reads as well. A comment at its end is the
hash of the lines above it. Who owns the execution takes a file's line out before writing the file
and puts it back afterwards, so that a line never belongs to an earlier content. Of its threads, one
at a time changes the list.
"""

import hashlib
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from lungbench.errors import LungbenchError
from lungbench.files import sha256_of, write_atomically

SEAL_FILE = "SHA256SUMS"

_COMMENT = "# sha256 of the lines above: "
_changing = threading.Lock()


class BrokenSeal(LungbenchError):
    """The list of hashes isn't what was written."""


def read_seal(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each sealed file by its path in the execution; none where none are.

    Raises:
        BrokenSeal: The list is not what was written, or can't be read.
    """
    path = folder / SEAL_FILE
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _broken(path, error.strerror or str(error)) from None
    lines, comment, digest = content.rpartition(_COMMENT.encode())
    if not comment or digest != _digest(lines):
        raise _broken(path, "its own hash doesn't fit")
    pairs = (line.split("  ", maxsplit=1) for line in lines.decode().splitlines())
    return {name: hashed for hashed, name in pairs}


def seal(folder: Path, names: Iterable[str]) -> None:
    """Put the hashes of these files into the list, as far as the files are there.

    Raises:
        OSError: The list can't be written, or a file can't be read.
    """
    files = {name: sha256_of(folder / name) for name in names if (folder / name).is_file()}
    with _changing:
        _write(folder, _present(folder) | files)


def unseal(folder: Path, names: Iterable[str]) -> None:
    """Take these files out of the list, because they are about to be written.

    Raises:
        OSError: The folder can't be written.
    """
    with _changing:
        present, leaving = _present(folder), set(names)
        if not leaving & present.keys():
            return
        try:
            _write(folder, {name: each for name, each in present.items() if name not in leaving})
        except OSError:  # a full disk; no list is better than one that doesn't fit
            (folder / SEAL_FILE).unlink()


def _present(folder: Path) -> dict[str, str]:
    with suppress(BrokenSeal):  # it is begun anew; `verify` is who looks for damage
        return read_seal(folder)
    return {}


def _write(folder: Path, files: dict[str, str]) -> None:
    lines = "".join(f"{files[name]}  {name}\n" for name in sorted(files)).encode()
    write_atomically(folder / SEAL_FILE, lines + _COMMENT.encode() + _digest(lines))


def _digest(lines: bytes) -> bytes:
    return hashlib.sha256(lines).hexdigest().encode() + b"\n"


def _broken(path: Path, why: str) -> BrokenSeal:
    return BrokenSeal("The list of hashes must be what was written.", received=f"{path}: {why}")
