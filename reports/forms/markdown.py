"""Tables as Markdown, for pull requests and lab books; what is in a cell stays text."""

from collections.abc import Sequence

from reports.forms.blocks import Table

_SPECIAL = str.maketrans({each: f"\\{each}" for each in "\\`*_[]<>|#~"})


def table_as_markdown(block: Table) -> str:
    """Return a table as GitHub writes it, figures to the right."""
    rule = ["---:" if column.numeric else "---" for column in block.columns]
    rows = [[column.title for column in block.columns], *block.rows]
    header, *lines = [_line([escaped(cell) for cell in row]) for row in rows]
    return "\n".join([f"**{escaped(block.caption)}**", "", header, _line(rule), *lines])


def escaped(text: str) -> str:
    """Return a text in which Markdown sees no markup, on one line."""
    return " ".join(text.split()).translate(_SPECIAL)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
