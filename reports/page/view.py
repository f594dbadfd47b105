"""The whole page as frozen data; the template only prints it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from lungbench import __version__
from lungbench.counted import counted
from reports.comparing.comparison import Study, compare
from reports.forms import format as fmt
from reports.forms.blocks import Figure
from reports.results.load import Failure, Results
from reports.sections.audit import TITLE as AUDIT
from reports.sections.audit import AuditOf, audits
from reports.sections.curves import curves
from reports.sections.data import DataOf, data
from reports.sections.diagnosis import Diagnosis, diagnosis
from reports.sections.epochs import TITLE as EPOCHS
from reports.sections.epochs import EpochUse, epochs
from reports.sections.latency import ToDiagnose, latency
from reports.sections.methods import Citation, citation, methods
from reports.sections.published import Published, published
from reports.sections.reproduce import Reproduce, reproduce
from reports.sections.resources import ResourceUse, resources
from reports.sections.shortcuts import TITLE as SHORTCUTS
from reports.sections.shortcuts import Shortcuts, shortcuts
from reports.sections.speed import Speed, speed
from reports.sections.trust import TITLE as TRUST
from reports.sections.trust import Trust, trust
from reports.sections.verdict import Verdict, verdict

# The order of the page: an anchor, which names the template too, and a heading.
SECTIONS = (
    ("verdict", "Verdict"),
    ("trust", TRUST),
    ("speed", "Speed-up"),
    ("diagnosis", "Diagnosis"),
    ("curves", "Learning curves"),
    ("resources", "Resources over time"),
    ("data", "Data"),
    ("failures", "Failed and skipped runs"),
    ("reproduce", "Reproduce"),
)


_LONGEST_DESCRIPTION = 240


@dataclass(frozen=True, slots=True)
class Section:
    """One entry of the page's contents."""

    anchor: str
    title: str


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that the page says.

    Attributes:
        descriptions: What the experiments are about, in the words of their files.
        subtitle: What ran on what, in a line.
        several: Whether the report is of several executions.
        failures: The runs without a result, by execution.
        methods: A paragraph for a paper on what was measured and how.
        citation: How to cite the tool.
        rendered: When and by which version this page was written.
    """

    title: str
    descriptions: tuple[str, ...]
    subtitle: str
    several: bool
    rendered: str
    sections: tuple[Section, ...]
    verdict: Verdict
    trust: Trust
    speed: Speed
    latency: ToDiagnose | None
    diagnosis: Diagnosis
    shortcuts: Shortcuts
    curves: Figure | None
    epochs: EpochUse
    resources: ResourceUse
    data: tuple[DataOf, ...]
    audits: tuple[AuditOf, ...]
    failures: tuple[tuple[str, tuple[Failure, ...]], ...]
    published: Published
    reproduce: Reproduce
    methods: str
    citation: Citation
    epochs_title: str = EPOCHS
    shortcuts_title: str = SHORTCUTS
    audit_title: str = AUDIT


def page(executions: Sequence[Results], now: datetime, *, pictures: bool = True) -> Page:
    """Build the page of one or several executions.

    The sections with drawings are built side by side: while Vega draws for one of them, in a thread
    of its own, another reads and computes.

    Args:
        executions: What was read.
        now: When the page is written.
        pictures: Whether it may show some of the images.
    """
    study = compare(executions)
    with ThreadPoolExecutor(thread_name_prefix="section") as side_by_side:
        drawn_use = side_by_side.submit(resources, executions, study)
        drawn_speed = side_by_side.submit(speed, study)
        drawn_curves = side_by_side.submit(curves, study)
        drawn_diagnosis = side_by_side.submit(diagnosis, study, executions, pictures=pictures)
    trusted = trust(executions, study)
    without_lungs = shortcuts(executions, study)
    return Page(
        title=fmt.listed(list(dict.fromkeys(_name(each) for each in executions))),
        descriptions=_descriptions(executions),
        subtitle=_subtitle(executions, study),
        several=len(executions) > 1,
        rendered=f"Rendered {fmt.moment(now)} by lungbench {__version__}.",
        sections=tuple(Section(anchor, title) for anchor, title in SECTIONS),
        verdict=verdict(executions, study, trusted, without_lungs.remark),
        trust=trusted,
        speed=drawn_speed.result(),
        latency=latency(study),
        diagnosis=drawn_diagnosis.result(),
        shortcuts=without_lungs,
        curves=drawn_curves.result(),
        epochs=epochs(study),
        resources=drawn_use.result(),
        data=data(executions, pictures=pictures),
        audits=audits(executions),
        failures=tuple((each.name, each.failures) for each in executions if each.failures),
        published=published(),
        reproduce=reproduce(executions),
        methods=methods(executions, study),
        citation=citation(now),
    )


def _name(execution: Results) -> str:
    return execution.experiment.name if execution.experiment else execution.folder.name


def _descriptions(executions: Sequence[Results]) -> tuple[str, ...]:
    """Return each description once, shortened, and named where there are several experiments."""
    found = {
        _name(each): " ".join(each.experiment.description.split())
        for each in executions
        if each.experiment
    }
    several = len({_name(each) for each in executions}) > 1
    return tuple(
        _shortened(f"{name}: {text}" if several else text) for name, text in found.items() if text
    )


def _shortened(text: str) -> str:
    if len(text) <= _LONGEST_DESCRIPTION:
        return text
    return f"{text[: _LONGEST_DESCRIPTION - 1].rstrip()}…"


def _subtitle(executions: Sequence[Results], study: Study) -> str:
    records = [run.record for execution in executions for run in execution.runs]
    if not records:
        return "No run left a record."
    models = dict.fromkeys(each.cell.title for each in study.comparisons)
    devices = dict.fromkeys(each.cell.key.device for each in study.comparisons)
    hosts = dict.fromkeys(record.host.hostname for record in records)
    completed = sum(record.status == "completed" for record in records)
    trained = f"{fmt.listed(list(models))} on {fmt.listed(list(devices))}; " if models else ""
    return (
        f"{trained}{completed} of {counted(len(records), 'run')} completed, on "
        f"{fmt.listed(list(hosts))}, from {fmt.moment(min(record.started for record in records))}."
    )
