"""Where Vega draws: in a process of its own while there is one, else in this one.

Vega, by way of vl-convert, stops all Python of the process that it draws in. In a process of its
own it starts while a report's modules are imported, and draws while the report is read.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import vl_convert


class Engine:
    """Vega's process. It ends with the one that started it, however that ends."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "reports.drawings.vega"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what it can't draw is drawn here, and fails here
            text=True,
            encoding="ascii",
            start_new_session=True,  # Ctrl-C is this process's own
        )
        self._turn = Lock()

    def svg(self, chart: str) -> str | None:
        """Return the drawing of a chart in JSON; None if the process doesn't draw it."""
        given, drawn = self._process.stdin, self._process.stdout
        if given is None or drawn is None:
            return None
        try:
            with self._turn:
                print(chart, file=given, flush=True)
                return str(json.loads(drawn.readline()))
        except (OSError, ValueError):
            return None

    def close(self) -> None:
        """End the process once what is being drawn is drawn."""
        with self._turn:
            self._process.kill()  # it has nothing to lose
            self._process.communicate()


_engines: list[Engine] = []


@contextmanager
def own_process() -> Iterator[None]:
    """Let Vega draw in a process of its own; start that at once, before there is anything to draw.

    Whatever happens to that process, a drawing is the same: this one makes it then.
    """
    try:
        engine = Engine()
    except OSError:  # no room for another process
        yield
        return
    _engines.append(engine)
    try:
        yield
    finally:
        _engines.remove(engine)
        engine.close()


def vegalite_to_svg(chart: dict[str, Any]) -> str:
    """Draw a chart given in Vega-Lite's words.

    Raises:
        ValueError: Vega can't draw it.
    """
    text = json.dumps(chart)
    drawn = _engines[-1].svg(text) if _engines else None
    return drawn or str(vl_convert.vegalite_to_svg(text))
