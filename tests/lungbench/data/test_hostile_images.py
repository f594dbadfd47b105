"""Every kind of file that an image folder may hold: the right pixels, or one line that says why."""

from pathlib import Path

import numpy as np
import pytest
from hostile_case import Case, Refused, Shown
from hostile_damage import DAMAGE
from hostile_dicoms import DICOMS
from hostile_layouts import LAYOUTS

from lungbench.data.decode import UnreadableImage, decode, examine_bytes, grey_of_bytes, read_bytes

pytestmark = [
    pytest.mark.timeout(20),  # for each: nothing waits for a pipe, and nothing swells
    # Pillow's advice on damaged files; those who decode silence it (`unheard_advice`).
    pytest.mark.filterwarnings("ignore::UserWarning:PIL"),
]

CASES = (*LAYOUTS, *DAMAGE, *DICOMS)
SHOWN = [case for case in CASES if isinstance(case.expected, Shown)]
REFUSED = [case for case in CASES if isinstance(case.expected, Refused)]


def test_there_are_more_than_75_files_and_each_has_a_name_of_its_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 75


@pytest.mark.parametrize("case", SHOWN, ids=lambda case: case.name)
def test_a_picture_comes_out_as_it_went_in(case: Case, tmp_path: Path) -> None:
    expected = case.expected
    path = case.lay_out(tmp_path)
    content = read_bytes(path)
    grey = np.asarray(grey_of_bytes(content)[0]).astype(int)
    assert grey.shape == expected.grey.shape
    assert np.abs(grey - expected.grey).max() <= expected.off_by
    facts = examine_bytes(content)
    height, width = expected.grey.shape
    assert facts[:4] == (width, height, expected.layout, expected.format)
    assert facts.mean_grey == pytest.approx(grey.mean(), abs=1e-3)
    decoded = decode(path, 16)
    assert decoded.facts == facts
    assert decoded.pixels.shape == (16, 16)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_what_is_no_picture_is_refused_in_words_that_are_the_same_everywhere(
    case: Case, tmp_path: Path
) -> None:
    path = case.lay_out(tmp_path)
    with pytest.raises(UnreadableImage) as caught:
        decode(path, 16)
    assert caught.value.reason == case.expected.reason
    assert str(tmp_path) not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
