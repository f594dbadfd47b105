from pathlib import Path

from reports.results.images import read_images

TABLE = """path,class,kept,reason,mean_grey
a.png,covid,yes,,122.5
b.png,covid,no,mean grey 99 is outside 120 to 140,99
c.png,normal,no,truncated file,
d.png,normal,no,truncated file,nonsense
e.png,normal,yes,,255
"""


def test_the_table_tells_reasons_and_greys_by_class(tmp_path: Path) -> None:
    (tmp_path / "images.csv").write_text(TABLE)
    found = read_images(tmp_path / "images.csv")
    assert found.reasons == (
        ("truncated file", 2),
        ("mean grey 99 is outside 120 to 140", 1),
    )
    covid, normal = found.histograms
    # Bars are 5 levels wide: 122.5 is in the 25th, 99 in the 20th, 255 in the last.
    assert covid.kept[24] == 1
    assert covid.discarded[19] == 1
    assert normal.kept[-1] == 1
    assert sum(normal.discarded) == 0
    assert len(found.skipped) == 3
