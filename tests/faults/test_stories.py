"""What takes long and mostly waits, and so runs beside the other tests: `story_*.py`."""

from contextlib import ExitStack

import pytest
from fault_story import Story
from fault_tally import Fault


@pytest.mark.slow
@pytest.mark.fault(6, 7, 31, 32, 33, 34)
@pytest.mark.story("story_prefect.py")
def test_whatever_becomes_of_prefect_no_training_is_held_up_or_lost(
    story: Story, faults: list[Fault]
) -> None:
    with ExitStack() as trials:
        for fault in faults:
            trials.enter_context(fault.trial())
        story.comes_to_its_end()


@pytest.mark.slow
@pytest.mark.fault(5, 10)
@pytest.mark.story("story_real.py")
def test_a_real_training_that_was_asked_to_end_goes_on_and_has_its_result_though_it_hangs(
    story: Story, faults: list[Fault]
) -> None:
    with ExitStack() as trials:
        for fault in faults:
            fault.real = True
            trials.enter_context(fault.trial())
        story.comes_to_its_end()
