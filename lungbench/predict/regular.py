"""Open files that others may have laid out: only regular ones, and never waiting for a pipe."""

import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_regular(path: Path, *, follow_links: bool = True) -> BinaryIO:
    """Open a regular file to read its bytes.

    Args:
        path: The file.
        follow_links: Whether the last part of the path may be a link.

    Raises:
        OSError: It can't be opened, or is a folder, a pipe, a socket or a device.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    handle = os.open(path, flags if follow_links else flags | os.O_NOFOLLOW)
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return os.fdopen(handle, "rb")
    os.close(handle)
    raise OSError(0, "not a regular file", str(path))


def read_at_most(path: Path, limit_bytes: int, *, follow_links: bool = True) -> bytes:
    """Return the content of a regular file.

    Raises:
        OSError: It can't be read, isn't a regular file, or holds more than `limit_bytes`.
    """
    with open_regular(path, follow_links=follow_links) as file:
        content = file.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise OSError(0, f"more than {limit_bytes:,} bytes", str(path))
    return content
