"""Diagnoses for the terminal: a row an image, and what is known of the network that made them."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import typer

from flows.columns import columns
from lungbench.models import MODELS
from lungbench.predict.diagnosis import Diagnosis, diagnose
from lungbench.record import RunRecord
from lungbench.stats import wilson
from reports.format import plural, share_with_interval

Form = Literal["table", "json", "csv"]

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def predict(
    model: Path, images: Sequence[Path], results: Path, *, untrusted: bool, form: Form
) -> int:
    """Print what a saved network says of images; return 1 if any of them can't be used.

    Raises:
        LungbenchError: The model is refused, or somebody stopped it.
    """
    found = diagnose(model, images, results=results, untrusted=untrusted)
    for image in found.bad:
        typer.echo(f"{printable(image.path)}: {printable(image.reason)}", err=True)
    if found.open_to:
        typer.echo(
            f"this kernel could not keep the model's process from {' and '.join(found.open_to)}",
            err=True,
        )
    typer.echo(_FORMS[form](found))
    if form == "csv":  # whose rows are for a program
        typer.echo(notice(found), err=True)
    return int(bool(found.bad))


def notice(found: Diagnosis) -> str:
    """Say in a line what a diagnosis is worth: the network's own record, or that there is none."""
    known = _known(found.record) if found.record else _unknown(found)
    return f"Not a medical device. {known}"


def printable(text: object) -> str:
    """Return a text whose characters can't move the cursor, on one line."""
    line = str(text)
    return line if line.isprintable() else ascii(line)[1:-1]


def _as_table(found: Diagnosis) -> str:
    header = ("image", "diagnosis", *map(printable, found.classes))
    rows = [
        (
            printable(image.path),
            printable(found.classes[image.predicted]),
            *(f"{share:.4f}" for share in image.probabilities),
        )
        for image in found.images
    ]
    return "\n".join([*([columns(header, rows)] if rows else []), notice(found)])


def _as_json(found: Diagnosis) -> str:
    return json.dumps(
        {
            "model": str(found.model),
            "model_sha256": found.sha256,
            "trusted": found.record is not None,
            "run_id": found.record.run_id if found.record else None,
            "classes": found.classes,
            "images": [
                {
                    "path": str(image.path),
                    "predicted": found.classes[image.predicted],
                    "probabilities": dict(zip(found.classes, image.probabilities, strict=True)),
                }
                for image in found.images
            ],
            "bad": [{"path": str(image.path), "reason": image.reason} for image in found.bad],
            "notice": notice(found),
        },
        indent=2,
    )


def _as_csv(found: Diagnosis) -> str:
    text = io.StringIO()
    table = csv.writer(text)  # ends rows by CR LF, so that a CR or LF in a name is quoted
    table.writerow(map(_cell, ("path", "predicted", *(f"p_{name}" for name in found.classes))))
    for image in found.images:
        scores = (f"{share:.9g}" for share in image.probabilities)
        table.writerow([_cell(image.path), _cell(found.classes[image.predicted]), *scores])
    return text.getvalue().removesuffix("\r\n")


_FORMS: dict[Form, Callable[[Diagnosis], str]] = {
    "table": _as_table,
    "json": _as_json,
    "csv": _as_csv,
}


def _known(record: RunRecord) -> str:
    images = plural(sum(record.data.counts["train"].values()), "image")
    trained = f"{MODELS[record.spec.model].title} trained on {images} of {record.data.source}"
    confusion = record.metrics.confusion if record.metrics else ()
    right, tested = sum(row[n] for n, row in enumerate(confusion)), sum(map(sum, confusion))
    accuracy = share_with_interval(right / tested, wilson(right, tested))
    shown = f"accuracy {accuracy} on {plural(tested, 'test image')} (95% interval)"
    return f"{printable(trained)}, {shown}."


def _unknown(found: Diagnosis) -> str:
    names = "; its class names are what a file beside it claims" if found.named else ""
    return f"Nothing is known of this model or of its accuracy{names}."


def _cell(value: object) -> str:
    """Return a cell that a spreadsheet shows instead of computing it."""
    text = str(value).encode(errors="backslashreplace").decode()
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
