"""Take from this process what it doesn't need, before it loads a file of unknown making.

Nothing in such a file is meant to run. Should a flaw in the framework or in the HDF5 library let
it, it finds a process without a network, that can start no program, write nowhere but in its
private folder, signal nobody outside, and not use up the host. Linux only; what a kernel doesn't
offer is named, and the rest still holds.

Not used: `RLIMIT_NPROC`, which counts the user's processes and threads all over the host, so that
a busy one would have no prediction, and doesn't bind root at all.
"""

import ctypes
import os
import resource
import struct
import sys
from contextlib import suppress
from pathlib import Path

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_NO_NEW_PRIVS = 38

# Landlock's system calls have the same numbers on every processor.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG, _PATH_BENEATH = 1, 1

# Rights over files, bit by bit, as <linux/landlock.h> numbers them. Reading is left free.
_EXECUTE, _WRITE_FILE, _REMOVE_DIR, _REMOVE_FILE = 1 << 0, 1 << 1, 1 << 4, 1 << 5
_MAKE_DIR, _MAKE_FILE = 1 << 7, 1 << 8
_MAKE_OTHERS = 1 << 6 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12
_TRUNCATE = 1 << 14
_IN_THE_FOLDER = _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_FILE
_BIND_AND_CONNECT = 1 << 0 | 1 << 1
_SOCKETS_AND_SIGNALS = 1 << 0 | 1 << 1

_OPEN_FILES = 1024


def limit(cpu_s: int, file_bytes: int) -> None:
    """Limit processor time, open files and the size of files; leave no core dump."""
    for which, most in (
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        _lower(which, most)


def limit_memory(more_bytes: int) -> None:
    """Let this process take so much more memory than it has now.

    Counted is what it may write to (`RLIMIT_DATA`). `RLIMIT_AS` would count address space that
    allocators and libraries reserve and never use, which grows with the host's processors.
    """
    present = _data_bytes()
    if present is not None:
        _lower(resource.RLIMIT_DATA, present + more_bytes)


def leave_the_network() -> bool:
    """Move into a network of one's own without any device; return whether that worked.

    Only a process with a single thread can. Where it takes a user namespace, this process's ids
    stay what they are.
    """
    if sys.platform != "linux":
        return False
    user, group = os.getuid(), os.getgid()
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(_CLONE_NEWNET) == 0:
        return True
    if library.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        return False
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    return True


def stay_in(folder: Path) -> bool:
    """Let this thread and what it starts write in `folder` alone and run no program.

    It is Landlock; from Linux 6.7 on it also refuses TCP, from 6.12 on signals to others.

    Returns:
        Whether the kernel offers it.
    """
    if sys.platform != "linux":
        return False
    library = ctypes.CDLL(None, use_errno=True)
    version = int(library.syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG))
    if version < 1:
        return False
    try:
        _restrict(library, version, folder)
    except OSError:
        return False
    return True


def _restrict(library: ctypes.CDLL, version: int, folder: Path) -> None:
    truncate = _TRUNCATE if version >= 3 else 0  # noqa: PLR2004 - Landlock's versions
    ruleset = _ruleset(library, version, _IN_THE_FOLDER | _EXECUTE | _MAKE_OTHERS | truncate)
    try:
        _allow(library, ruleset, folder, _IN_THE_FOLDER | truncate)
        _allow(library, ruleset, Path(os.devnull), _WRITE_FILE | truncate)
        _done(library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        _done(library.syscall(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)


def _ruleset(library: ctypes.CDLL, version: int, files: int) -> int:
    network = _BIND_AND_CONNECT if version >= 4 else 0  # noqa: PLR2004 - Landlock's versions
    scoped = _SOCKETS_AND_SIGNALS if version >= 6 else 0  # noqa: PLR2004
    attributes = struct.pack("QQQ", files, network, scoped)
    return _done(library.syscall(_CREATE_RULESET, attributes, len(attributes), 0))


def _allow(library: ctypes.CDLL, ruleset: int, path: Path, rights: int) -> None:
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("=Qi", rights, handle)
        _done(library.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0))
    finally:
        os.close(handle)


def _done(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def _lower(which: int, most: int) -> None:
    _, hard = resource.getrlimit(which)
    allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
    with suppress(ValueError, OSError):  # macOS knows limits that it doesn't take
        resource.setrlimit(which, (allowed, allowed))


def _data_bytes() -> int | None:
    """Return what the kernel counts against `RLIMIT_DATA` now; None where it doesn't tell."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = {name: value for name, _, value in (line.partition(":") for line in lines)}
    return int(found["VmData"].split()[0]) * 1024
