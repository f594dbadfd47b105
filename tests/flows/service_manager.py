"""A systemd of the tests' own: the first process of a new namespace, which knows few units.

It needs root, a mounted cgroup2 and Debian's systemd, and changes nothing outside: its files, its
control groups and its processes go when it ends.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_PROGRAM = Path("/lib/systemd/systemd")
_BOOTS_S = 30
# What any unit counts on to be there, without what Debian's starts for them.
_TARGETS = ("basic", "final", "multi-user", "network", "shutdown", "sysinit", "umount")
# Within new namespaces: a /proc, a /run and control groups of its own, a kernel that it can't set.
_BOOT = """
set -e
mount --make-rprivate /
mount -t proc proc /proc
mount --bind /proc/sys /proc/sys
mount -o remount,ro,bind /proc/sys
mount -t tmpfs tmpfs /run
mkdir -p /run/lock /run/units
cp {units}/* /run/units/
umount --recursive /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs tmpfs /lib/systemd/system-generators
exec env -i PATH="$PATH" container=lungbench SYSTEMD_UNIT_PATH=/run/units \
    {program} --system --unit=multi-user.target --log-target=console --show-status=no
"""


@dataclass(frozen=True)
class Systemd:
    """A systemd that runs.

    Attributes:
        init: Its process, as it is called outside of its namespace.
    """

    init: int

    def systemctl(self, *arguments: str) -> str:
        """Give systemd an order and wait until it is done; return what it says."""
        inside = ("nsenter", "--target", str(self.init), "--mount", "--pid", "--cgroup")
        ended = subprocess.run(
            [*inside, "systemctl", *arguments], capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    def value(self, unit: str, name: str) -> str:
        """Return one property of a unit."""
        return self.systemctl("show", unit, f"--property={name}", "--value")

    def main(self, unit: str) -> psutil.Process:
        """Return the main process of a unit, as it is called out here."""
        inside = self.value(unit, "MainPID")
        for process in psutil.Process(self.init).children(recursive=True):
            with suppress(OSError):  # it has ended since
                status = Path(f"/proc/{process.pid}/status").read_text()
                if f"NSpid:\t{process.pid}\t{inside}\n" in status:
                    return process
        raise AssertionError(f"{unit} has no process {inside}")


@contextmanager
def systemd(units: dict[str, str], folder: Path) -> Iterator[Systemd | None]:
    """Run a systemd with these units while the body runs; give None where none can be started.

    Args:
        units: Their texts by name.
        folder: For its files; what it says is in `systemd.log`.
    """
    groups = _control_groups()
    needed = (_PROGRAM.exists(), shutil.which("unshare"), shutil.which("nsenter"), groups)
    if os.getuid() or groups is None or not all(needed):
        yield None
        return
    group = groups / f"lungbench-{os.getpid()}"
    group.mkdir()
    try:
        with _process(_write(units, folder), group, folder / "systemd.log") as started:
            yield _booted(started)
    finally:
        _remove(group)


def _control_groups() -> Path | None:
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    found = [Path(where) for _, where, kind, *_ in mounts if kind == "cgroup2"]
    return found[0] if found and os.access(found[0], os.W_OK) else None


def _write(units: dict[str, str], folder: Path) -> Path:
    known = folder / "units"
    known.mkdir()
    for name in _TARGETS:
        (known / f"{name}.target").write_text("[Unit]\nDefaultDependencies=no\n")
    for name, text in units.items():
        (known / name).write_text(text)
    script = folder / "boot.sh"
    script.write_text(_BOOT.format(units=known, program=_PROGRAM))
    return script


@contextmanager
def _process(script: Path, group: Path, log: Path) -> "Iterator[subprocess.Popen[bytes]]":
    namespaces = ("--pid", "--mount", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child")
    enter = f'echo $$ > {group}/cgroup.procs && exec unshare {" ".join(namespaces)} bash "$0"'
    with log.open("wb") as said:
        process = subprocess.Popen(["bash", "-c", enter, script], stdout=said, stderr=said)
    try:
        yield process
    finally:
        process.kill()  # with it systemd, and with that all that it started
        process.wait()


def _booted(process: "subprocess.Popen[bytes]") -> Systemd | None:
    deadline = time.monotonic() + _BOOTS_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(AssertionError, IndexError):
            found = Systemd(psutil.Process(process.pid).children()[0].pid)
            found.systemctl("is-active", "multi-user.target")
            return found
        time.sleep(0.1)
    return None


def _remove(group: Path) -> None:
    """Remove a control group once its last process is gone."""
    deadline = time.monotonic() + _BOOTS_S
    while (group / "cgroup.events").read_text().startswith("populated 1"):
        assert time.monotonic() < deadline, f"somebody lives in {group}"
        time.sleep(0.1)
    for each in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
        each.rmdir()
    group.rmdir()
