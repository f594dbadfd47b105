from pathlib import Path

import pytest

from lungbench.resources.cgroup import (
    Throttling,
    cpu_quota,
    cpu_throttling,
    kernel_kills,
    memory_limit_bytes,
)

V2 = "30 23 0:27 {shown} /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"
V1 = (
    "31 23 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct",
    "32 23 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
)


def tree(root: Path, *, groups: str, mounts: str, files: dict[str, str]) -> Path:
    """Lay out a /proc and a /sys of a machine under `root`."""
    contents = {"proc/self/cgroup": groups, "proc/self/mountinfo": mounts}
    contents |= {f"sys/fs/cgroup/{path}": text for path, text in files.items()}
    for path, text in contents.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text + "\n")
    return root


def version_2(root: Path, own: str, files: dict[str, str], shown: str = "/") -> Path:
    return tree(root, groups=f"0::{own}", mounts=V2.format(shown=shown), files=files)


def version_1(root: Path, own: str, files: dict[str, str]) -> Path:
    groups = f"4:memory:{own}\n2:cpu,cpuacct:{own}\n0::{own}"
    return tree(root, groups=groups, mounts="\n".join(V1), files=files)


@pytest.mark.parametrize(
    ("text", "quota"),
    [("max 100000", None), ("250000 100000", 2.5), ("50000 100000", 0.5), ("nonsense", None)],
)
def test_the_quota_of_version_2_is_quota_over_period(
    tmp_path: Path, text: str, quota: float | None
) -> None:
    assert cpu_quota(version_2(tmp_path, "/job", {"job/cpu.max": text})) == quota


@pytest.mark.parametrize(
    ("quota_us", "quota"), [("-1", None), ("300000", 3.0), ("50000", 0.5), ("0", None)]
)
def test_the_quota_of_version_1_is_quota_over_period(
    tmp_path: Path, quota_us: str, quota: float | None
) -> None:
    files = {
        "cpu,cpuacct/job/cpu.cfs_quota_us": quota_us,
        "cpu,cpuacct/job/cpu.cfs_period_us": "100000",
    }
    assert cpu_quota(version_1(tmp_path, "/job", files)) == quota


def test_the_lowest_limit_on_the_way_up_counts(tmp_path: Path) -> None:
    root = version_2(
        tmp_path,
        "/slurm/job/step",
        {
            "slurm/job/step/memory.max": "max",
            "slurm/job/memory.max": "4000",
            "slurm/memory.max": "9000",
            "slurm/job/step/cpu.max": "800000 100000",
            "slurm/cpu.max": "200000 100000",
        },
    )
    assert memory_limit_bytes(root) == 4000
    assert cpu_quota(root) == 2.0


def test_the_memory_limit_of_version_1_is_read(tmp_path: Path) -> None:
    files = {
        "memory/memory.limit_in_bytes": "9223372036854771712",
        "memory/job/memory.limit_in_bytes": "2000",
    }
    assert memory_limit_bytes(version_1(tmp_path, "/job", files)) == 2000


def test_both_versions_together_give_the_lower_limit(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        groups="4:memory:/job\n0::/job",
        mounts="\n".join((V1[1], V2.format(shown="/").replace("cgroup rw,nos", "unified rw,nos"))),
        files={"memory/job/memory.limit_in_bytes": "5000"},
    )
    (root / "sys/fs/unified").mkdir()
    assert memory_limit_bytes(root) == 5000


def test_a_container_that_mounts_its_own_group_reads_it_at_the_top(tmp_path: Path) -> None:
    root = version_2(tmp_path, "/docker/abc", {"memory.max": "3000"}, shown="/docker/abc")
    assert memory_limit_bytes(root) == 3000


@pytest.mark.parametrize("own", ["/elsewhere", "/docker/abc/../other"])
def test_a_group_outside_of_the_mount_falls_back_to_the_top(tmp_path: Path, own: str) -> None:
    root = version_2(tmp_path, own, {"memory.max": "3000"}, shown="/docker/abc")
    assert memory_limit_bytes(root) == 3000


def test_throttling_of_version_2_adds_up_on_the_way_up(tmp_path: Path) -> None:
    files = {
        "job/step/cpu.stat": "usage_usec 5\nnr_periods 9\nnr_throttled 3\nthrottled_usec 1500000",
        "job/cpu.stat": "usage_usec 5\nnr_periods 9\nnr_throttled 1\nthrottled_usec 250000",
        "cpu.stat": "usage_usec 5\nuser_usec 5",  # the top group has no quota and no such lines
    }
    found = cpu_throttling(version_2(tmp_path, "/job/step", files))
    assert found == Throttling(periods=4, stood_still_s=pytest.approx(1.75))


def test_throttling_of_version_1_is_in_nanoseconds(tmp_path: Path) -> None:
    stat = "nr_periods 9\nnr_throttled 3\nthrottled_time 1500000000"
    found = cpu_throttling(version_1(tmp_path, "/job", {"cpu,cpuacct/job/cpu.stat": stat}))
    assert found == Throttling(periods=3, stood_still_s=pytest.approx(1.5))


@pytest.mark.parametrize("stat", ["", "usage_usec 5", "nr_throttled 3", "nr_throttled x"])
def test_a_group_that_does_not_count_is_not_one_that_was_never_throttled(
    tmp_path: Path, stat: str
) -> None:
    assert cpu_throttling(version_2(tmp_path, "/job", {"job/cpu.stat": stat})) is None


def test_a_machine_without_control_groups_has_no_limits(tmp_path: Path) -> None:
    assert cpu_throttling(tmp_path) is None
    assert cpu_quota(tmp_path) is None
    assert memory_limit_bytes(tmp_path) is None


def test_this_machine_can_be_read() -> None:
    quota, limit = cpu_quota(), memory_limit_bytes()
    assert quota is None or quota > 0
    assert limit is None or limit > 0


@pytest.mark.parametrize(
    ("text", "kills"), [("pgfault 9\noom_kill 3\n", 3), ("pgfault 9\n", 0), (None, 0)]
)
def test_the_kernels_kills_for_memory_are_counted(
    tmp_path: Path, text: str | None, kills: int
) -> None:
    if text is not None:
        (tmp_path / "proc").mkdir()
        (tmp_path / "proc" / "vmstat").write_text(text)
    assert kernel_kills(tmp_path) == kills
