"""What the command says of an export."""

from pathlib import Path

import pytest

from flows.exporting import left_out_lines
from reports.export import Exported


@pytest.mark.parametrize(
    ("has_csv", "line"),
    [
        (
            True,
            "samples: 1,234 rows have no room in a sheet; samples.csv has them all, "
            "results.xlsx the first ones",
        ),
        (
            False,
            "samples: 1,234 rows have no room in a sheet; "
            "name a folder by --out to get them all as CSV",
        ),
    ],
)
def test_a_line_says_where_the_rows_are_that_a_sheet_has_no_room_for(
    has_csv: bool, line: str
) -> None:
    written = Exported(Path("export"), {"samples": 1234}, has_csv=has_csv)
    assert left_out_lines(written) == [line]


def test_nothing_is_said_where_all_has_room() -> None:
    assert left_out_lines(Exported(Path("export"), {}, has_csv=True)) == []
