"""Checks of the machine: processors, memory and disk, as far as this process may use them."""

import shutil
import tempfile
from collections.abc import Iterator

import psutil

from lungbench.checks import GB, Asked, Check
from lungbench.resources.rapl import Meter

_ENOUGH_MEMORY_BYTES = 4 * GB
_ENOUGH_DISK_BYTES = 5 * GB

# They are root's because fine readings of power can betray what other users' programs compute.
_ALLOW = (
    "records hold null for it; an administrator can let a group G read it until the next boot: "
    "chgrp G /sys/class/powercap/intel-rapl:*/energy_uj && "
    "chmod g+r /sys/class/powercap/intel-rapl:*/energy_uj (not all users: power betrays secrets)."
)


def processors(asked: Asked) -> Iterator[Check]:
    """Say how many processors may be used; never less than one."""
    usable, logical = asked.host.cpu_usable, asked.host.cpu_logical
    limit = "" if usable == logical else " (affinity or a control group limits them)"
    yield Check("processors", "pass", f"{usable} of {logical} usable{limit}")


def memory(asked: Asked) -> Iterator[Check]:
    """Warn of little memory, also where a control group grants less than the machine has."""
    usable, machine = asked.host.memory_bytes, int(psutil.virtual_memory().total)
    limit = "" if usable >= machine else f" (a control group's limit; {_gb(machine)} installed)"
    found = f"{_gb(usable)} usable{limit}"
    if usable >= _ENOUGH_MEMORY_BYTES:
        yield Check("memory", "pass", found)
    else:
        advice = "raise the limit, or use smaller images, batches or networks."
        yield Check("memory", "warn", f"{found}; {_gb(_ENOUGH_MEMORY_BYTES)} are advised", advice)


def disk(asked: Asked) -> Iterator[Check]:
    """See whether results can be written, and whether there is room for them."""
    folder = asked.results.absolute()
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    elsewhere = "name another folder with --results."
    try:
        with tempfile.TemporaryFile(dir=nearest):
            free = shutil.disk_usage(nearest).free
    except OSError as error:
        yield Check("disk", "fail", f"{nearest} can't be written ({error.strerror})", elsewhere)
        return
    found = f"{_gb(free)} free for {folder}"
    if free >= _ENOUGH_DISK_BYTES:
        yield Check("disk", "pass", found)
    else:
        advice = f"free some, or {elsewhere}"
        yield Check("disk", "warn", f"{found}; {_gb(_ENOUGH_DISK_BYTES)} are advised", advice)


def energy(asked: Asked) -> Iterator[Check]:
    """See whether the node's energy counters can be read; a run without them is as good."""
    meter = Meter(asked.root)
    readable = ", ".join(meter.domains)
    if meter.domains and not meter.missing:
        yield Check("energy", "pass", f"RAPL counts {readable}")
    elif "rapl" in meter.missing:
        yield Check("energy", "pass", f"RAPL has {meter.missing['rapl']}")
    else:
        also = f"; {readable} can be read" if readable else ""
        yield Check("energy", "warn", f"RAPL unreadable: {meter.reason}{also}", _ALLOW)


def _gb(size_bytes: int) -> str:
    return f"{size_bytes / GB:.1f} GB"
