"""What the processors' own energy counters tell: RAPL, of Intel and, under the same names, of AMD.

They count for the whole node, whoever works on it. Read are the zones of /sys/class/powercap that
are called `package`, `dram` or `psys`; `core` and `uncore` lie inside of their package and are left
out. `psys`, where there is one, holds the packages and more: zones overlap, so nothing here adds
them up. The same zones under `intel-rapl-mmio` are a second way to read the first, and left out.

Since 2020 only root may read the counters, unless an administrator lets others; a virtual machine
has none. What can't be read is None, and why is kept. `root` is where /sys is looked for.
Source: the kernel's documentation, power/powercap.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/")
_FOLDER = "sys/class/powercap"
_ZONE = re.compile(r"intel-rapl:\d+(:\d+)?$")
_COUNTED = ("package", "dram", "psys")
_NONE = "no counter in /sys/class/powercap; virtual machines and most containers show none"

# No processor draws more: a counter that could have run through at this power, unseen, may have.
_MOST_W = 1000.0


@dataclass(frozen=True, slots=True)
class Zone:
    """One counter.

    Attributes:
        domain: What it counts: `package-0`, `dram-0` (of package-0) or `psys`.
        folder: Where it is read.
        range_j: At how many joules it starts again from 0.
    """

    domain: str
    folder: Path
    range_j: float

    def read_j(self) -> float:
        """Return the counter.

        Raises:
            OSError: It can't be read.
            ValueError: It holds no number.
        """
        return int((self.folder / "energy_uj").read_text(encoding="ascii")) / 1e6


class Meter:
    """Adds up what each zone of this node has used since it was first read.

    Args:
        root: Where /sys is.

    Attributes:
        zones: Those that can be read.
        missing: Why others can't, by their domain, or by `rapl` where there is none at all.
    """

    def __init__(self, root: Path = _ROOT) -> None:
        self.missing: dict[str, str] = {}
        found = tuple(_zones(root))
        self.zones = tuple(zone for zone in found if self._read(zone) is not None)
        self._counters = [_Counter(zone.range_j) for zone in self.zones]
        if not found:
            self.missing["rapl"] = _NONE

    @property
    def domains(self) -> tuple[str, ...]:
        """What the zones count, in the order of `read`."""
        return tuple(zone.domain for zone in self.zones)

    @property
    def reason(self) -> str | None:
        """Why what can't be read can't be, in one line; None where every zone can."""
        return "; ".join(f"{domain}: {why}" for domain, why in self.missing.items()) or None

    def read(self, t_s: float) -> tuple[float | None, ...]:
        """Return the energy of each zone since the first reading, in joules.

        Args:
            t_s: A monotonic clock. Between two readings no counter may run through; one that
                could have is None from there on.
        """
        return tuple(
            counter.total_j(t_s, self._read(zone))
            for counter, zone in zip(self._counters, self.zones, strict=True)
        )

    def _read(self, zone: Zone) -> float | None:
        try:
            return zone.read_j()
        except OSError as error:
            self.missing.setdefault(zone.domain, error.strerror or str(error))
        except ValueError as error:
            self.missing.setdefault(zone.domain, str(error))
        return None


class _Counter:
    """Undoes the wraps of a counter that is read often enough."""

    def __init__(self, range_j: float) -> None:
        self._range_j = range_j
        self._before: tuple[float, float] | None = None
        self._total_j = 0.0
        self._lost = False

    def total_j(self, t_s: float, now_j: float | None) -> float | None:
        """Return what was counted since the first reading; None where that isn't known."""
        if self._before and t_s - self._before[0] > self._range_j / _MOST_W:
            self._lost = True
        if now_j is None or self._lost:
            return None
        if self._before:
            self._total_j += (now_j - self._before[1]) % self._range_j
        self._before = (t_s, now_j)
        return self._total_j


def _zones(root: Path) -> Iterator[Zone]:
    """Yield every zone that is counted, each domain once, in the order of their numbers."""
    folders = [path for path in (root / _FOLDER).glob("intel-rapl:*") if _ZONE.match(path.name)]
    seen = set()
    for folder in sorted(folders, key=_numbers):
        domain, range_uj = _domain(folder), _text(folder / "max_energy_range_uj")
        if domain.startswith(_COUNTED) and domain not in seen and range_uj.isdecimal():
            seen.add(domain)
            yield Zone(domain, folder, int(range_uj) / 1e6)


def _numbers(folder: Path) -> list[int]:
    """Return [0] of intel-rapl:0 and [0, 2] of intel-rapl:0:2, a part of it."""
    return [int(number) for number in folder.name.split(":")[1:]]


def _domain(folder: Path) -> str:
    """Name what a zone counts; `dram` gets the number of the package that it belongs to."""
    name, numbers = _text(folder / "name"), _numbers(folder)
    if len(numbers) == 1:
        return name
    package = _text(folder.with_name(f"intel-rapl:{numbers[0]}") / "name")
    return f"{name}-{package.removeprefix('package-')}"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
