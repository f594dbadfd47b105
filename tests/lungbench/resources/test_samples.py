import gzip
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungbench.record import Resources
from lungbench.resources.nvml import GpuReading
from lungbench.resources.samples import Sample, SampleFile, Samples, read_samples, summarise, tick

GPU = GpuReading(80.0, 2**30, 200.0, 60.0, 1400.0, 800.0, 1000.0, 0)


def summary(
    samples: Samples, interval_s: float = 1.0, elapsed_s: float = 4.0, cpu_s: float | None = None
) -> Resources:
    return summarise(samples, interval_s=interval_s, elapsed_s=elapsed_s, sampler_cpu_s=cpu_s)


def write(path: Path, rows: int, gpus: tuple[int, ...] = ()) -> None:
    """Write rows whose numbers don't compress to nothing."""
    digits = random.Random(0)
    with SampleFile(path, gpus) as file:
        for row in range(rows):
            file.write(Sample(float(row), digits.random() * 100, digits.getrandbits(40)))


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "samples.csv.gz"
    with SampleFile(path, gpus=(1,)) as file:
        file.write(Sample(0.25, 150.5, 10**12, 3, 42.0, 2**34, 0.0, 12.5, 1, (GPU,)))
        file.write(Sample(1.0, gpus=(GpuReading(),)))
    samples = read_samples(path)
    assert samples["t_s"] == [0.25, 1.0]
    assert samples["cpu_percent"] == [150.5, None]
    assert samples["rss_bytes"] == [10**12, None]
    assert samples["other_load_percent"] == [0.0, None]
    assert samples["steal_percent"] == [12.5, None]
    assert samples["gpu_strangers"] == [1, None]
    assert samples["gpu1_power_w"] == [200.0, None]
    assert samples["gpu1_throttle_bits"] == [0.0, None]


def test_a_missing_value_is_an_empty_cell_and_none_a_zero(tmp_path: Path) -> None:
    path = tmp_path / "samples.csv.gz"
    with SampleFile(path) as file:
        file.write(Sample(1.0, other_load_percent=0.0))
    with gzip.open(path, "rt") as text:
        assert text.read().splitlines()[1] == "1.0,,,,,,0.0,,"


def test_there_is_one_header_with_every_column(tmp_path: Path) -> None:
    path = tmp_path / "samples.csv.gz"
    write(path, rows=0, gpus=(0, 2))
    with gzip.open(path, "rt") as text:
        (header,) = text.read().splitlines()
    names = header.split(",")
    assert names[:3] == ["t_s", "cpu_percent", "rss_bytes"]
    assert [name for name in names if name.endswith("power_w")] == ["gpu0_power_w", "gpu2_power_w"]
    assert len(set(names)) == len(names)


def test_a_file_still_being_written_is_readable_up_to_its_last_flush(tmp_path: Path) -> None:
    path = tmp_path / "samples.csv.gz"
    with SampleFile(path) as file:
        for row in range(65):
            file.write(Sample(float(row)))
        seen = read_samples(path)["t_s"]
    assert seen == [float(row) for row in range(len(seen))]
    assert len(seen) >= 60  # two flushes of 30 rows


@given(kept=st.floats(0, 1))
@settings(max_examples=40)
def test_a_torn_file_gives_the_rows_before_the_tear(
    tmp_path_factory: pytest.TempPathFactory, kept: float
) -> None:
    path = tmp_path_factory.mktemp("torn") / "samples.csv.gz"
    write(path, rows=100)
    whole, raw = read_samples(path), path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * kept)])
    torn = read_samples(path)
    for name, values in torn.items():
        assert values == whole[name][: len(values)]
    assert len({len(values) for values in torn.values()}) <= 1


def test_the_end_of_a_zip_that_is_damaged_costs_only_the_end(tmp_path: Path) -> None:
    path = tmp_path / "samples.csv.gz"
    write(path, rows=5000)
    raw = path.read_bytes()
    path.write_bytes(raw[:-20] + bytes(20))
    whole, rows = 5000, len(read_samples(path)["t_s"])
    assert 0 < rows <= whole


@pytest.mark.parametrize(
    "content",
    [b"", b"no zip at all", gzip.compress(b"")],
    # A zip holds the second it was made: as a name it would differ between pytest's processes.
    ids=["an empty file", "no zip at all", "a zip of nothing"],
)
def test_a_file_without_a_header_has_no_columns(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "samples.csv.gz"
    path.write_bytes(content)
    assert read_samples(path) == {}


@pytest.mark.parametrize("damaged", ["2.0,x", "2.0", "2.0,1,1"])
def test_reading_ends_at_a_damaged_row(tmp_path: Path, damaged: str) -> None:
    path = tmp_path / "samples.csv.gz"
    path.write_bytes(gzip.compress(f"t_s,cpu_percent\n1.0,5.0\n{damaged}\n3.0,5.0\n".encode()))
    assert read_samples(path) == {"t_s": [1.0], "cpu_percent": [5.0]}


def test_a_full_disk_is_an_error_of_the_system() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("only Linux has /dev/full")
    with pytest.raises(OSError, match="No space left"):
        SampleFile(full)


def test_no_samples_sum_up_to_nothing_known() -> None:
    assert summary({}) == Resources(samples=0, coverage_percent=0.0)


def test_means_weigh_rows_by_their_time() -> None:
    # 1 s at 100 and 3 s at 20: (100 + 60) / 4
    resources = summary({"t_s": [1.0, 4.0], "cpu_percent": [100.0, 20.0]})
    assert resources.cpu_percent_mean == 40.0
    assert resources.cpu_percent_max == 100.0


def test_missing_values_are_left_out_of_means_and_never_counted_as_zero() -> None:
    resources = summary({"t_s": [1.0, 2.0, 3.0], "cpu_percent": [50.0, None, 70.0]})
    assert resources.cpu_percent_mean == 60.0


@pytest.mark.parametrize(
    ("t_s", "load", "p95"),
    [
        ([1.0, 2.0, 3.0], [5.0, None, 7.0], 7.0),  # of two equal shares of time, the larger one
        ([96.0, 100.0], [3.0, 90.0], 3.0),  # 4 s of 100 s are less than 5 %
        ([94.0, 100.0], [3.0, 90.0], 90.0),
        ([1.0], [None], None),
        ([], [], None),
    ],
)
def test_the_peak_of_others_load_is_what_lasted(
    t_s: list[float | None], load: list[float | None], p95: float | None
) -> None:
    found = summary({"t_s": t_s, "other_load_percent": load})
    assert found.other_load_p95_percent == p95


@given(st.lists(st.floats(0, 400), min_size=1, max_size=30))
@settings(max_examples=50)
def test_the_peak_of_others_load_is_a_reading_at_or_below_the_largest(values: list[float]) -> None:
    times: list[float | None] = [float(second) for second in range(1, len(values) + 1)]
    peak = summary({"t_s": times, "other_load_percent": [*values]}).other_load_p95_percent
    assert peak in values
    assert sum(value > peak for value in values) <= 0.05 * len(values) + 1e-9


def test_steal_is_averaged_over_time_and_strangers_are_the_most_at_once() -> None:
    resources = summary(
        {
            "t_s": [1.0, 4.0, 5.0],
            "steal_percent": [40.0, 8.0, None],
            "gpu_strangers": [0.0, 2.0, 1.0],
        }
    )
    assert resources.steal_percent == 16.0  # (40 + 3 * 8) / 4
    assert resources.gpu_strangers_max == 2


def test_a_column_of_missing_values_has_no_mean() -> None:
    resources = summary({"t_s": [1.0, 2.0], "cpu_percent": [None, None], "rss_bytes": [None, None]})
    assert resources.cpu_percent_mean is None
    assert resources.cpu_percent_max is None
    assert resources.rss_peak_bytes is None


def test_idle_samples_count() -> None:
    resources = summary({"t_s": [1.0, 2.0], "gpu0_utilisation_percent": [100.0, 0.0]})
    assert resources.gpu_percent_mean == 50.0


def test_gpus_are_averaged_in_use_and_added_up_in_memory_and_power() -> None:
    resources = summary(
        {
            "t_s": [1.0, 2.0],
            "gpu0_utilisation_percent": [100.0, 100.0],
            "gpu1_utilisation_percent": [0.0, 0.0],
            "gpu0_memory_used_bytes": [5.0, 1.0],
            "gpu1_memory_used_bytes": [1.0, 6.0],
            "gpu0_power_w": [100.0, 200.0],
            "gpu1_power_w": [10.0, 20.0],
            "gpu0_temperature_c": [50.0, 51.0],
            "gpu1_temperature_c": [70.0, 60.0],
            "gpu0_sm_clock_mhz": [1000.0, 1000.0],
            "gpu1_sm_clock_mhz": [2000.0, 2000.0],
        }
    )
    assert resources.gpu_percent_mean == 50.0
    assert resources.gpu_memory_peak_bytes == 7  # 1 + 6, not 5 + 6: never at the same time
    assert resources.gpu_power_mean_w == 165.0  # (110 + 220) / 2
    assert resources.gpu_temperature_max_c == 70.0
    assert resources.gpu_sm_clock_mean_mhz == 1500.0


def test_a_sum_over_gpus_is_missing_where_one_of_them_is() -> None:
    resources = summary(
        {
            "t_s": [1.0, 2.0],
            "gpu0_memory_used_bytes": [5.0, 9.0],
            "gpu1_memory_used_bytes": [1.0, None],
        }
    )
    assert resources.gpu_memory_peak_bytes == 6


def test_energy_is_what_the_counters_of_all_gpus_gained() -> None:
    resources = summary(
        {
            "t_s": [0.0, 1.0, 2.0],
            "gpu0_energy_j": [1000.0, None, 1500.0],
            "gpu1_energy_j": [10.0, 20.0, 30.0],
        }
    )
    assert resources.energy_j == 520.0


@pytest.mark.parametrize(
    "counter",
    [[None, 5.0, 6.0], [5.0, 6.0, None], [None, None, None], [100.0, 150.0, 3.0]],
    ids=["no start", "no end", "not supported", "driver reloaded"],
)
def test_energy_is_never_guessed(counter: list[float | None]) -> None:
    samples = {"t_s": [0.0, 1.0, 2.0], "gpu0_energy_j": [1.0, 2.0, 3.0], "gpu1_energy_j": counter}
    assert summary(samples).energy_j is None


def test_throttle_reasons_of_all_readings_are_named_once() -> None:
    samples: Samples = {
        "t_s": [1.0, 2.0, 3.0],
        "gpu0_throttle_bits": [1.0, 4.0, None],
        "gpu1_throttle_bits": [4.0, 64.0, 0.0],
    }
    assert summary(samples).gpu_throttle_reasons == ("sw_power_cap", "hw_thermal")


def test_the_time_at_lowered_clocks_counts_each_moment_once() -> None:
    samples: Samples = {
        "t_s": [1.0, 2.0, 4.0, 5.0],
        "gpu0_throttle_bits": [1.0, 4.0, 0.0, None],  # 1 is idling, which is no throttling
        "gpu1_throttle_bits": [0.0, 64.0, None, None],
    }
    # of 4 s that are known, 1 s was throttled, on both GPUs
    assert summary(samples).gpu_throttled_percent == 25.0
    assert summary({"t_s": [1.0], "gpu0_throttle_bits": [None]}).gpu_throttled_percent is None


def test_no_throttling_differs_from_not_knowing() -> None:
    assert summary({"t_s": [1.0], "gpu0_throttle_bits": [0.0]}).gpu_throttle_reasons == ()
    assert summary({"t_s": [1.0], "gpu0_throttle_bits": [None]}).gpu_throttle_reasons is None


@pytest.mark.parametrize(
    ("t_s", "elapsed_s", "coverage"),
    [
        ([0.0, 1.0, 2.0, 3.0, 3.5], 3.5, 100.0),  # start and end are extra
        ([0.0, 1.0, 3.0, 4.2], 4.2, 75.0),  # 2 is missed; 4 is taken at the end
        ([0.0, 1.0], 4.9, 25.0),  # the sampler died
        ([], 4.9, 0.0),
        ([0.0, 0.5], 0.5, None),  # nothing was due
        ([0.3, 0.999, 2.0], 2.0, 100.0),
    ],
)
def test_coverage_counts_the_readings_that_were_due(
    t_s: list[float | None], elapsed_s: float, coverage: float | None
) -> None:
    assert summary({"t_s": t_s}, elapsed_s=elapsed_s).coverage_percent == coverage


@given(st.integers(0, 10**6), st.sampled_from([0.1, 0.25, 0.3, 1.0, 7.0, 60.0]))
@settings(max_examples=100)
def test_a_reading_at_its_due_moment_belongs_to_it(number: int, interval_s: float) -> None:
    assert tick(number * interval_s, interval_s) == number


def test_the_samplers_own_cost_is_percent_of_one_core() -> None:
    assert summary({}, elapsed_s=10.0, cpu_s=0.05).sampler_overhead_percent == pytest.approx(0.5)


def test_the_nodes_energy_is_what_each_domain_gained(tmp_path: Path) -> None:
    path = tmp_path / "samples.csv.gz"
    with SampleFile(path, gpus=(0,), domains=("package-0", "dram-0")) as file:
        file.write(Sample(1.0, gpus=(GPU,), node_energy_j=(0.0, 0.0)))
        file.write(Sample(2.0, gpus=(GPU,), node_energy_j=(90.5, 4.25)))
        file.write(Sample(3.0, gpus=(GPU,), node_energy_j=(181.0, None)))
    samples = read_samples(path)
    assert samples["node_package-0_energy_j"] == [0.0, 90.5, 181.0]
    # what misses its last reading isn't guessed, and the GPU's own counter stands apart
    assert summary(samples).node_energy_j == {"package-0": 181.0}
    assert summary(samples).energy_j == 0.0


def test_without_a_domain_the_nodes_energy_is_unknown() -> None:
    assert summary({"t_s": [1.0, 2.0]}).node_energy_j is None
