"""The peak memory of this process alone."""

import resource
import sys
from pathlib import Path

_KIB = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes there, in KiB elsewhere
_STATUS = Path("/proc/self/status")


def rss_peak_bytes() -> int:
    """Return this process's peak; `ru_maxrss` is at least what its parent took when it began."""
    if not _STATUS.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB
    lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) * 1024
