"""`samples.csv.gz`: one row a reading of a run's resources, and what the rows sum up to.

An empty cell is a missing value. The columns, in base units:

    t_s                       since the run's process was started, when the reading began
    cpu_percent               of the run's process tree since the row before; 100 is one core
    rss_bytes                 resident memory of the tree; shared pages count in each process
    processes                 living processes of the tree
    host_cpu_percent          of the whole machine since the row before; 100 is all of its cores
    host_memory_used_bytes    the machine's memory that could not be had at once
    other_load_percent        CPU time of everything but the tree, the sampler's own process
                              counted; 100 is one core
    steal_percent             CPU time that the hypervisor gave to other machines since the row
                              before; 100 is all of this machine's cores
    gpu_strangers             processes that compute on the selected GPUs and are none of the tree
    gpuN_utilisation_percent, gpuN_memory_used_bytes, gpuN_power_w, gpuN_temperature_c,
    gpuN_sm_clock_mhz, gpuN_memory_clock_mhz
    gpuN_energy_j             a counter since the driver was loaded; differences are energy
    gpuN_throttle_bits        NVML's bits, 0 is none; `nvml.throttle_names` reads them
    node_D_energy_j           what a domain of RAPL, such as package-0, used since the
                              first row, everything on the node counted; domains overlap

The first row is read at the start and the last one at the end; those between are due at whole
multiples of the interval.
"""

import gzip
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass, fields
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

from lungbench.record import Resources
from lungbench.resources.nvml import GpuReading, throttle_names

Samples = dict[str, list[float | None]]

_ROWS_PER_FLUSH = 30  # what a killed parent loses at most
_CHUNK_BYTES = 1 << 16
_MOST_OF_THE_TIME = 0.95  # a peak that lasts: the largest of 43,200 readings is an accident


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading of a run's resources; the fields are the columns."""

    t_s: float
    cpu_percent: float | None = None
    rss_bytes: int | None = None
    processes: int | None = None
    host_cpu_percent: float | None = None
    host_memory_used_bytes: int | None = None
    other_load_percent: float | None = None
    steal_percent: float | None = None
    gpu_strangers: int | None = None
    gpus: tuple[GpuReading, ...] = ()
    node_energy_j: tuple[float | None, ...] = ()


_SEVERAL = ("gpus", "node_energy_j")  # of one GPU or domain a column or more each
_HOST_COLUMNS = tuple(field.name for field in fields(Sample) if field.name not in _SEVERAL)
_GPU_COLUMNS = tuple(field.name for field in fields(GpuReading))
_NODE_COLUMN = re.compile(r"node_(.+)_energy_j")


class SampleFile:
    """A `samples.csv.gz` being written, readable up to its last flush at any time.

    Args:
        path: Replaced if it is there.
        gpus: NVML indices, in the order in which samples carry their readings.
        domains: Domains of the node's energy, in the order in which samples carry it.

    Raises:
        OSError: The file can't be written.
    """

    def __init__(self, path: Path, gpus: Sequence[int] = (), domains: Sequence[str] = ()) -> None:
        self._raw = path.open("wb")
        self._zip = gzip.GzipFile(fileobj=self._raw, mode="wb", filename="", mtime=0)
        self._rows = 0
        try:
            self._write(_header(gpus, domains))
            self._flush()
        except OSError:
            with suppress(OSError), self._raw:
                self._zip.close()
            raise

    def write(self, sample: Sample) -> None:
        """Append one row."""
        hosted = [getattr(sample, name) for name in _HOST_COLUMNS]
        of_gpus = [value for gpu in sample.gpus for value in astuple(gpu)]
        self._write([_cell(value) for value in (*hosted, *of_gpus, *sample.node_energy_j)])
        self._rows += 1
        if self._rows % _ROWS_PER_FLUSH == 0:
            self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._raw:  # closed even where a full disk refuses the end of the zip
            self._zip.close()

    def _write(self, cells: Sequence[str]) -> None:
        self._zip.write((",".join(cells) + "\n").encode("ascii"))

    def _flush(self) -> None:
        self._zip.flush(zlib.Z_SYNC_FLUSH)
        self._raw.flush()


def read_samples(path: Path) -> Samples:
    """Read a `samples.csv.gz` back, as far as it goes.

    Returns:
        The values of each column by its name, in order of time; None is a missing value. A file
        that ends early gives the rows before the tear; one without a header gives no columns.

    Raises:
        OSError: The file can't be read.
    """
    names, each = sample_rows(path)
    rows = list(each)
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def sample_text(path: Path) -> bytes:
    """Return a `samples.csv.gz` unzipped, as far as its lines were written to their end.

    For readers that can't take a value at a time; `read_samples` says what may be in it.

    Raises:
        OSError: The file can't be read.
    """
    text = b"".join(_unzipped(path))
    return text[: text.rfind(b"\n") + 1]


def sample_rows(path: Path) -> tuple[tuple[str, ...], Iterator[list[float | None]]]:
    """Read a `samples.csv.gz` row by row, as far as it goes, without holding it in memory.

    Returns:
        The names of its columns, and rows as they come, a value a column; see `read_samples`.

    Raises:
        OSError: The file can't be read, now or while rows are taken.
    """
    lines = _lines(path)
    header = next(lines, "")
    names = tuple(header.split(",")) if header else ()
    return names, _rows(lines, len(names))


def summarise(
    samples: Samples, *, interval_s: float, elapsed_s: float, sampler_cpu_s: float | None = None
) -> Resources:
    """Sum up the rows of one run; means weigh each row by the time since the row before.

    Args:
        samples: Columns by name; none at all give a summary that knows nothing.
        interval_s: Seconds between two readings that were due.
        elapsed_s: Seconds from the start of the run's process to the end of sampling.
        sampler_cpu_s: CPU time that the readings took.
    """
    over_time = _OverTime(samples.get("t_s", []))
    busy, memory, power, heat, clock, bits = (
        _of_gpus(samples, name)
        for name in (
            "utilisation_percent",
            "memory_used_bytes",
            "power_w",
            "temperature_c",
            "sm_clock_mhz",
            "throttle_bits",
        )
    )
    return Resources(
        samples=len(samples.get("t_s", [])),
        cpu_percent_mean=over_time.mean(samples.get("cpu_percent", [])),
        cpu_percent_max=_largest(samples.get("cpu_percent", [])),
        rss_peak_bytes=_whole(_largest(samples.get("rss_bytes", []))),
        host_cpu_percent_mean=over_time.mean(samples.get("host_cpu_percent", [])),
        gpu_percent_mean=_mean_of(over_time.mean(column) for column in busy),
        gpu_memory_peak_bytes=_whole(_largest(_together(memory))),
        gpu_power_mean_w=over_time.mean(_together(power)),
        gpu_temperature_max_c=_largest([value for column in heat for value in column]),
        gpu_sm_clock_mean_mhz=_mean_of(over_time.mean(column) for column in clock),
        gpu_throttle_reasons=_throttles(bits),
        energy_j=_energy_j(_of_gpus(samples, "energy_j")),
        node_energy_j=_node_energy_j(samples),
        coverage_percent=_coverage(samples.get("t_s", []), interval_s, elapsed_s),
        sampler_overhead_percent=_share(sampler_cpu_s, elapsed_s),
        other_load_percent=over_time.mean(samples.get("other_load_percent", [])),
        other_load_p95_percent=over_time.quantile(
            samples.get("other_load_percent", []), _MOST_OF_THE_TIME
        ),
        steal_percent=over_time.mean(samples.get("steal_percent", [])),
        gpu_throttled_percent=over_time.mean(_throttled(bits)),
        gpu_strangers_max=_whole(_largest(samples.get("gpu_strangers", []))),
    )


def tick(elapsed_s: float, interval_s: float) -> int:
    """Return which due reading a moment belongs to; a hundredth of an interval early counts."""
    return int(elapsed_s / interval_s + 0.01)


def _header(gpus: Sequence[int], domains: Sequence[str]) -> list[str]:
    of_gpus = [f"gpu{index}_{name}" for index in gpus for name in _GPU_COLUMNS]
    return [*_HOST_COLUMNS, *of_gpus, *(f"node_{domain}_energy_j" for domain in domains)]


def _cell(value: float | None) -> str:
    return "" if value is None else str(round(value, 3))


def _unzipped(path: Path) -> Iterator[bytes]:
    """Yield what can be unzipped, until the end or a tear."""
    unzip = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)  # 16: with a gzip header
    with path.open("rb") as file, suppress(zlib.error):
        while chunk := file.read(_CHUNK_BYTES):
            yield unzip.decompress(chunk)


def _lines(path: Path) -> Iterator[str]:
    """Yield the lines that were written to their end."""
    torn = b""
    for piece in _unzipped(path):
        *whole, torn = (torn + piece).split(b"\n")
        for line in whole:
            yield line.decode("ascii", errors="replace")


def _rows(lines: Iterable[str], width: int) -> Iterator[list[float | None]]:
    """Yield rows of numbers, until one is damaged."""
    with suppress(ValueError):
        for line in lines:
            row = [float(cell) if cell else None for cell in line.split(",")]
            if len(row) != width:
                return
            yield row


class _OverTime:
    """What a column was over time: a row weighs as much as the seconds since the row before.

    Args:
        t_s: When each row was read.
    """

    def __init__(self, t_s: Sequence[float | None]) -> None:
        times = [0.0, *(time or 0.0 for time in t_s)]
        self._weights = [max(0.0, b - a) for a, b in pairwise(times)]

    def mean(self, values: Sequence[float | None]) -> float | None:
        """Return the mean of the known values; None where there is none."""
        known = self._known(values)
        return sum(v * w for v, w in known) / sum(w for _, w in known) if known else None

    def quantile(self, values: Sequence[float | None], share: float) -> float | None:
        """Return the smallest known value that the others exceed for at most 1 - `share`."""
        known = sorted(self._known(values))
        left = share * sum(weight for _, weight in known)
        for value, weight in known:
            left -= weight
            if left <= 0:
                return value
        return known[-1][0] if known else None  # rounding left a crumb

    def _known(self, values: Sequence[float | None]) -> list[tuple[float, float]]:
        """Pair the known values with their weights."""
        pairs = zip(values, self._weights, strict=False)
        return [(value, weight) for value, weight in pairs if value is not None and weight > 0]


def _of_gpus(samples: Samples, name: str) -> list[list[float | None]]:
    """Return one column of every GPU."""
    return [
        values
        for column, values in samples.items()
        if column.startswith("gpu") and column.partition("_")[2] == name
    ]


def _together(columns: Sequence[Sequence[float | None]]) -> list[float | None]:
    """Add the GPUs up row by row; a row that misses one is missing."""
    rows = zip(*columns, strict=True)
    return [None if None in row else sum(v for v in row if v is not None) for row in rows]


def _largest(values: Sequence[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _mean_of(values: Iterator[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _throttles(columns: Sequence[Sequence[float | None]]) -> tuple[str, ...] | None:
    """Name every reason that was seen; none seen is `()`, never asked is None."""
    known = [int(value) for column in columns for value in column if value is not None]
    seen = 0
    for bits in known:
        seen |= bits
    return throttle_names(seen) if known else None


def _throttled(columns: Sequence[Sequence[float | None]]) -> list[float | None]:
    """Return 100 for each row in which a GPU was slowed down, 0 where none was."""
    rows = ([int(v) for v in row if v is not None] for row in zip(*columns, strict=True))
    return [100.0 * any(map(throttle_names, known)) if known else None for known in rows]


def _energy_j(columns: Sequence[Sequence[float | None]]) -> float | None:
    """Add up what the counters gained; None where one lacks its first or last reading."""
    gains = [_gained(column) for column in columns]
    known = [gain for gain in gains if gain is not None]
    return sum(known) if known and len(known) == len(gains) else None


def _node_energy_j(samples: Samples) -> dict[str, float] | None:
    """Return what each domain used; None where none was read from the first row to the last."""
    found = ((_NODE_COLUMN.fullmatch(name), _gained(column)) for name, column in samples.items())
    return {name[1]: gain for name, gain in found if name and gain is not None} or None


def _gained(column: Sequence[float | None]) -> float | None:
    first, last = (column[0], column[-1]) if column else (None, None)
    if first is None or last is None or last < first:  # a reloaded driver counts anew
        return None
    return last - first


def _coverage(t_s: Sequence[float | None], interval_s: float, elapsed_s: float) -> float | None:
    """Return the percentage of due readings that were taken; None where none was due."""
    due = tick(elapsed_s, interval_s)
    taken = {tick(time, interval_s) for time in t_s if time is not None} & set(range(1, due + 1))
    return 100 * len(taken) / due if due else None


def _share(cpu_s: float | None, elapsed_s: float) -> float | None:
    return None if cpu_s is None or elapsed_s <= 0 else 100 * cpu_s / elapsed_s
