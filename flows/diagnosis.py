"""Diagnoses for the terminal: a row an image, and what is known of the network that made them."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import typer

from flows.columns import columns
from lungbench.counted import counted
from lungbench.errors import Refused
from lungbench.foreign_text import as_cell, visible
from lungbench.models import MODELS
from lungbench.predict.diagnosis import Diagnosed, Diagnosis, diagnose
from lungbench.record import RunRecord
from lungbench.stats.intervals import wilson
from reports.forms import format as fmt

Form = Literal["table", "json", "csv"]

NOT_A_DEVICE = "Research use, not a medical device."

_MOST_NAMED = 4  # of the files that are passed over


def predict(
    model: Path,
    images: Sequence[Path],
    results: Path,
    *,
    untrusted: bool,
    form: Form,
    classes: Sequence[str] = (),
    page: Path | None = None,
) -> int:
    """Print what a saved network says of images; return 1 if any of them can't be used.

    Args:
        model: Its file, or its run's folder.
        images: Image files, and folders of such.
        results: The folder of one's own results.
        untrusted: Whether a model is accepted that none of them speaks for.
        form: How it is printed.
        classes: Those that the model must tell apart; none accepts any.
        page: Where the diagnoses are explained; None where that isn't asked.

    Raises:
        LungbenchError: The model is refused, the page can't be written, or somebody stopped it.
    """
    if page and page.is_dir():
        raise Refused("The page must be a file.", received=f"{page}, a folder")
    found = diagnose(
        model,
        images,
        results=results,
        untrusted=untrusted,
        classes=classes,
        explain=page is not None,
    )
    if page and found.images:
        from reports.explain import write_explanation  # draws, which the table needs nothing of

        write_explanation(found, notice(found), page)
    for line in _remarks(found, page):
        typer.echo(line, err=True)
    typer.echo(_FORMS[form](found))
    if form == "csv":  # whose rows are for a program
        typer.echo(notice(found), err=True)
    return int(bool(found.bad))


def notice(found: Diagnosis) -> str:
    """Say in a line what a diagnosis is worth: the network's own record, or that there is none."""
    known = f"{_known(found.record)} {_calibrated(found)}" if found.record else _unknown(found)
    return f"{NOT_A_DEVICE} {known}"


def _shown(text: object) -> str:
    """Return a file's name or what it says, on one line, without what could move the cursor."""
    return visible(str(text))


def _remarks(found: Diagnosis, page: Path | None) -> Iterator[str]:
    """Yield what else happened, for stderr."""
    for image in found.bad:
        yield f"{_shown(image.path)}: {_shown(image.reason)}"
    if found.passed_over:
        named = [_shown(path) for path in found.passed_over[:_MOST_NAMED]]
        more = len(found.passed_over) - len(named)
        rest = [f"{more} more"] if more else []
        yield f"passed over, no images: {fmt.listed([*named, *rest])}"
    if found.open_to:
        yield f"this kernel could not keep the model's process from {' and '.join(found.open_to)}"
    if page and found.record and found.record.spec.backend != found.backend:
        trained = found.record.spec.backend
        yield f"Grad-CAM needs the {found.backend} backend, which answers for {trained} here"
    if page:
        yield f"explained in {page}" if found.images else "no image, so no page is written"


def _as_table(found: Diagnosis) -> str:
    calibrated = any(image.calibrated for image in found.images)
    flagged = any(image.flags for image in found.images)
    header = (
        "image",
        "diagnosis",
        *(["calibrated"] if calibrated else []),
        *map(_shown, found.classes),
        *(["flags"] if flagged else []),
    )
    rows = [
        (
            _shown(image.path),
            _shown(found.classes[image.predicted]),
            *([_sure(image)] if calibrated else []),
            *(f"{share:.4f}" for share in image.probabilities),
            *(["; ".join(image.flags)] if flagged else []),
        )
        for image in found.images
    ]
    return "\n".join([*([columns(header, rows)] if rows else []), notice(found)])


def _sure(image: Diagnosed) -> str:
    return f"{image.calibrated[image.predicted]:.4f}" if image.calibrated else "-"


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
                    "calibrated": image.calibrated
                    and dict(zip(found.classes, image.calibrated, strict=True)),
                    "flags": image.flags,
                }
                for image in found.images
            ],
            "bad": [{"path": str(image.path), "reason": image.reason} for image in found.bad],
            "passed_over": [str(path) for path in found.passed_over],
            "temperature": _temperature(found),
            "uncalibrated": found.uncalibrated or None,
            "notice": notice(found),
        },
        indent=2,
    )


def _as_csv(found: Diagnosis) -> str:
    text = io.StringIO()
    table = csv.writer(text)  # ends rows by CR LF, so that a CR or LF in a name is quoted
    kinds = (f"{kind}_{name}" for kind in ("p", "calibrated") for name in found.classes)
    table.writerow(map(_cell, ("path", "predicted", *kinds, "flags")))
    for image in found.images:
        calibrated = image.calibrated or [None] * len(image.probabilities)
        scores = map(_share, (*image.probabilities, *calibrated))
        row = (_cell(image.path), _cell(found.classes[image.predicted]))
        table.writerow([*row, *scores, _cell("; ".join(image.flags))])
    return text.getvalue().removesuffix("\r\n")


_FORMS: dict[Form, Callable[[Diagnosis], str]] = {
    "table": _as_table,
    "json": _as_json,
    "csv": _as_csv,
}


def _known(record: RunRecord) -> str:
    images = counted(sum(record.data.counts["train"].values()), "image")
    trained = f"{MODELS[record.spec.model].title} trained on {images} of {record.data.source}"
    confusion = record.metrics.confusion if record.metrics else ()
    right, tested = sum(row[n] for n, row in enumerate(confusion)), sum(map(sum, confusion))
    interval, guessing = wilson(right, tested), max(map(sum, confusion)) / tested
    accuracy = fmt.share_with_interval(right / tested, interval)
    shown = f"accuracy {accuracy} on {counted(tested, 'test image')} (95% interval)"
    worth = (
        f" It is not shown to beat naming one class every time ({fmt.share(guessing)})."
        if interval.low <= guessing
        else ""
    )
    return f"{_shown(trained)}, {shown}.{worth}"


def _calibrated(found: Diagnosis) -> str:
    """Say what the calibrated probabilities rest on, or why there are none."""
    calibration = found.card.calibration if found.card else None
    if calibration is None or calibration.temperature is None:
        return f"Not calibrated: {found.uncalibrated}."
    return (
        f"Calibrated on {counted(calibration.images, 'validation image')}, "
        f"temperature {fmt.significant(calibration.temperature)}."
    )


def _temperature(found: Diagnosis) -> float | None:
    calibration = found.card.calibration if found.card else None
    return calibration.temperature if calibration else None


def _unknown(found: Diagnosis) -> str:
    names = "; its class names are what a file beside it claims" if found.named else ""
    return f"Nothing is known of this model or of its accuracy{names}."


def _share(value: float | None) -> str | None:
    return None if value is None else f"{value:.9g}"


def _cell(value: object) -> str:
    """Return a cell that a spreadsheet shows instead of computing it, in characters of UTF-8."""
    return as_cell(str(value).encode(errors="backslashreplace").decode())
