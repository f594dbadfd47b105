"""The command line: `lungbench COMMAND`. Data on stdout, messages on stderr.

Nothing heavy is imported before a command needs it, so that `--help` answers at once.
Exit codes: 0 done, 1 a run or a check failed, 2 wrong use or wrong experiment file, 3 refused
before starting, 130 interrupted with partial results kept.
"""

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lungbench.errors import LungbenchError

if TYPE_CHECKING:
    from lungbench.executions.execution import Execution
    from lungbench.experiment import Experiment

app = typer.Typer(
    name="lungbench",
    help="Benchmark the training of diagnostic networks on chest X-rays. Not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
data_app = typer.Typer(help="Look at, draw and audit image folders.", no_args_is_help=True)
app.add_typer(data_app, name="data")

ExperimentFile = Annotated[Path, typer.Argument(metavar="FILE", help="Experiment file (TOML).")]
Results = Annotated[Path, typer.Option("--results", help="Folder of all results.")]
Data = Annotated[
    Path | None,
    typer.Option("--data", help="Image folder or manifest, instead of the experiment file's data."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Replace a value, e.g. train.epochs=1."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
NoPrefect = Annotated[
    bool, typer.Option("--no-prefect", help="Take the same steps without Prefect.")
]
AllBelow = Annotated[
    Path, typer.Argument(metavar="DIR", help="An execution's folder; above it: all below.")
]
ExecutionFolder = Annotated[
    Path, typer.Argument(metavar="DIR", help="The execution's folder; above it: the newest one's.")
]

_RESULTS = Path("results")


@app.command()
def run(
    file: ExperimentFile,
    results: Results = _RESULTS,
    data: Data = None,
    settings: Settings = None,
    no_prefect: NoPrefect = False,
) -> None:
    """Train every model on every device and write one report."""
    from flows import commands

    _end_of(commands.run(_experiment(file, data, settings), results, prefect=not no_prefect))


@app.command()
def resume(folder: ExecutionFolder, no_prefect: NoPrefect = False) -> None:
    """Finish an execution: train what isn't complete, and report again."""
    from flows import commands

    _end_of(commands.resume(folder, prefect=not no_prefect))


@app.command()
def prune(
    results: Annotated[Path, typer.Argument(help="Results folder.")] = Path("results"),
    keep: Annotated[int, typer.Option(min=1, help="Executions of each experiment to keep.")] = 10,
    yes: Annotated[bool, typer.Option("--yes", help="Really remove them.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove old executions, never an experiment's last good one; without --yes only say which."""
    from flows.pruning import prune as pruned

    typer.echo(pruned(results, keep, really=yes, as_json=as_json))


@app.command()
def serve(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of Prefect's server.")] = 4200,
    host: Annotated[
        str, typer.Option(help="Where it listens; another one needs a password.")
    ] = "127.0.0.1",
    *,
    set_up_only: Annotated[
        bool,
        typer.Option("--set-up-only", help="Set up the server that PREFECT_API_URL names; end."),
    ] = False,
) -> None:
    """Start a Prefect server and a worker on this machine, for schedules and the UI."""
    from flows import serving

    def say(line: str) -> None:
        typer.echo(line, err=True)

    if set_up_only:
        serving.set_up(Path.cwd(), say)
    else:
        serving.serve(Path.cwd(), serving.Address(host, port), say)


@app.command()
def verify(folder: AllBelow, as_json: AsJson = False) -> None:
    """Compare every file of an execution with what was written, and name what is damaged."""
    from flows import verification

    raise typer.Exit(verification.verify(folder, as_json))


@app.command()
def plan(
    file: ExperimentFile,
    results: Results = _RESULTS,
    data: Data = None,
    settings: Settings = None,
    *,
    probe: Annotated[
        bool, typer.Option("--probe", help="Take 3 steps of what never ran here, to time it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the matrix: what would run, for how long, and what is already done."""
    from flows import planning

    experiment = _experiment(file, data, settings)
    rows = planning.planned(experiment, results)
    if probe:
        rows = planning.with_probes(rows, experiment)
    typer.echo(planning.as_json(rows) if as_json else planning.as_table(rows, experiment))


@app.command()
def doctor(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]")] = None,
    results: Results = _RESULTS,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Check this machine, and an experiment file against it."""
    from flows import consultation

    experiment = _experiment(file, data, None) if file else None
    raise typer.Exit(consultation.consult(experiment, results, as_json))


@app.command()
def report(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Result folders.")],
    out: Annotated[Path | None, typer.Option("-o", "--out", help="The report's file.")] = None,
    redact: Annotated[
        bool, typer.Option("--redact", help="Without the names of hosts and users.")
    ] = False,
    no_pictures: Annotated[
        bool, typer.Option("--no-pictures", help="Without small pictures of the images.")
    ] = False,
) -> None:
    """Write one report over one or more result folders, of one or more hosts."""
    from flows import commands

    typer.echo(commands.report(folders, out, redact=redact, pictures=not no_pictures))


@app.command("export")
def export_tables(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Executions; above them: all below.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER|FILE.xlsx", help="Where to; else ./export."),
    ] = None,
    redact: Annotated[
        bool, typer.Option("--redact", help="Without the names of hosts and users.")
    ] = False,
) -> None:
    """Write runs, epochs, per-class metrics and samples as CSV files and a spreadsheet."""
    from flows import exporting

    exporting.export_tables(folders, out, redact=redact)


@app.command()
def compare(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="An execution's folder.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="A later one's.")],
    *,
    fail_if: Annotated[
        list[str] | None,
        typer.Option(metavar="RULE", help="Exit 1 if worse: time:+5%, speedup:-5%, accuracy:-1pp."),
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    page: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page as well.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what changed between two executions, judged by intervals; exit 1 on a regression."""
    from flows import comparing

    if as_json and markdown:
        raise typer.BadParameter("--json and --markdown exclude each other")
    form: comparing.Form = "json" if as_json else "markdown" if markdown else "table"
    raise typer.Exit(comparing.compare(old, new, fail_if or (), form, page))


@app.command()
def history(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Results folder, or an experiment's in it.")
    ] = _RESULTS,
    as_json: AsJson = False,
) -> None:
    """Show all executions over time, rebuild results/index.html; exit 1 if the newest is worse."""
    from flows.history import history as shown

    raise typer.Exit(shown(folder, as_json=as_json))


@app.command()
def predict(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A run's folder, or its model.keras.")
    ],
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE...", help="Image files, and folders of such.")
    ],
    *,
    results: Results = _RESULTS,
    untrusted: Annotated[
        bool, typer.Option("--untrusted", help="Accept a model that no result of yours names.")
    ] = False,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV for spreadsheets.")] = False,
    classes: Annotated[
        str | None,
        typer.Option("--classes", metavar="A,B,...", help="Refuse a model made for others."),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option("--explain", metavar="PAGE.html", help="Show where the network looks."),
    ] = None,
) -> None:
    """Diagnose images with a saved network. Research use, not a medical device."""
    from flows import diagnosis

    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other")
    form: diagnosis.Form = "json" if as_json else "csv" if as_csv else "table"
    code = diagnosis.predict(
        model,
        images,
        results,
        untrusted=untrusted,
        form=form,
        classes=[name.strip() for name in classes.split(",")] if classes else (),
        page=page,
    )
    raise typer.Exit(code)


@app.command()
def paper(
    table: Annotated[
        Path | None,
        typer.Argument(metavar="TABLE.csv", help="Published rates, one row a class."),
    ] = None,
    *,
    as_json: AsJson = False,
    max_images: Annotated[
        int, typer.Option(min=1, max=100_000, help="Largest class to search for, in images.")
    ] = 2000,
) -> None:
    """Recompute the paper's figures, or find the counts behind any paper's table of rates."""
    from flows import published

    if table is None:
        raise typer.Exit(published.show_paper(as_json, max_images))
    raise typer.Exit(published.show_table(table, as_json, max_images))


@data_app.command()
def synthesize(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that doesn't exist.")],
    per_class: Annotated[int, typer.Option(min=1, max=100_000, help="Images per class.")] = 60,
    seed: Annotated[int, typer.Option(min=0, help="Fixes every image.")] = 0,
) -> None:
    """Draw synthetic chest X-rays as ordinary image files."""
    from lungbench.data.synthetic import synthesize as draw

    draw(folder, per_class, seed)
    typer.echo(folder)


@data_app.command()
def inspect(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="Folder of classes or of splits, or a manifest."),
    ],
    brightness: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="LOW HIGH", help="Keep these mean greys; the paper's are 120 140."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write a CSV, an XLSX and a page into this folder.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Count and measure the images of a folder, and name those that can't be used."""
    from flows import inspection

    inspection.inspect(folder, brightness, out, as_json=as_json)


@data_app.command("audit")
def audit_data(
    source: Annotated[
        Path, typer.Argument(metavar="FILE|DIR", help="Experiment file, image folder or manifest.")
    ],
    results: Results = _RESULTS,
    as_json: AsJson = False,
) -> None:
    """Look for copies, shared patients, wrong labels and shortcuts; exit 1 where that is fatal."""
    from flows import auditing

    found = auditing.audit_of(source, results)
    typer.echo(auditing.as_json(found) if as_json else auditing.as_text(found))
    raise typer.Exit(auditing.exit_code(found))


def _end_of(execution: "Execution") -> None:
    """Print the report's path; exit as the runs ended."""
    from flows.ending import exit_code
    from lungbench.executions.execution import REPORT_FILE

    typer.echo(execution.folder / REPORT_FILE)
    raise typer.Exit(exit_code(execution))


def _experiment(file: Path, data: Path | None, settings: list[str] | None) -> "Experiment":
    """Read an experiment file as the options change it."""
    from lungbench.experiment_file import load_experiment

    experiment = load_experiment(file, tuple(settings or ()))
    if data is None:
        return experiment
    update = {"source": str(data.absolute()), "classes": {}}
    chosen = experiment.data.model_copy(update=update)
    return experiment.model_copy(update={"data": chosen})


def main() -> None:
    """Run a command; end in one clear line and its exit code where that fails."""
    _show_log()
    try:
        app()
    except LungbenchError as error:
        typer.echo(f"lungbench: {error}", err=True)
        sys.exit(error.exit_code)


def _show_log() -> None:
    """Show what the core reports (e.g. that a run waits for the host) on stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    log = logging.getLogger("lungbench")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
