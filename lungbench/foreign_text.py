"""Text that others wrote, such as file names, made harmless for the program that shows it."""

from typing import TypeVar

Text = TypeVar("Text", str, None)

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What makes a spreadsheet compute a cell; the last four are the first four at full width."""


def as_cell(text: Text) -> Text:
    """Return a text that a spreadsheet shows instead of computing it, for CSV."""
    return f"'{text}" if text and text.startswith(FORMULA_STARTS) else text


def visible(text: str) -> str:
    r"""Return a text on one line, in which every character that draws nothing is an escape.

    A name can hold line breaks, the codes that move a terminal's cursor, marks that turn the
    direction of reading (`\u202e`), and halves of characters that no encoding holds.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escape(each) for each in text)


def shortened(text: str, most: int) -> str:
    """Return a visible text of about so many characters at most, without its middle."""
    shown = visible(text)
    return shown if len(shown) <= most else f"{shown[: most // 2]}…{shown[-(most // 2) :]}"


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
