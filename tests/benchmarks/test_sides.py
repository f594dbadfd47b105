"""Long-lived processes that take turns."""

import textwrap
from pathlib import Path

import pytest

from benchmarks.sides import Side, Turn, take_turns

SIDE = """
    import json, sys, time
    from pathlib import Path
    from benchmarks.sides import Turns

    asked = json.loads(sys.argv[1])
    turns = Turns()
    print("a greeting that is no answer")
    while True:
        turns.begin()
        with Path(asked["log"]).open("a") as log:
            log.write(asked["name"])
        if asked["name"] == "x":
            raise OSError("the side broke")
        time.sleep(0.01)
        turns.end()
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "a_side.py").write_text(textwrap.dedent(SIDE))
    root = Path(__file__).parents[2]
    return {"PYTHONPATH": f"{root}:{tmp_path}"}


def test_sides_work_one_after_the_other_and_the_warm_up_is_not_kept(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    log = tmp_path / "log"
    with (
        Side("a_side", {"name": "a", "log": str(log)}, environ) as a,
        Side("a_side", {"name": "b", "log": str(log)}, environ) as b,
    ):
        turns = take_turns({"a": a, "b": b}, rounds=2)
    assert log.read_text() == "ab" + "abba"
    assert [len(taken) for taken in turns.values()] == [2, 2]
    assert all(_plausible(turn) for taken in turns.values() for turn in taken)


def test_a_side_that_breaks_is_told_with_its_last_words(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    asked = {"name": "x", "log": str(tmp_path / "log")}
    with (
        Side("a_side", asked, environ) as side,
        pytest.raises(RuntimeError, match=r"ended with 1[\s\S]*the side broke"),
    ):
        side.turn()


def _plausible(turn: Turn) -> bool:
    # The side sleeps for 10 ms, and Python alone takes megabytes.
    return turn.wall_s >= 0.01 and turn.cpu_s >= 0 and turn.rss_peak_bytes > 2**20
