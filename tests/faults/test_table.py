"""That no kind of fault is forgotten."""

import re
from pathlib import Path

from fault_kinds import KINDS


def test_every_kind_of_fault_has_a_test() -> None:
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    marks = re.findall(r"mark\.fault\(([\d, ]+)\)", tests)
    assert {int(number) for mark in marks for number in mark.split(",")} == set(KINDS)
    assert list(KINDS) == list(range(1, 43))
