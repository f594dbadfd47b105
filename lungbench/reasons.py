"""From an exception or an exit code to the one reason that a record gives."""

import errno
import signal

from lungbench.errors import DataError, DeviceUnavailable, TrainingFailed
from lungbench.record import Reason, ReasonKind

# What Python, the frameworks and the loader say when memory runs out, in lower case.
_MEMORY_WORDS = (
    "resourceexhausted",
    "out of memory",
    "bad_alloc",
    "oom when allocating",
    "memoryerror",
    "cannot allocate memory",
    "unable to allocate",
    "failed to map segment",  # of a library, which Python calls an ImportError
    # The C library, where a thread ends and there are no addresses for what unwinds its stack; the
    # frameworks need that library themselves, so it is installed.
    "libgcc_s.so.1 must be installed",
)


def reason_of(error: BaseException) -> Reason:
    """Return why a training ended, from the exception that ended it."""
    return Reason(kind=_kind_of(error), message=_first_line(error))


def reason_of_exit(code: int, last_words: str) -> Reason:
    """Return why a child ended that left no word of its own.

    Args:
        code: Its exit code; negative is the signal that killed it.
        last_words: The end of its log.
    """
    if _speaks_of_memory(last_words):
        return Reason(kind="out_of_memory", message="The framework could not get memory.")
    if code < 0:
        name = signal.Signals(-code).name
        return Reason(kind="signal", message=f"The training process was ended by {name}.")
    return Reason(kind="error", message=f"The training process ended with exit code {code}.")


def _kind_of(error: BaseException) -> ReasonKind:
    if isinstance(error, TrainingFailed):
        return error.kind
    if isinstance(error, DeviceUnavailable):
        return "device_unavailable"
    if isinstance(error, DataError):
        return "bad_data"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "disk_full"
    if isinstance(error, MemoryError) or _speaks_of_memory(f"{type(error).__name__} {error}"):
        return "out_of_memory"
    return "error"


def _speaks_of_memory(text: str) -> bool:
    return any(word in text.lower() for word in _MEMORY_WORDS)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
