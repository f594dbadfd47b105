"""Write an experiment back as the TOML file it can be run from."""

import json
from typing import Any

from lungbench.experiment import Experiment


def experiment_toml(experiment: Experiment) -> str:
    """Return the whole experiment as TOML, defaults spelled out."""
    return "\n".join(_table("", experiment.model_dump(mode="json"))).strip() + "\n"


def _table(name: str, values: dict[str, Any]) -> list[str]:
    """Return the lines of a table: its own values first, as TOML asks, then its sub-tables."""
    own = {key: value for key, value in values.items() if not isinstance(value, dict)}
    inner = {key: value for key, value in values.items() if isinstance(value, dict)}
    lines = [f"{_key(key)} = {_value(value)}" for key, value in own.items() if value is not None]
    if name and lines:
        lines = ["", f"[{name}]", *lines]
    for key, value in inner.items():
        lines += _table(f"{name}.{_key(key)}" if name else _key(key), value)
    return lines


def _key(key: str) -> str:
    return key if key.isascii() and key.replace("_", "").isalnum() else _text(key)


def _value(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(each) for each in value)}]"
    return json.dumps(value)


def _text(text: str) -> str:
    # JSON's escapes are TOML's, as long as other scripts stay themselves; DEL alone differs.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
