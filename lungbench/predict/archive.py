"""Look through a `.keras` file without Keras: exactly the archive that Keras writes, or none.

Keras stores three members uncompressed. Asking for just that leaves no room for bombs, paths that
lead out, links, or the folder of assets that Keras would unpack.
"""

import json
import struct
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

from lungbench.errors import Refused

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
MEMBERS = frozenset((CONFIG, METADATA, WEIGHTS))

MAX_CONFIG_BYTES = 4 * 2**20
"""Ten times that of the largest networks of keras.applications."""

MAX_METADATA_BYTES = 64 * 2**10
KERAS_GENERATION = "3"

_ZIP, _HDF5 = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"
_BLOCK_BYTES = 2**20

# The end of a zip: signature, entries and size of its directory. The 64-bit form comes before it,
# where offsets need it, and then counts.
_END = struct.Struct("<4s6xHLLH")
_END_64 = struct.Struct("<4s28xQQ8x")
_LOCATOR_BYTES = 20

# What `zipfile` raises where bytes were changed; a password is asked for by a RuntimeError.
_DAMAGE = (OSError, zipfile.BadZipFile, RuntimeError, EOFError, ValueError, KeyError, struct.error)
_MAX_DIRECTORY_BYTES = 4096


def read_config(path: Path) -> dict[str, Any]:
    """Check a model file's archive; return the description of its network.

    Raises:
        Refused: It isn't an archive as Keras 3 writes it, or is damaged.
    """
    try:
        with path.open("rb") as file:
            _check_start(file)
            _check_end(file)
            with zipfile.ZipFile(file) as archive:
                return _config(archive)
    except _DAMAGE as error:
        raise _damaged(error) from None


def _config(archive: zipfile.ZipFile) -> dict[str, Any]:
    _check_members(archive.infolist())
    metadata = _json(archive, METADATA, MAX_METADATA_BYTES)
    version = metadata.get("keras_version")
    if not isinstance(version, str) or version.split(".")[0] != KERAS_GENERATION:
        raise Refused(
            f"A model must be saved by Keras {KERAS_GENERATION}.", received=brief(version)
        )
    config = _json(archive, CONFIG, MAX_CONFIG_BYTES)
    _check_weights(archive)
    return config


def _check_start(file: BinaryIO) -> None:
    start = file.read(len(_HDF5))
    if start == _HDF5:
        raise _no_archive("HDF5 (.h5), whose networks can carry code")
    if not start.startswith(_ZIP):
        raise _no_archive("another format")


def _check_end(file: BinaryIO) -> None:
    """Look at the size of the directory before `zipfile` reads it as a whole."""
    length = file.seek(0, 2)
    if length < _END.size:
        raise _no_archive("an archive that is cut off")
    tail_bytes = min(length, _END.size + _LOCATOR_BYTES + _END_64.size)
    file.seek(length - tail_bytes)
    tail = file.read()
    signature, entries, size, _, comment = _END.unpack(tail[-_END.size :])
    if signature != b"PK\x05\x06" or comment:
        raise _no_archive("an archive that is cut off or goes on after its end")
    if tail[-_END.size - _LOCATOR_BYTES :].startswith(b"PK\x06\x07"):
        signature, entries, size = _END_64.unpack(tail[: _END_64.size])
        if signature != b"PK\x06\x06":
            raise _no_archive("an archive with a damaged end")
    if entries != len(MEMBERS) or size > _MAX_DIRECTORY_BYTES:
        raise _no_archive(f"an archive of {entries} members")


def _check_members(members: list[zipfile.ZipInfo]) -> None:
    names = [member.filename for member in members]
    if sorted(names) != sorted(MEMBERS):
        raise _no_archive(f"members {brief(names)}")
    for member in members:
        stored = member.compress_type == zipfile.ZIP_STORED
        if not stored or member.flag_bits & 1 or member.file_size != member.compress_size:
            raise _no_archive(f"{member.filename} compressed or encrypted")


def _json(archive: zipfile.ZipFile, name: str, limit_bytes: int) -> dict[str, Any]:
    size = archive.getinfo(name).file_size
    if size > limit_bytes:
        raise _no_archive(f"{name} of {size:,} bytes; at most {limit_bytes:,} are read")
    try:
        value = json.loads(archive.read(name))
    except (ValueError, RecursionError) as error:
        raise _no_archive(f"{name} that is no JSON ({_words(error)})") from None
    if not isinstance(value, dict):
        raise _no_archive(f"{name} that holds no object")
    return value


def _check_weights(archive: zipfile.ZipFile) -> None:
    """Read the weights once, so that their checksum counts: Keras would pass over a wrong one."""
    with archive.open(WEIGHTS) as weights:
        if weights.read(len(_HDF5)) != _HDF5:
            raise _no_archive(f"{WEIGHTS} that is no HDF5")
        while weights.read(_BLOCK_BYTES):
            pass


def brief(value: object, longest: int = 120) -> str:
    """Return a value that somebody else wrote, short and without characters that act."""
    text = ascii(value)
    return text if len(text) <= longest else f"{text[:longest]}…"


def _words(error: BaseException) -> str:
    return brief(str(error) or type(error).__name__).strip("'\"")


def _no_archive(received: str) -> Refused:
    return Refused(
        "A model file must be the archive that Keras writes.",
        received=received,
        expected=f"{', '.join(sorted(MEMBERS))}, stored as they are",
    )


def _damaged(error: BaseException) -> Refused:
    return Refused("A model file must be whole.", received=_words(error))
