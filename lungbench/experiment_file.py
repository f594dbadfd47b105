"""Read an experiment file: TOML, with single values replaced by the command line."""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lungbench.errors import ExperimentError
from lungbench.experiment import Experiment
from lungbench.frozen import first_problem
from lungbench.settings import SYNTHETIC


def load_experiment(path: Path, overrides: tuple[str, ...] = ()) -> Experiment:
    """Read an experiment file.

    Args:
        path: A TOML file. Relative paths inside it start at its folder.
        overrides: `section.key=value` texts that replace what the file says; the value is
            TOML, or plain text where it isn't.

    Raises:
        ExperimentError: The file can't be read, or a value in it isn't accepted.
    """
    values = _read_toml(path)
    for override in overrides:
        _override(values, override)
    try:
        return _with_absolute_paths(Experiment.model_validate(values), path.resolve().parent)
    except ValidationError as error:
        raise ExperimentError(
            f"{path}: {first_problem(error)}", hint="correct that key and run again."
        ) from None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ExperimentError(
            "The experiment file must be readable.",
            received=f"{path} ({error.strerror})",
            expected="a TOML file such as experiments/quick.toml",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ExperimentError(
            "The experiment file must be TOML.", received=f"{path}: {error}"
        ) from None


def _override(values: dict[str, Any], text: str) -> None:
    """Put one `section.key=value` into the nested tables of an experiment file."""
    key, equals, raw = text.partition("=")
    *sections, last = key.strip().split(".")
    if not equals or not all((*sections, last)):
        raise ExperimentError(
            "--set takes one key and its value.", received=text, expected="e.g. train.epochs=3"
        )
    table = values
    for section in sections:
        table = table.setdefault(section, {})
        if not isinstance(table, dict):
            raise ExperimentError("--set names a table's key.", received=text)
    try:
        table[last] = tomllib.loads(f"value = {raw}")["value"]
    except tomllib.TOMLDecodeError:
        table[last] = raw


def _with_absolute_paths(experiment: Experiment, folder: Path) -> Experiment:
    """Anchor the relative paths of an experiment at the folder of its file."""

    def weights(value: str) -> str:
        return value if value in ("imagenet", "none") else str(_anchored(value, folder))

    source, given = experiment.data.source, experiment.train.weights
    data = experiment.data.model_copy(
        update={
            "source": source if source == SYNTHETIC else str(_anchored(source, folder)),
            "classes": {
                name: tuple(str(_anchored(each, folder)) for each in folders)
                for name, folders in experiment.data.classes.items()
            },
        }
    )
    train = experiment.train.model_copy(
        update={
            "weights": weights(given)
            if isinstance(given, str)
            else {model: weights(value) for model, value in given.items()}
        }
    )
    return experiment.model_copy(update={"data": data, "train": train})


def _anchored(path: str, folder: Path) -> Path:
    return (folder / Path(path).expanduser()).resolve()
