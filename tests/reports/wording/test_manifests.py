"""A manifest that nobody read is named with what it would tell."""

import pytest

from lungbench.data.unread_manifests import UnreadManifest
from reports.wording.manifests import manifest_note


@pytest.mark.parametrize(
    ("tells", "said"),
    [
        ((), "images and classes"),
        (("patient",), "patients"),
        (("patient", "split", "view", "collection"), "patients, splits, views and collections"),
    ],
)
def test_what_it_tells_stands_beside_its_path(tells: tuple[str, ...], said: str) -> None:
    note = manifest_note("xrays", UnreadManifest("a.csv", tells))
    assert note == (f"xrays/a.csv tells of {said} and isn't read: name it instead of the folder.")


def test_a_name_cannot_move_the_cursor() -> None:
    assert "\x1b" not in manifest_note("xrays", UnreadManifest("\x1b[2J.csv", ()))
