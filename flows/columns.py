"""Tables of plain text: columns as wide as their widest cell, numbers to the right."""

from collections.abc import Sequence


def columns(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return header and rows as lines of aligned columns, two spaces apart."""
    lines = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    to_the_right = [all(_is_number(line[i]) for line in lines[1:]) for i in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, to_the_right, strict=True)
        ).rstrip()
        for line in lines
    )


def _is_number(text: str) -> bool:
    return text[:1].isdigit() or text in ("", "-")
