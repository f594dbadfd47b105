"""Results become one HTML file, from disk alone, at any later time."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from lungbench.errors import LungbenchError
from lungbench.files import write_atomically
from reports.page.comfort import comfort
from reports.page.redaction import redacted, with_numbered_hosts
from reports.page.view import Page, page
from reports.results.load import load

_CONTROLS = (*range(9), 11, 12, *range(14, 32), *range(127, 160))
_DIRECTIONS = (0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_DRAWS_NOTHING = re.compile(f"[{re.escape(''.join(map(chr, (*_CONTROLS, *_DIRECTIONS))))}]")


def render(
    results: Sequence[Path], out: Path, *, redact: bool = False, pictures: bool = True
) -> Path:
    """Write the report of one or several execution folders.

    Args:
        results: Execution folders, of one or several hosts; the first names the baseline.
        out: The HTML file to write, whole or not at all.
        redact: Leave out the names of hosts and users; see `reports.page.redaction`.
        pictures: Show some of the images, as small ones.

    Returns:
        `out`.

    Raises:
        LungbenchError: There is no folder, one of them holds no execution, or `out` can't be
            written.
    """
    if not results:
        raise LungbenchError("A report is made of at least one execution folder.", received="none")
    executions = [load(folder) for folder in results]
    shown = with_numbered_hosts(executions) if redact else executions
    content = page(shown, datetime.now(UTC), pictures=pictures)
    text = html(redacted(content, executions) if redact else content)
    return write_page(text, out)


def write_page(text: str, out: Path) -> Path:
    """Write a page's HTML whole or not at all, with the folders that are missing above it.

    Raises:
        LungbenchError: `out` can't be written.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(out, as_bytes(text))
    except OSError as error:
        raise LungbenchError(
            "The page must be writable.",
            received=f"{out} ({error.strerror})",
            hint="free space, mend the permissions, or name another place.",
        ) from None
    return out


def html(content: Page) -> str:
    """Print a page's data as HTML."""
    return templates().get_template("page.html.jinja").render(page=content, comfort=comfort())


def as_bytes(text: str) -> bytes:
    r"""Encode a page, with every character that draws nothing spelled out, such as `\u202e`.

    A name on disk may hold what turns the direction of reading, what a terminal obeys, or bytes
    that are no text; they are shown, not refused.
    """
    shown = _DRAWS_NOTHING.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    return shown.encode(errors="backslashreplace")


def templates() -> Environment:
    """Return the templates of every page; whatever they print is escaped."""
    return Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
