"""The words of docs/lab-server.md, whose lines the tests try."""

from pathlib import Path

GUIDE = (Path(__file__).parents[2] / "docs" / "lab-server.md").read_text()
