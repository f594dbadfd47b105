"""Prefect's embedded server, tied to the process that started it.

Prefect starts it as a child and ends it when the interpreter exits. A process that is killed never
gets there, and its server would live for ever; so a shell waits for the end of a pipe whose other
end only this process holds, and then ends the server.
"""

import atexit
import subprocess

from prefect.server.api.server import SubprocessASGIServer

from lungbench.errors import LungbenchError

_WATCH = 'read -r _; kill -TERM "$0"; sleep 5; kill -KILL "$0"'


def start_embedded_server() -> None:
    """Start the server that Prefect's clients in this process will use.

    Raises:
        LungbenchError: It doesn't answer in time.
    """
    try:
        _Tied().start()
    except RuntimeError as error:
        raise LungbenchError(
            "Prefect's embedded server must start.",
            received=str(error).splitlines()[0],
            hint="try again, start a server and set PREFECT_API_URL, or pass --no-prefect.",
        ) from None


class _Tied(SubprocessASGIServer):
    """The one embedded server of this process; Prefect's clients find it by their class."""

    def _run_uvicorn_command(self) -> "subprocess.Popen[bytes]":
        server: subprocess.Popen[bytes] = super()._run_uvicorn_command()
        _end_with_this_process(server.pid)
        return server


def _end_with_this_process(pid: int) -> None:
    """End a child when this process is gone, however it ends."""
    watcher = subprocess.Popen(
        ["/bin/sh", "-c", _WATCH, str(pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is not for it
    )

    def release() -> None:
        watcher.kill()
        watcher.communicate()

    # Before the server's own: handlers run in reverse, and a watcher may go when the server has.
    atexit.register(release)
