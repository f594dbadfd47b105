"""The page's script: comfort for readers who allow one; everything is there without it."""

from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Comfort:
    """A script that a page allows by its hash alone.

    Attributes:
        text: What stands between `<script>` and `</script>`, to the letter.
        hash: What the page's Content-Security-Policy names: `sha256-…`.
    """

    text: Markup
    hash: str


@cache
def comfort() -> Comfort:
    """Read the script of the package."""
    text = (files("reports") / "templates" / "comfort.js").read_text(encoding="utf-8")
    digest = b64encode(sha256(text.encode()).digest()).decode("ascii")
    return Comfort(Markup(text), f"sha256-{digest}")  # noqa: S704  the package's own file
