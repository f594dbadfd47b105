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

from lungbench.errors import Interrupted, LungbenchError

if TYPE_CHECKING:
    from lungbench.experiment import Experiment

app = typer.Typer(
    name="lungbench",
    help="Benchmark the training of diagnostic networks on chest X-rays. Not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
data_app = typer.Typer(help="Look at, draw and prepare image folders.", no_args_is_help=True)
app.add_typer(data_app, name="data")

ExperimentFile = Annotated[Path, typer.Argument(metavar="FILE", help="Experiment file (TOML).")]
Results = Annotated[Path, typer.Option("--results", help="Folder of all results.")]
Data = Annotated[
    Path | None, typer.Option("--data", help="Image folder that replaces data.source.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Replace a value, e.g. train.epochs=1."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]

_RESULTS = Path("results")


@app.command()
def run(
    file: ExperimentFile,
    results: Results = _RESULTS,
    data: Data = None,
    settings: Settings = None,
    no_prefect: Annotated[
        bool, typer.Option("--no-prefect", help="Take the same steps without Prefect.")
    ] = False,
) -> None:
    """Train every model on every device and write one report."""
    from rich.console import Console

    from flows.suite import exit_code, run_plainly, run_with_prefect
    from flows.terminal import preparing, watched
    from lungbench.execution import REPORT_FILE, Execution, preflight
    from lungbench.host import describe_host

    experiment = _experiment(file, data, settings)
    preflight(experiment, results, describe_host())
    execution = Execution.create(experiment, results)
    console = Console(stderr=True)
    with preparing(console) as progress:
        execution.prepare(progress)
    try:
        with watched(execution, console):
            (run_plainly if no_prefect else run_with_prefect)(execution)
    except KeyboardInterrupt:
        raise Interrupted(
            "The benchmark was interrupted.", hint=f"what was done is in {execution.folder}."
        ) from None
    typer.echo(execution.folder / REPORT_FILE)
    raise typer.Exit(exit_code(execution))


@app.command()
def plan(
    file: ExperimentFile,
    results: Results = _RESULTS,
    data: Data = None,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Show the matrix: what would run, for how long, and what is already done."""
    from flows import planning

    rows = planning.planned(_experiment(file, data, settings), results)
    typer.echo(planning.as_json(rows) if as_json else planning.as_table(rows))


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
) -> None:
    """Write one report over one or more result folders, of one or more hosts."""
    from lungbench.execution import REPORT_FILE, newest_execution
    from reports.render import render

    executions = [newest_execution(folder) for folder in folders]
    target = out or (executions[0] / REPORT_FILE if len(executions) == 1 else Path(REPORT_FILE))
    typer.echo(render(executions, target))


@app.command()
def paper(as_json: AsJson = False) -> None:
    """Print the paper's published figures beside the same figures recomputed."""
    from flows import published

    typer.echo(published.as_json() if as_json else published.as_text())
    raise typer.Exit(0 if published.all_match() else 1)


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
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="One sub-folder per class.")],
    as_json: AsJson = False,
) -> None:
    """Count and measure the images of a folder, and name those that can't be used."""
    from flows import inspection

    typer.echo(inspection.as_json(folder) if as_json else inspection.as_text(folder))


def _experiment(file: Path, data: Path | None, settings: list[str] | None) -> "Experiment":
    """Read an experiment file as the options change it."""
    from lungbench.experiment import Experiment

    experiment = Experiment.load(file, tuple(settings or ()))
    if data is None:
        return experiment
    chosen = experiment.data.model_copy(update={"source": str(data.absolute())})
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
