"""One command for a lab's machine: a Prefect server, what it can run, and a worker that runs it.

The server listens on this machine alone, unless it is told otherwise. On another address it would
let everybody who can reach it run code here, so there it starts with a password or not at all.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from flows.draining import drain
from flows.suite import configure_prefect
from lungbench.errors import Interrupted, LungbenchError, Refused
from lungbench.secrets import without_password

HOST = "127.0.0.1"
PASSWORD, CLIENT_PASSWORD = "PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_AUTH_STRING"
POOL = "lungbench"
DEPLOYMENTS = "prefect.yaml"

_START_S = 120.0
_POLL_S = 0.5

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens.

    Attributes:
        host: An address or a name of this machine, or `0.0.0.0` for all of them.
    """

    host: str = HOST
    port: int = 4200

    @property
    def here(self) -> str:
        """Where this machine itself reaches the server."""
        host = {"0.0.0.0": HOST, "::": "::1"}.get(self.host, self.host)  # noqa: S104 - asked for
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


def serve(folder: Path, address: Address, say: Say) -> None:
    """Run a server and a worker until somebody stops this command.

    Args:
        folder: Holds `prefect.yaml`; the worker runs there, so results appear below it.
        address: Of the server on this machine.
        say: Told what there is, a line each.

    Raises:
        Refused: There is no `prefect.yaml`, the port is taken, or others could reach the server
            without a password.
        LungbenchError: Something didn't start, or ended by itself.
        Interrupted: Somebody stopped it; the flow runs and the worker have ended in order.
    """
    _check_folder(folder)
    _check(address)
    configure_prefect()
    environ = _environ(folder, address)
    with _stoppable(), _process("server", _server(address), environ, folder) as server:
        _wait_until_healthy(address, server)
        say(f"Prefect's UI: {address.here}")
        if not address.is_loopback:
            say("Others reach it with the password, which travels in clear text without TLS.")
        _set_up(environ, folder, say)
        with _process("worker", _WORKER, environ, folder, end=drain) as worker:
            say(f"A worker waits for runs in {folder}. Ctrl-C ends all of it.")
            _wait(server, worker)


def set_up(folder: Path, say: Say) -> None:
    """Make on the server in use all that `serve` makes on its own, for a worker that runs apart.

    Args:
        folder: Holds `prefect.yaml`; flow runs work there.
        say: Told what there is.

    Raises:
        Refused: There is no `prefect.yaml`, or no server is named.
        LungbenchError: Something could not be made.
    """
    _check_folder(folder)
    configure_prefect()
    from prefect.settings import PREFECT_API_URL

    if not (api := PREFECT_API_URL.value()):
        raise Refused(
            "There must be a server to set up.",
            received="no PREFECT_API_URL",
            hint="set it, or leave --set-up-only out for a server of this command's own.",
        )
    _set_up({**os.environ, "PWD": str(folder)}, folder, _fail)
    say(f"Set up: {without_password(api)} offers what {folder / DEPLOYMENTS} names.")


def _fail(line: str) -> None:
    raise LungbenchError("The server must be set up whole.", received=line)


def _server(address: Address) -> tuple[str, ...]:
    return ("server", "start", "--host", address.host, "--port", str(address.port))


_WORKER = ("worker", "start", "--pool", POOL, "--type", "process", "--name", socket.gethostname())


def _check_folder(folder: Path) -> None:
    if not (folder / DEPLOYMENTS).is_file():
        raise Refused(
            f"A server is started where {DEPLOYMENTS} lies.",
            received=folder,
            expected="the folder of the project, or a copy of that file",
        )


def _check(address: Address) -> None:
    if not address.is_loopback and not os.environ.get(PASSWORD):
        raise Refused(
            "A server that other machines can reach needs a password.",
            received=f"--host {address.host}, and no {PASSWORD}",
            hint=f"set {PASSWORD}=user:password, or leave --host out for this machine alone.",
        )
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family) as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            free.bind((address.host, address.port))
        except OSError as error:
            raise Refused(
                "The server's port must be free.",
                received=f"{address.host}:{address.port} ({error.strerror})",
                hint="if a server runs there already, set PREFECT_API_URL and start a worker; "
                "else name another one with --port.",
            ) from None


def _environ(folder: Path, address: Address) -> dict[str, str]:
    from flows.heartbeat import FREQUENCY_S

    password = os.environ.get(PASSWORD, "")
    guarded = {CLIENT_PASSWORD: password, "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true"}
    return {
        "PREFECT_SERVER_UI_API_URL": "/api",  # a browser asks the address where it found the page
        **os.environ,
        "PWD": str(folder),  # the deployments' runs work there
        **(guarded if password else {}),
        "PREFECT_API_URL": f"{address.here}/api",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(FREQUENCY_S),
        # The console is quiet in flow runs of the command line; here it goes to the logs' files.
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "INFO",
    }


@contextmanager
def _stoppable() -> Iterator[None]:
    """Make TERM what Ctrl-C is."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted("The server and its worker were stopped.") from None
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _process(
    name: str,
    arguments: tuple[str, ...],
    environ: Mapping[str, str],
    folder: Path,
    end: Callable[[int], None] | None = None,
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run one command of Prefect beside this one, its output in a file of its name."""
    log = folder / f"prefect-{name}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", *arguments],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for this command, which ends them in order
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            (end or _terminate)(process.pid)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_START_S)


def _terminate(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)


def _wait_until_healthy(address: Address, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        _check_alive(server, "server")
        with suppress(URLError, OSError), urlopen(f"{address.here}/api/health", timeout=2):  # noqa: S310 - http
            return
        time.sleep(_POLL_S)
    raise LungbenchError(
        f"Prefect's server must answer within {_START_S:.0f} s.",
        received="no answer",
        hint="see prefect-server.log.",
    )


def _set_up(environ: Mapping[str, str], folder: Path, say: Say) -> None:
    """Make what is missing on the server, and mend what this host's dead processes left."""
    pool = ("work-pool", "create", POOL, "--type", "process", "--overwrite")
    _must(("-m", "prefect", *pool), environ, folder)
    _must(("-m", "flows.deploying"), environ, folder)
    for module, arguments, what in (
        ("flows.queues", (), "Executions of one deployment may overlap"),
        ("flows.heartbeat", (), "No automation for flow runs that die without a word"),
        ("flows.zombies", ("results",), "Not mended what dead processes left"),
    ):
        ended = _python(("-m", module, *arguments), environ, folder)
        if ended.returncode:
            last = (ended.stderr.strip().splitlines() or ["no word"])[-1]
            say(f"{what}: {last}")


def _python(
    arguments: tuple[str, ...], environ: Mapping[str, str], folder: Path
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


def _must(arguments: tuple[str, ...], environ: Mapping[str, str], folder: Path) -> None:
    ended = _python(arguments, environ, folder)
    if ended.returncode:
        said = (ended.stderr + ended.stdout).strip().splitlines() or ["no word"]
        raise LungbenchError(
            f"`python {' '.join(arguments)}` must succeed.", received=said[-1].strip()
        )


def _wait(server: "subprocess.Popen[bytes]", worker: "subprocess.Popen[bytes]") -> None:
    while True:
        _check_alive(server, "server")
        _check_alive(worker, "worker")
        time.sleep(_POLL_S)


def _check_alive(process: "subprocess.Popen[bytes]", name: str) -> None:
    if (code := process.poll()) is not None:
        raise LungbenchError(
            f"Prefect's {name} must stay alive.",
            received=f"it ended with {code}",
            hint=f"see prefect-{name}.log.",
        )
