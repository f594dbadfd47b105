"""Addresses are shown and kept without the passwords in them."""

import pytest

from lungbench.secrets import without_password


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://lab:secret@127.0.0.1:4200/api", "http://127.0.0.1:4200/api"),
        ("http://lab:a@b@host/api", "http://host/api"),
        ("https://host:4200/api", "https://host:4200/api"),
        ("", ""),
        ("no address", "no address"),
    ],
)
def test_a_password_is_left_out(address: str, shown: str) -> None:
    assert without_password(address) == shown
