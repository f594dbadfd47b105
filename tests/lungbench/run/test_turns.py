"""Whose turn it is among trainings of one host."""

import threading
import time
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungbench.experiment import Experiment, Matrix, RunSpec
from lungbench.host import describe_host
from lungbench.record import Gpu
from lungbench.run.turns import Turns, turns_of, whole_s
from lungbench.settings import Exclusive

HOST = describe_host(gpus=False).model_copy(
    update={"gpus": (Gpu(index=0, uuid="GPU-a"), Gpu(index=1, uuid="GPU-b"))}
)

NEEDS = st.lists(st.sets(st.sampled_from("abc"), max_size=3), max_size=12)


def runs(*devices: str, repeats: int = 1) -> tuple[RunSpec, ...]:
    matrix = Matrix(models=("cnn10",), devices=devices, repeats=repeats)
    return Experiment(name="x", matrix=matrix).runs()


def at_once(turns: Turns, number: int) -> set[int]:
    """The next trainings, of which as many as are said can be had before one has ended."""
    return {next(turns) for _ in range(number)}


def waits_for(number: int, turns: Turns) -> bool:
    """Whether the next turn only comes when this training has ended."""
    thread = threading.Thread(target=lambda: next(turns))
    thread.start()
    thread.join(0.1)
    waited = thread.is_alive()
    turns.ended(number)
    thread.join()
    return waited


@given(NEEDS)
@settings(max_examples=60)
def test_on_every_device_one_trains_at_a_time_in_the_order_that_was_given(
    needs: Sequence[set[str]],
) -> None:
    turns, begun = Turns(needs), list[int]()
    in_use, met = Counter[str](), list[set[str]]()

    def train(number: int) -> None:
        met.append({device for device in needs[number] if in_use[device]})
        in_use.update(needs[number])
        time.sleep(0.001 * (number % 3))
        in_use.subtract(needs[number])
        turns.ended(number)

    for number in turns:
        begun.append(number)
        threading.Thread(target=train, args=(number,)).start()
    assert not any(met)
    assert sorted(begun) == list(range(len(needs)))
    for device in "abc":
        order = [number for number, devices in enumerate(needs) if device in devices]
        assert [number for number in begun if device in needs[number]] == order


def test_trainings_that_own_the_host_wait_for_each_other() -> None:
    turns = turns_of(runs("cpu", "gpu:0", "gpu:1"), "host", HOST)
    assert next(turns) == 0
    assert waits_for(0, turns)


def test_trainings_that_own_their_devices_begin_at_once() -> None:
    turns = turns_of(runs("cpu", "gpu:0", "gpu:1"), "device", HOST)
    assert at_once(turns, 3) == {0, 1, 2}


@pytest.mark.parametrize("other", ["cpu:threads=1", "cpu:threads=2"])
def test_processors_are_one_device_however_many_threads_are_used(other: str) -> None:
    turns = turns_of(runs("cpu", other), "device", HOST)
    assert next(turns) == 0
    assert waits_for(0, turns)


@pytest.mark.parametrize("gpu", ["gpu:0", "gpu:1"])
def test_all_gpus_are_each_of_them(gpu: str) -> None:
    turns = turns_of(runs("gpu:all", gpu), "device", HOST)
    assert next(turns) == 0
    assert waits_for(0, turns)


def test_a_device_goes_on_with_its_next_repeat_while_another_is_slow() -> None:
    turns = turns_of(runs("cpu", "gpu:0", repeats=3), "device", HOST)
    assert at_once(turns, 2) == {0, 1}
    for ended, begins in ((1, 3), (3, 5)):
        turns.ended(ended)
        assert next(turns) == begins  # the repeats of gpu:0


def test_one_whose_device_is_not_there_holds_up_nobody() -> None:
    turns = turns_of(runs("gpu:7", "cpu"), "device", HOST)
    assert at_once(turns, 2) == {0, 1}


@pytest.mark.parametrize(
    ("exclusive", "taken_s"),
    # cpu 10, gpu:0 1, gpu:1 2, gpu:all 4: one after the other; or gpu:all after both GPUs, beside
    # the processors
    [("host", 17.0), ("device", 10.0)],
)
def test_runs_at_once_take_as_long_as_their_slowest_device(
    exclusive: Exclusive, taken_s: float
) -> None:
    four = runs("cpu", "gpu:0", "gpu:1", "gpu:all")
    assert whole_s(four, (10.0, 1.0, 2.0, 4.0), exclusive, HOST) == taken_s


def test_all_gpus_begin_when_the_last_of_them_is_free() -> None:
    three = runs("gpu:0", "gpu:1", "gpu:all")
    assert whole_s(three, (1.0, 2.0, 4.0), "device", HOST) == 6.0


def test_the_turns_are_over_when_all_have_ended_and_not_before() -> None:
    turns = turns_of(runs("cpu", "gpu:0"), "device", HOST)
    assert at_once(turns, 2) == {0, 1}
    turns.ended(0)
    threading.Timer(0.05, turns.ended, [1]).start()
    assert list(turns) == []
