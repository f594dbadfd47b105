"""Ask a fresh Python, so that nothing heavy is imported here and a hang ends at its deadline."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TIMEOUT_S = 13.0  # two frameworks are imported side by side in half of it on two cores


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other Python said.

    Attributes:
        facts: The JSON object that it printed last; None where it gave none.
        late: Whether it was ended at its deadline.
        messages: What it wrote to stderr.
    """

    facts: dict[str, Any] | None = None
    late: bool = False
    messages: str = ""

    @property
    def last_words(self) -> str:
        """The last line of the messages, where Python names the exception."""
        lines = [line.strip() for line in self.messages.splitlines() if line.strip()]
        return lines[-1] if lines else "it said nothing"


def ask(
    program: str, environ: Mapping[str, str] | None = None, timeout_s: float = TIMEOUT_S
) -> Answer:
    """Run a Python program that prints one line of JSON.

    Args:
        program: Its source.
        environ: Variables to set beside this process's own.
        timeout_s: When it is killed.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", program],  # -P: no package from the working folder
            env=os.environ | (environ or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer(late=True)
    except OSError as error:
        return Answer(messages=str(error))
    return Answer(_last_json(done.stdout), messages=done.stderr.decode(errors="replace"))


def _last_json(output: bytes) -> dict[str, Any] | None:
    lines = output.decode(errors="replace").splitlines()
    try:
        facts = json.loads(lines[-1]) if lines else None
    except ValueError:
        return None
    return facts if isinstance(facts, dict) else None
