"""Vega in a process of its own: a chart comes in as a line of JSON, its SVG goes out as another.

    python -m reports.drawings.vega

It ends with its input. `reports.drawings.engine` starts it and talks to it.
"""

import json
import sys
from typing import Any

import vl_convert

_ROUNDS = 2  # the second takes a fifth of the first, the third no less


def main() -> None:
    """Warm up, then draw until there is nothing more to draw."""
    for _ in range(_ROUNDS):
        vl_convert.vegalite_to_svg(first_chart())
    for chart in sys.stdin:
        sys.stdout.write(f"{json.dumps(vl_convert.vegalite_to_svg(chart))}\n")
        sys.stdout.flush()


def first_chart() -> dict[str, Any]:
    """Return a chart of what most drawings of a page are made of.

    Vega's code is read, and compiled where it is hot, as it is used: its first drawings take as
    long as a page of later ones.
    """
    position = {
        "x": {"field": "x", "type": "quantitative", "title": "x"},
        "y": {"field": "y", "type": "quantitative", "title": "y"},
        "color": {"field": "name", "type": "nominal", "legend": None},
    }
    layers = [{"mark": mark, "encoding": position} for mark in ("line", "area", "tick")]
    named = {"mark": "text", "encoding": position | {"text": {"field": "name"}}}
    panel = {"transform": [{"flatten": ["x", "y"]}], "layer": [*layers, named]}
    numbers = list(range(12))
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "data": {"values": [{"name": name, "x": numbers, "y": numbers} for name in "ab"]},
        "vconcat": [panel, panel],
    }


if __name__ == "__main__":
    main()
