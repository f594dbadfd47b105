"""Waiting for what other processes do, on machines that do other things as well."""

import subprocess
import time
from collections.abc import Callable
from typing import Any


def wait_for(
    condition: Callable[[], Any],
    process: "subprocess.Popen[str] | None" = None,
    *,
    seconds: float = 120,
) -> Any:
    """Wait until something holds, and return it.

    Args:
        condition: Asked ten times a second.
        process: It must live meanwhile.
        seconds: When to give up.
    """
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)
    return found
