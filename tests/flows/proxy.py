"""The nginx of docs/lab-server.md in front of a server of the tests, by the guide's own words.

Its master is no root, as ports above 1024 need none: it runs as the user of Debian's package where
the tests run as root, so that what it may read is what the guide lets it.
"""

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from guide import GUIDE
from prefect_server import free_port
from waiting import wait_for

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
USER = "www-data"  # of Debian's package
HOME = "/srv/lungbench"

# What is around the guide's block in Debian's nginx.conf, in a folder of its own.
_AROUND = """
daemon off;
pid {folder}/nginx.pid;
events {{}}
http {{
    include /etc/nginx/mime.types;
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{block}
}}
"""


@dataclass(frozen=True)
class Proxy:
    """An nginx that runs.

    Attributes:
        address: Of the UI, as `https://localhost:...`.
        certificate: Of the authority that its clients have to trust.
        log: What it was asked, a line a request; a websocket's when it has ended.
    """

    address: str
    certificate: Path
    log: Path

    @property
    def api(self) -> str:
        return f"{self.address}/api"

    @property
    def asked(self) -> list[tuple[str, int]]:
        """Each request's path without its question, and the status of its answer."""
        lines = re.findall(r'"\w+ ([^ ?"]*)[^"]*" (\d+) ', self.log.read_text())
        return [(path, int(status)) for path, status in lines]


@contextmanager
def lab_home() -> Iterator[Path]:
    """Make the lab's home, which nginx may pass through as the guide lets it."""
    home = Path(tempfile.mkdtemp(prefix="lungbench-home-"))
    try:
        if os.getuid() == 0:
            [line] = re.findall(r"# (chown lab:www-data .*)", GUIDE)
            _shell(line.replace("chown lab", "chown root").replace(HOME, str(home)))
        yield home
    finally:
        shutil.rmtree(home)


@contextmanager
def proxy(server: int, home: Path, password: str) -> Iterator[Proxy]:
    """Run nginx in front of the server that listens on a port, while the body runs.

    Args:
        server: The server's port.
        home: Made by `lab_home`; the pages lie below `app/results` in it.
        password: Of the reports' user `lab`.
    """
    assert NGINX is not None, "nginx is not installed"
    folder, port = Path(tempfile.mkdtemp(prefix="lungbench-nginx-")), free_port()
    found = Proxy(f"https://localhost:{port}", folder / "lab.pem", folder / "access.log")
    try:
        _make_certificate(folder)
        _make_passwords(folder, password)
        (folder / "nginx.conf").write_text(
            _AROUND.format(folder=folder, block=_block(folder, server, port, home))
        )
        errors, command = folder / "error.log", [NGINX, "-e", "stderr", "-c", folder / "nginx.conf"]
        with errors.open("wb") as log:
            process = subprocess.Popen([*_as_its_user(folder), *command], stderr=log)
        try:
            wait_for(lambda: (folder / "nginx.pid").exists() or process.poll() is not None)
            assert process.poll() is None, errors.read_text()
            yield found
        finally:
            process.terminate()
            process.wait(30)
    finally:
        shutil.rmtree(folder)


def _block(folder: Path, server: int, port: int, home: Path) -> str:
    """Return the guide's block with the places of this machine in it."""
    [block] = re.findall(r"```nginx\n(.*?)```", GUIDE, re.DOTALL)
    for of_the_guide, here in (
        ("listen 443", f"listen 127.0.0.1:{port}"),
        ("listen [::]:443", f"listen [::1]:{port}"),
        ("lab.example;", "localhost;"),
        ("/etc/ssl/certs/lab.example.pem", folder / "lab.pem"),
        ("/etc/ssl/private/lab.example.key", folder / "lab.key"),
        ("/etc/nginx/lungbench.htpasswd", folder / "lungbench.htpasswd"),
        ("127.0.0.1:4200", f"127.0.0.1:{server}"),
        (HOME, home),
    ):
        assert of_the_guide in block
        block = block.replace(of_the_guide, str(here))
    return str(block)


def _make_certificate(folder: Path) -> None:
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    files = ("-keyout", folder / "lab.key", "-out", folder / "lab.pem")
    command = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject, *files)
    subprocess.run(command, check=True, capture_output=True)


def _make_passwords(folder: Path, password: str) -> None:
    """Write the passwords' file by the guide's line, where a person would type the password."""
    [line] = re.findall(r"# (printf 'lab:.*)", GUIDE)
    typed = line.replace("passwd -6", f"passwd -6 {password}")
    _shell(typed.replace("/etc/nginx", str(folder)))


def _as_its_user(folder: Path) -> list[str]:
    if os.getuid():
        return []
    user = pwd.getpwnam(USER)
    for path in (folder, *folder.iterdir()):
        os.chown(path, user.pw_uid, user.pw_gid)
    return ["runuser", "-u", USER, "--"]


def _shell(line: str) -> None:
    subprocess.run(["sh", "-ec", line], check=True)
