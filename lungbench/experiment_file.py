"""Read an experiment file: TOML, with single values replaced by the command line."""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lungbench.errors import ExperimentError
from lungbench.experiment import Experiment
from lungbench.frozen import first_problem, keys_of
from lungbench.predict.regular import read_at_most
from lungbench.settings import SYNTHETIC

MOST_BYTES = 256 * 1024
"""The largest experiment file that is read; those that ship have less than two thousand."""


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
    return _with_absolute_paths(_checked(values, path), path.resolve().parent)


def _checked(values: dict[str, Any], path: Path) -> Experiment:
    try:
        # Strictly: true is no 1, "3" no 3 and a date no name. TOML knows lists, a model tuples.
        return Experiment.model_validate(_with_tuples(values), strict=True)
    except ValidationError as error:
        raise ExperimentError(
            f"{path}: {first_problem(error, tuple(keys_of(Experiment)))}",
            hint="correct that key and run again.",
        ) from None
    except RecursionError:
        raise _no_toml(path, _TOO_DEEP) from None


def _with_tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_tuples(each) for key, each in value.items()}
    return tuple(map(_with_tuples, value)) if isinstance(value, list) else value


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        # Some editors put a byte order mark before the first line.
        return tomllib.loads(read_at_most(path, MOST_BYTES).decode("utf-8-sig"))
    except OSError as error:
        raise ExperimentError(
            "The experiment file must be readable.",
            received=f"{path} ({error.strerror})",
            expected="a TOML file such as experiments/quick.toml",
            hint="check the path and its permissions.",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _no_toml(path, error) from None
    except RecursionError:
        raise _no_toml(path, _TOO_DEEP) from None


def _no_toml(path: Path, problem: object) -> ExperimentError:
    return ExperimentError(
        "The experiment file must be TOML.",
        received=f"{path}: {problem}",
        hint="correct it there, by the example of experiments/quick.toml, and run again.",
    )


_TOO_DEEP = "lists or tables in one another without end"


def _override(values: dict[str, Any], text: str) -> None:
    """Put one `section.key=value` into the nested tables of an experiment file."""
    key, equals, raw = text.partition("=")
    *sections, last = key.strip().split(".")
    if not equals or not all((*sections, last)):
        raise ExperimentError(
            "--set takes one key and its value.",
            received=text,
            expected="e.g. train.epochs=3",
            hint="write the key, = and the value without a space, and run again.",
        )
    table = values
    for section in sections:
        table = table.setdefault(section, {})
        if not isinstance(table, dict):
            raise ExperimentError(
                "--set names a table's key.",
                received=text,
                expected="e.g. train.epochs=3",
                hint="name a key that the experiment file may hold, and run again.",
            )
    table[last] = _value(raw)


def _value(raw: str) -> Any:
    """Return what a text says as a TOML value, or the text itself where it is none."""
    try:
        values = tomllib.loads(f"value = {raw}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return raw
    return values["value"] if len(values) == 1 else raw


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
    delivery = experiment.delivery
    if delivery and "://" not in delivery.location:
        location = str(_anchored(delivery.location, folder))
        delivery = delivery.model_copy(update={"location": location})
    return experiment.model_copy(update={"data": data, "train": train, "delivery": delivery})


def _anchored(path: str, folder: Path) -> Path:
    try:
        return (folder / Path(path).expanduser()).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # of nobody's home, in a loop, with a NUL
        raise ExperimentError(
            "The paths in an experiment file must be paths.",
            received=f"{path!r} ({error})",
            hint="correct that path and run again.",
        ) from None
