"""Addresses without the passwords that may stand in them, for all that is shown or kept."""

from urllib.parse import urlsplit


def without_password(address: str) -> str:
    """Return an address without the user and password of its host part."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
