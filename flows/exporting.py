"""The tables of executions as files, and where they lie."""

from collections.abc import Sequence
from pathlib import Path

import typer

from reports.export import WORKBOOK_FILE, Exported, export
from reports.forms.format import count

FOLDER = Path("export")


def export_tables(folders: Sequence[Path], out: Path | None, *, redact: bool = False) -> None:
    """Write the tables and print where; say on stderr what a workbook had no room for.

    Args:
        folders: Of executions, or above them: then all that lie below.
        out: A workbook, if it is called `.xlsx`; else a folder. None is `export`.
        redact: Leave out the names of hosts and users.

    Raises:
        LungbenchError: There is no execution, or `out` can't be written.
    """
    written = export(folders, out or FOLDER, redact=redact)
    for line in left_out_lines(written):
        typer.echo(line, err=True)
    typer.echo(written.path)


def left_out_lines(written: Exported) -> list[str]:
    """Say in a line for each table how many of its rows are in no sheet, and where they are."""
    where = (
        f"{{name}}.csv has them all, {WORKBOOK_FILE} the first ones"
        if written.has_csv
        else "name a folder by --out to get them all as CSV"
    )
    return [
        f"{name}: {count(rows)} rows have no room in a sheet; {where.format(name=name)}"
        for name, rows in written.left_out.items()
    ]
