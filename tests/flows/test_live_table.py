"""What of an execution fits a terminal: which trainings, which columns, which counts."""

import io
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from flows.live_table import Frame, chosen, drawn, frame_of
from lungbench.experiment import Experiment
from lungbench.host import describe_host
from lungbench.record import DataFacts, Epoch, RunRecord, Status
from tasks.standing import Standing

SPECS = Experiment.model_validate(
    {
        "name": "many",
        "train": {"epochs": 120},
        "matrix": {
            "models": ["inceptionv3"],
            "devices": ["cpu:threads=2"],
            "precisions": ["mixed_bfloat16"],
            "repeats": 40,
        },
    }
).runs()
HOST = describe_host(gpus=False)
EPOCHS = tuple(
    Epoch(epoch=n, started_s=n, train_s=60, images_per_s=123.4, loss=0.5, accuracy=0.75)
    for n in (1, 2)
)


def ended(place: int, status: Status = "completed") -> Standing:
    spec = SPECS[place]
    record = RunRecord(
        run_id=spec.run_id,
        status=status,
        started=datetime(2026, 11, 22, tzinfo=UTC),
        spec=spec,
        host=HOST,
        data=DataFacts(fingerprint="f", source="x", classes=("a", "b"), counts={}),
        epochs=EPOCHS,
    )
    return Standing(spec, record=record, begun=True)


def training(place: int) -> Standing:
    return Standing(SPECS[place], epochs=EPOCHS, begun=True)


def waiting(place: int) -> Standing:
    return Standing(SPECS[place])


MAKERS = {"e": ended, "t": training, "w": waiting}


def standings(states: str) -> list[Standing]:
    """Make one training for each letter: ended, training or waiting."""
    return [MAKERS[letter](place) for place, letter in enumerate(states)]


def lines_of(frame: Frame, width: int) -> list[str]:
    screen = io.StringIO()
    Console(file=screen, width=width, force_terminal=True, no_color=True).print(drawn(frame))
    plain = screen.getvalue().replace("\x1b[1m", "").replace("\x1b[0m", "")
    return plain.splitlines()


def test_a_wide_terminal_has_every_column() -> None:
    frame = frame_of(standings("etw"), 120, 24, 0)
    heading = ("training", "state", "epoch", "loss", "accuracy", "images/s", "ETA")
    assert frame.header == heading
    name = "inceptionv3 on cpu:threads=2 (mixed_bfloat16) #{}"
    assert frame.rows == (
        (name.format(1), "done", "2/120", "0.5000", "0.7500", "123", ""),
        # 118 epochs of a minute each
        (name.format(2), "training", "2/120", "0.5000", "0.7500", "123", "1 h 58 min"),
        (name.format(3), "waiting", "0/120", "", "", "", ""),
    )
    assert frame.counts == ("1 of 3 done, 1 training, 1 waiting",)


def test_at_40_columns_the_time_left_is_kept_before_the_loss() -> None:
    frame = frame_of(standings("etw"), 40, 24, 0)
    assert frame.header == ("training", "state", "epoch", "ETA")
    assert frame.rows[1][0].startswith("incep")
    assert frame.rows[1][0].endswith(" #2")


@pytest.mark.parametrize(
    ("states", "room", "shown"),
    [
        ("eetww", 5, [0, 1, 2, 3, 4]),
        ("eeeeeetwww", 4, [4, 5, 6, 7]),  # the last two that ended, and the next one
        ("eeeeeeeeee", 3, [7, 8, 9]),
        ("wwwwww", 2, [0, 1]),
        ("twwwww", 3, [0, 1, 2]),
        ("tttttt", 4, [0, 1, 2, 3]),
        ("eeetww", 1, [3]),
    ],
)
def test_trainings_under_way_come_first_then_the_last_and_the_next(
    states: str, room: int, shown: list[int]
) -> None:
    assert chosen(standings(states), room) == shown


def test_minutes_pass_and_seconds_do_not_change_a_frame() -> None:
    early = frame_of(standings("t"), 80, 24, 59)
    assert early == frame_of(standings("t"), 80, 24, 1)
    assert frame_of(standings("t"), 80, 24, 150).counts == ("0 of 1 done, 1 training; 2 min",)


def test_failed_and_stopped_trainings_are_counted_apart() -> None:
    found = [ended(0), ended(1, "failed"), ended(2, "interrupted"), waiting(3)]
    counts = frame_of(found, 80, 24, 0).counts
    assert counts == ("1 of 4 done, 1 failed, 1 stopped, 1 waiting",)


@settings(max_examples=40)
@given(
    states=st.text("etw", min_size=1, max_size=40),
    width=st.integers(34, 130),
    height=st.integers(5, 40),
)
def test_a_frame_never_exceeds_the_terminal(states: str, width: int, height: int) -> None:
    frame = frame_of(standings(states), width, height, 3600)
    lines = lines_of(frame, width)
    assert len(lines) == 1 + len(frame.rows) + len(frame.counts) < height
    assert max(cell_len(line) for line in lines) <= width
    assert not any("…" in cell for row in frame.rows for cell in row[1:])
    assert all(line.startswith(row[0]) for line, row in zip(lines[1:], frame.rows, strict=False))
