"""Vega in a process of its own: real processes, killed with real signals."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import altair as alt
import psutil
import pytest

from reports.drawings import vega
from reports.drawings.engine import own_process, vegalite_to_svg


def chart(title: str = "speed-up", **more: Any) -> dict[str, Any]:
    """A dot at a third, in Vega-Lite's words."""
    place = {"field": "x", "type": "quantitative", "title": title}
    return {
        "$schema": alt.SCHEMA_URL,
        "data": {"values": [{"x": 1 / 3}]},
        "mark": "point",
        "encoding": {"x": place},
        **more,
    }


def engines() -> list[psutil.Process]:
    """The processes of Vega that this one started."""
    children = psutil.Process().children()
    return [each for each in children if vega.__name__ in each.cmdline()]


def drawn_without() -> str:
    return vegalite_to_svg(chart())


def killed() -> None:
    [engine] = engines()
    engine.kill()


def stopped_between() -> None:
    [engine] = engines()
    engine.terminate()
    engine.wait(60)


def nothing() -> None:
    assert len(engines()) == 1


@pytest.mark.parametrize("happens", [nothing, killed, stopped_between])
def test_a_drawing_is_the_same_whatever_happens_to_its_process(happens: Callable[[], None]) -> None:
    here = drawn_without()
    with own_process():
        happens()
        assert vegalite_to_svg(chart()) == here
        assert vegalite_to_svg(chart()) == here
    assert engines() == []


def test_while_there_is_a_process_nothing_is_drawn_here(monkeypatch: pytest.MonkeyPatch) -> None:
    here = drawn_without()

    def fails(_: str) -> str:
        raise AssertionError("drawn here")

    monkeypatch.setattr("vl_convert.vegalite_to_svg", fails)
    with own_process():
        assert vegalite_to_svg(chart()) == here


def test_a_drawing_that_was_under_way_when_its_process_died_is_made_here() -> None:
    with own_process():
        assert "speed-up" in vegalite_to_svg(chart())
        [engine] = engines()
        engine.send_signal(signal.SIGSTOP)
        with ThreadPoolExecutor() as threads:
            waits = threads.submit(vegalite_to_svg, chart("under way"))
            assert not waits.done()
            engine.kill()
            assert "under way" in waits.result(60)


def test_what_vega_cannot_draw_fails_as_it_does_here_and_the_next_is_drawn() -> None:
    with pytest.raises(ValueError, match="conversion failed"):
        vegalite_to_svg(chart(mark={"type": ["no", "mark"]}))
    with own_process():
        with pytest.raises(ValueError, match="conversion failed"):
            vegalite_to_svg(chart(mark={"type": ["no", "mark"]}))
        assert "speed-up" in vegalite_to_svg(chart())


def test_drawings_asked_for_at_once_are_not_mixed_up() -> None:
    titles = [f"title {number}" for number in range(12)]
    with own_process(), ThreadPoolExecutor(4) as threads:
        drawings = list(threads.map(lambda title: vegalite_to_svg(chart(title)), titles))
    assert [each for each in zip(titles, drawings, strict=True) if each[0] not in each[1]] == []


def test_without_room_for_a_process_vega_draws_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: Any, **__: Any) -> None:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr("subprocess.Popen", none_left)
    with own_process():
        assert "speed-up" in vegalite_to_svg(chart())


def test_vegas_process_ends_with_the_one_that_started_it() -> None:
    program = (
        "import time\n"
        "from reports.drawings.engine import own_process\n"
        "with own_process():\n"
        "    print(flush=True)\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        [engine] = psutil.Process(parent.pid).children()
        os.kill(parent.pid, signal.SIGKILL)
        engine.wait(60)


def test_what_warms_vega_up_is_in_the_words_of_the_charts() -> None:
    assert alt.SCHEMA_URL.startswith(vega.first_chart()["$schema"].removesuffix("json"))
