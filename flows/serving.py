"""One command for a lab's machine: a Prefect server, what it can run, and a worker that runs it.

The server listens on this machine alone. On another address it would let everybody who can reach
it run code here, so that is left to a service set up with a password (docs/lab-server.md).
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from flows.draining import drain
from flows.suite import configure_prefect
from lungbench.errors import Interrupted, LungbenchError, Refused

HOST = "127.0.0.1"
POOL = "lungbench"
DEPLOYMENTS = "prefect.yaml"

_START_S = 120.0
_POLL_S = 0.5

Say = Callable[[str], None]


def serve(folder: Path, port: int, say: Say) -> None:
    """Run a server and a worker until somebody stops this command.

    Args:
        folder: Holds `prefect.yaml`; the worker runs there, so results appear below it.
        port: Of the server on this machine.
        say: Told what there is, a line each.

    Raises:
        Refused: There is no `prefect.yaml`, or the port is taken.
        LungbenchError: Something didn't start, or ended by itself.
        Interrupted: Somebody stopped it; the flow runs and the worker have ended in order.
    """
    _check(folder, port)
    configure_prefect()
    environ = _environ(folder, port)
    with _stoppable(), _process("server", _server(port), environ, folder) as server:
        _wait_until_healthy(port, server)
        say(f"Prefect's UI: http://{HOST}:{port}")
        _set_up(environ, folder, say)
        with _process("worker", _WORKER, environ, folder, end=drain) as worker:
            say(f"A worker waits for runs in {folder}. Ctrl-C ends all of it.")
            _wait(server, worker)


def _server(port: int) -> tuple[str, ...]:
    return ("server", "start", "--host", HOST, "--port", str(port))


_WORKER = ("worker", "start", "--pool", POOL, "--type", "process", "--name", socket.gethostname())


def _check(folder: Path, port: int) -> None:
    if not (folder / DEPLOYMENTS).is_file():
        raise Refused(
            f"A server is started where {DEPLOYMENTS} lies.",
            received=folder,
            expected="the folder of the project, or a copy of that file",
        )
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            free.bind((HOST, port))
        except OSError as error:
            raise Refused(
                "The server's port must be free.",
                received=f"{HOST}:{port} ({error.strerror})",
                hint="if a server runs there already, set PREFECT_API_URL and start a worker; "
                "else name another one with --port.",
            ) from None


def _environ(folder: Path, port: int) -> dict[str, str]:
    from flows.heartbeat import FREQUENCY_S

    return {
        **os.environ,
        "PWD": str(folder),  # the deployments' runs work there
        "PREFECT_API_URL": f"http://{HOST}:{port}/api",
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


def _wait_until_healthy(port: int, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        _check_alive(server, "server")
        with suppress(URLError, OSError), urlopen(f"http://{HOST}:{port}/api/health", timeout=2):
            return
        time.sleep(_POLL_S)
    raise LungbenchError(
        f"Prefect's server must answer within {_START_S:.0f} s.",
        received="no answer",
        hint="see prefect-server.log.",
    )


def _set_up(environ: Mapping[str, str], folder: Path, say: Say) -> None:
    """Make the work pool, the deployments and the automation, where they are missing."""
    _prefect(("work-pool", "create", POOL, "--type", "process", "--overwrite"), environ, folder)
    _prefect(("--no-prompt", "deploy", "--all"), environ, folder)
    ended = subprocess.run(
        [sys.executable, "-c", "from flows.heartbeat import install; install()"],
        env=environ,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        last = (ended.stderr.strip().splitlines() or ["no word"])[-1]
        say(f"No automation for flow runs that die without a word: {last}")


def _prefect(arguments: tuple[str, ...], environ: Mapping[str, str], folder: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "prefect", *arguments],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        said = (ended.stderr + ended.stdout).strip().splitlines() or ["no word"]
        raise LungbenchError(
            f"`prefect {' '.join(arguments)}` must succeed.", received=said[-1].strip()
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
