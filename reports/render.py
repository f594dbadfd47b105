"""Results become one HTML file, from disk alone, at any later time."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from lungbench.errors import LungbenchError
from lungbench.files import write_atomically
from reports.load import load
from reports.view import Page, page


def render(results: Sequence[Path], out: Path) -> Path:
    """Write the report of one or several execution folders.

    Args:
        results: Execution folders, of one or several hosts; the first names the baseline.
        out: The HTML file to write, whole or not at all.

    Returns:
        `out`.

    Raises:
        LungbenchError: There is no folder, one of them holds no execution, or `out` can't be
            written.
    """
    if not results:
        raise LungbenchError("A report is made of at least one execution folder.", received="none")
    content = html(page([load(folder) for folder in results], datetime.now(UTC)))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        # A file name on disk may hold bytes that are no text; they are shown, not refused.
        write_atomically(out, content.encode(errors="backslashreplace"))
    except OSError as error:
        raise LungbenchError(
            "The report must be writable.", received=f"{out} ({error.strerror})"
        ) from None
    return out


def html(content: Page) -> str:
    """Print a page's data as HTML."""
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.jinja").render(page=content)
