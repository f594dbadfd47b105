"""A Postgres cluster for the tests, in a temporary folder, on a free port of this machine.

Postgres doesn't run as root: then it runs as the user that Debian's package makes, else as nobody.
"""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prefect_server import free_port

_DEBIAN = Path("/usr/lib/postgresql")  # not on anybody's PATH
_USERS = ("postgres", "nobody")


def programs() -> Path | None:
    """Return the folder of the newest `initdb` and `pg_ctl`; None where there are none."""
    installed = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if installed:
        return installed[-1].parent
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@dataclass(frozen=True)
class Cluster:
    """A cluster that runs: its user `prefect` owns the database `postgres`."""

    port: int
    password: str

    @property
    def url(self) -> str:
        """The address as Prefect wants it."""
        return f"postgresql+asyncpg://prefect:{self.password}@127.0.0.1:{self.port}/postgres"

    def ask(self, query: str) -> str:
        """Return the answer of a query, a line a row."""
        folder = programs()
        assert folder is not None
        where = f"host=127.0.0.1 port={self.port} user=prefect dbname=postgres"
        return subprocess.run(
            [folder / "psql", "--no-psqlrc", "-At", where, "-c", query],
            env=os.environ | {"PGPASSWORD": self.password},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Make a cluster and run it while the body runs."""
    found = programs()
    assert found is not None, "Postgres is not installed"
    folder = Path(tempfile.mkdtemp(prefix="lungbench-postgres-"))
    running = Cluster(free_port(), secrets.token_hex(16))
    password, data = folder / "password", folder / "data"
    password.write_text(running.password)
    as_somebody = _as_somebody(folder, password)

    def call(program: str, *arguments: object) -> None:
        command = [*as_somebody, str(found / program), "-D", str(data), *map(str, arguments)]
        with (folder / "setup.log").open("ab") as log:
            ended = subprocess.run(command, cwd=folder, stdout=log, stderr=log, check=False)
        assert ended.returncode == 0, (folder / "setup.log").read_text()

    try:
        call(
            "initdb", "-U", "prefect", "--auth=scram-sha-256", f"--pwfile={password}", "-E", "UTF8"
        )
        where = f"-p {running.port} -c listen_addresses=127.0.0.1 -k {folder}"
        call("pg_ctl", "start", "--wait", "-l", folder / "postgres.log", "-o", where)
        try:
            yield running
        finally:
            call("pg_ctl", "stop", "--wait", "-m", "immediate")
    finally:
        shutil.rmtree(folder)


def _as_somebody(*theirs: Path) -> list[str]:
    """Return what starts a command as an unprivileged user, who is given these files."""
    if os.getuid():
        return []
    known = {each.pw_name: each for each in pwd.getpwall()}
    user = next(known[name] for name in _USERS if name in known)
    for path in theirs:
        os.chown(path, user.pw_uid, user.pw_gid)
    return ["runuser", "-u", user.pw_name, "--"]
