"""What a confined process can't do any more, tried by real processes."""

import platform
import resource
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux's walls")

INSIDE = """
import os, sys
from pathlib import Path
from lungbench.predict import confinement
folder = Path(sys.argv[1])
if not confinement.stay_in(folder):
    sys.exit(77)
"""


def run(script: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(folder)],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=60,
    )
    if ended.returncode == 77:
        pytest.skip(f"this kernel ({platform.release()}) doesn't offer it")
    return ended


@linux
def test_it_writes_in_its_folder_and_nowhere_else(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "old").write_text("old")
    attempts = """
    (folder / "a").write_text("a"); (folder / "a").replace(folder / "b"); (folder / "b").unlink()
    (folder / "c").mkdir(); (folder / "kept").write_text("kept")
    Path(os.devnull).write_text("x")
    for attempt in (
        lambda: (folder.parent / "new").write_text("new"),
        lambda: (folder.parent / "old").write_text("new"),
        lambda: (folder.parent / "old").unlink(),
        lambda: (folder.parent / "folder2").mkdir(),
        lambda: (folder / "kept").replace(folder.parent / "moved"),
        lambda: os.symlink("x", folder.parent / "link"),
        lambda: os.truncate(folder.parent / "old", 0),
    ):
        try:
            attempt()
        except OSError:
            print("refused")
    """
    ended = run(INSIDE + textwrap.dedent(attempts), folder)
    assert ended.stdout.split() == ["refused"] * 7, ended.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "old"]
    assert (tmp_path / "old").read_text() == "old"


@linux
def test_it_starts_no_program(tmp_path: Path) -> None:
    attempt = """
    import subprocess
    subprocess.run([sys.executable, "-c", "open('marker', 'w')"], check=False)
    """
    ended = run(INSIDE + textwrap.dedent(attempt), tmp_path)
    assert "PermissionError" in ended.stderr
    assert list(tmp_path.iterdir()) == []


@linux
def test_it_reaches_no_network_and_keeps_its_user(tmp_path: Path) -> None:
    attempt = """
    import os, socket, sys
    from lungbench.predict import confinement
    with socket.create_server(("127.0.0.1", 0)) as server:
        address, user = server.getsockname(), os.getuid()
        if not confinement.leave_the_network():
            sys.exit(77)
        try:
            socket.create_connection(address, 2)
        except OSError:
            print("unreachable", os.getuid() == user)
        open("written", "w").close()
    """
    assert run(attempt, tmp_path).stdout.split() == ["unreachable", "True"]
    assert (tmp_path / "written").exists()


@linux
def test_memory_beyond_the_limit_is_refused_and_below_it_granted(tmp_path: Path) -> None:
    attempt = """
    from lungbench.predict import confinement
    confinement.limit_memory(200 * 2**20)
    granted = bytearray(100 * 2**20)
    try:
        bytearray(200 * 2**20)
    except MemoryError:
        print("refused")
    """
    ended = run(attempt, tmp_path)
    assert ended.stdout.split() == ["refused"], ended.stderr


def test_limits_are_those_asked_for_or_lower(tmp_path: Path) -> None:
    attempt = """
    import resource
    from lungbench.predict import confinement
    confinement.limit(30, 4096)
    print(*(resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[1]
            for name in ("CPU", "FSIZE", "CORE", "NOFILE")))
    """
    cpu_s, file_bytes, core_bytes, files = map(int, run(attempt, tmp_path).stdout.split())
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert (cpu_s, file_bytes, core_bytes) == (30, 4096, 0)
    assert files <= 1024 or files == most_files
