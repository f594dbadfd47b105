"""What a redacted page doesn't say. The names here are nobody's."""

import csv
import re
import zipfile
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from audited import audit, leak
from markupsafe import Markup
from planted import plant

from flows import commands
from lungbench.executions.execution import REPORT_FILE
from lungbench.record import Gpu, Host, RunRecord
from reports.export import WORKBOOK_FILE, export
from reports.page.redaction import redacted
from reports.page.render import render
from reports.results.images import FoundImages
from reports.results.load import Results, load
from reports.summaries.summary import summarise

# Put together here: no file of this project names a home folder.
HOME, WINDOWS_HOME = "/" + "home", "C" + ":\\Users"
SHORT = "ward7"
HOST = f"{SHORT}.planted-clinic.example"
OTHER_HOST = "planted-node-9"
USER, OTHER_USER = "paula", "planted.doctor"
UUID = "GPU-5a4c1e0f-beef-4711-a1b2-00c0ffee0001"
SERIAL = "PLANTED4711"
FOLDER = f"{HOME}/{USER}/planted folder/xrays"  # with a space, as the data have it
LOG = f"""
({USER}@{SHORT}) $ python -m lungbench.train {HOME}/{USER}/planted/runs/cnn10
  File "{HOME}/{OTHER_USER}/planted venv/lib/site-packages/keras/layers.py", line 3
OSError: [Errno 5] Input/output error: '{FOLDER}/covid/1.png'
grpc: connected to {HOST.upper()}:2222 and {OTHER_HOST}:2222 as {USER.capitalize()}
{UUID} serial number: {SERIAL}; cache at {WINDOWS_HOME}\\{USER}\\planted\\cache
"""
SYSTEM = "Debian GNU/Linux 12.7, Linux 6.18.5-lab7+ x86_64"
SECRETS = (SHORT, "planted", USER, "5a4c1e0f", "00c0ffee", "4711")


@dataclass(frozen=True)
class Pages:
    """One report with the names and one without, of the same folders."""

    folders: list[Path]
    plain: str
    redacted: str


@pytest.fixture(scope="module")
def pages(lab_at: Any, tmp_path_factory: pytest.TempPathFactory) -> Pages:
    root = tmp_path_factory.mktemp("planted")
    folders = [
        _execution(lab_at(root), f"{SHORT}-run", HOST, models=("cnn10", "vgg16")),
        _execution(lab_at(root), "20261123T090000Z", OTHER_HOST, models=("cnn10",)),
    ]
    plain = render(folders, root / "plain.html").read_text()
    return Pages(folders, plain, render(folders, root / "redacted.html", redact=True).read_text())


def _execution(lab: Any, stamp: str, hostname: str, models: tuple[str, ...]) -> Path:
    folder = lab.execution(
        stamp,
        name=f"{SHORT}-quick",
        models=models,
        pixels=True,
        change=lambda record: _of_the_clinic(record, hostname),
    )
    audit(folder, copies=leak())
    names = f"{hostname} {USER}@{SHORT} {HOME}/{OTHER_USER}/planted/x.py {UUID} {FOLDER}"
    plant(folder, lambda text: f"{text} {names}", LOG, but=("hostname", "uuid", "source", "folder"))
    return Path(folder)


def _of_the_clinic(record: RunRecord, hostname: str) -> RunRecord:
    host = record.host.model_copy(
        update={"hostname": hostname, "gpus": (Gpu(index=0, name="NVIDIA A2", uuid=UUID),)}
    )
    data = record.data.model_copy(update={"source": FOLDER})
    changed = record.model_copy(update={"host": host, "data": data})
    if record.spec.model == "cnn10" or str(record.spec.device) == "cpu:threads=1":
        return changed
    reason = {"kind": "error", "message": f"{USER} on {hostname}: no room in {FOLDER}"}
    return RunRecord.model_validate(
        changed.model_dump() | {"status": "failed", "reason": reason, "metrics": None}
    )


def test_the_planted_folders_are_whole(pages: Pages) -> None:
    for results in map(load, pages.folders):
        assert results.notes == ()
        assert {failure.status for failure in results.failures} <= {"failed"}
        assert results.audit is not None


@pytest.mark.parametrize("secret", SECRETS)
def test_a_name_that_stands_all_over_a_page_is_gone_from_a_redacted_one(
    secret: str, pages: Pages
) -> None:
    assert len(around(secret, pages.plain)) > 10
    assert around(secret, pages.redacted) == []


def around(secret: str, page: str) -> list[str]:
    """Return where a page has a secret, whatever the case of its letters."""
    text = unescape(page).lower()
    found = (match.start() for match in re.finditer(re.escape(secret), text))
    return [text[max(0, at - 60) : at + 60] for at in found]


def test_placeholders_stand_where_the_names_were(pages: Pages) -> None:
    for placeholder in ("host-1", "host-2", "gpu-1", "…/xrays", "…/x.py", "hidden"):
        assert placeholder in pages.redacted
    assert re.search(r"user-\d@host-1", pages.redacted)
    assert "host-3" not in pages.redacted
    assert "<h3>Host host-1</h3>" in pages.redacted
    assert "File &#34;…/layers.py&#34;, line 3" in pages.redacted


def test_all_figures_stay(pages: Pages) -> None:
    # What tells how many rows and drawings there are doesn't depend on a name.
    for tag in ("<table", "<tr", "<svg", "<section", "<li", "<img", "<path"):
        assert pages.redacted.count(tag) == pages.plain.count(tag)


def test_two_hosts_are_told_apart_in_drawings(pages: Pages) -> None:
    drawings = " ".join(re.findall(r"<svg.*?</svg>", pages.redacted, re.DOTALL))
    assert "(host-1" in drawings
    assert "(host-2" in drawings


def test_a_summary_can_be_redacted_too(pages: Pages) -> None:
    results = [load(folder) for folder in pages.folders]
    whole = summarise(results)
    text = redacted(whole, results).model_dump_json()
    assert around(SHORT, whole.model_dump_json())
    assert [found for secret in SECRETS for found in around(secret, text)] == []


def test_exported_tables_can_be_redacted_too_and_keep_their_figures(
    pages: Pages, tmp_path: Path
) -> None:
    plain = export(pages.folders, tmp_path / "plain").path
    without = export(pages.folders, tmp_path / "redacted", redact=True).path
    names = sorted(path.name for path in plain.glob("*.csv"))
    assert sorted(path.name for path in without.glob("*.csv")) == names
    text = "".join((without / name).read_text() for name in names)
    assert around(SHORT, (plain / "runs.csv").read_text())
    assert [found for secret in SECRETS for found in around(secret, text)] == []
    assert {row["hostname"] for row in rows(without / "runs.csv")} == {"host-1", "host-2"}
    figures = ("wall_s", "steady_epoch_s", "parameters", "overall_accuracy")
    for before, after in zip(rows(plain / "runs.csv"), rows(without / "runs.csv"), strict=True):
        assert [before[name] for name in figures] == [after[name] for name in figures]
    with zipfile.ZipFile(without / WORKBOOK_FILE) as book:
        sheets = "".join(book.read(name).decode() for name in book.namelist())
    assert [found for secret in SECRETS for found in around(secret, sheets)] == []


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


def _results(*hostnames: str, folder: Path = Path("x")) -> list[Results]:
    """Executions of which only their hosts are known."""

    class Run:
        def __init__(self, hostname: str) -> None:
            host = Host.model_construct(hostname=hostname, gpus=(), os=SYSTEM)
            spec = type("Spec", (), {"weights": "none"})
            data = type("Data", (), {"source": "synthetic"})
            self.record = RunRecord.model_construct(host=host, spec=spec, data=data)

    runs: Any = tuple(map(Run, hostnames))
    return [Results(folder, None, None, FoundImages(), runs, (), ())]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ward7", "host-1"),
        ("WARD7.example.org answers", "host-1 answers"),
        ("on ward7, and on b-2.", "on host-1, and on host-2."),
        ("ward7:2222", "host-1:2222"),
        ("ward77 forward7 ward7x", "ward77 forward7 ward7x"),
        (f"{HOME}/ana/x/y.py and ana", "…/y.py and user-1"),
        (f"{HOME}/ana", "…/user-1"),
        (f"{HOME}/ana/", "…/user-1"),
        ("ana@ward7: ana", "user-1@host-1: user-1"),
        ("li@ward7: li", "user@host-1: li"),
        ("bob@example.org wrote", "user-1@example.org wrote"),
        ("/data/sets/covid/1.png: torn", "…/1.png: torn"),
        ('File "/data/my sets/x.py", line 3', 'File "…/x.py", line 3'),
        ("'/data/my sets/x.png'", "'…/x.png'"),
        ("PATH=/a/b:/c/d", "PATH=…/b:…/d"),
        (f"file://{HOME}/ana/x.html", "…/x.html"),
        (f"{WINDOWS_HOME}\\ana\\x.png", "…/x.png"),
        (r"\\server\share\x.png", "…/x.png"),
        ("GPU-5a4c1e0f-beef-4711-a1b2-00c0ffee0001 is hot", "gpu-1 is hot"),
        ("MIG-5a4c1e0f-beef-4711-a1b2-00c0ffee0001", "gpu-1"),
        ("Serial Number: 1234-AB", "Serial Number: hidden"),
        ("root cause in /usr/lib/x", "root cause in …/x"),
        ("cpu:threads=1 (war…", "cpu:threads=1 (…"),
        ("a longer tale…", "a longer tale…"),
        (SYSTEM, "Debian GNU/Linux 12.7, Linux 6.18 x86_64"),
        ("panic in 6.18.5-lab7+, not in 6.18.5", "panic in 6.18, not in 6.18.5"),
        # What is no name and no path stays.
        ("train/validation/test", "train/validation/test"),
        ("115 images/s, 3 GB/s", "115 images/s, 3 GB/s"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("covid/1.png, ./x/y, ../x/y, ~/x/y", "covid/1.png, ./x/y, ../x/y, ~/x/y"),
        ("gpu:0 at 1 / 2 and </g>", "gpu:0 at 1 / 2 and </g>"),
        ("", ""),
    ],
)
def test_names_and_paths_are_found_in_running_text(text: str, expected: str) -> None:
    assert redacted(text, _results("ward7", "b-2")) == expected


def test_the_kernel_of_a_redacted_page_has_no_build(lab: Any, tmp_path: Path) -> None:
    def elsewhere(record: RunRecord) -> RunRecord:
        host = record.host.model_copy(update={"os": SYSTEM})
        return record.model_copy(update={"host": host})

    folder = lab.execution(models=("cnn10",), change=elsewhere)
    assert "Linux 6.18.5-lab7+ x86_64" in unescape(
        render([folder], tmp_path / "a.html").read_text()
    )
    shown = render([folder], tmp_path / "b.html", redact=True).read_text()
    assert "Debian GNU/Linux 12.7, Linux 6.18 x86_64" in shown
    assert "lab7" not in shown


def test_a_kernels_plain_numbers_are_cut_behind_its_name_alone() -> None:
    results = _results("ward7")
    host = results[0].runs[0].record.host
    object.__setattr__(host, "os", "Alpine, Linux 6.1.0 x86_64")
    assert redacted("Linux 6.1.0, keras 6.1.0", results) == "Linux 6.1, keras 6.1.0"


def test_a_long_name_and_its_short_form_are_one_host() -> None:
    said = "ward7.clinic.example, ward7 and ward7.other.example"
    assert redacted(said, _results("ward7.clinic.example")) == "host-1, host-1 and host-1"


def test_an_address_is_no_host_name_with_a_short_form() -> None:
    assert redacted("10 of 10.0.0.7", _results("10.0.0.7")) == "10 of host-1"


def test_a_drawing_is_changed_in_its_words_alone() -> None:
    svg = Markup('<svg aria-label="ward7: a"><g id="ward7"><text>ward7 &lt;1&gt;</text></g></svg>')
    changed = redacted(svg, _results("ward7"))
    assert isinstance(changed, Markup)
    assert changed == (
        '<svg aria-label="host-1: a"><g id="ward7"><text>host-1 &lt;1&gt;</text></g></svg>'
    )


def test_a_redacted_report_leaves_the_executions_own_alone(lab: Any, tmp_path: Path) -> None:
    folder = lab.execution(change=lambda _: None)
    (folder / REPORT_FILE).write_text("its own")
    page = commands.report([folder], None, redact=True)
    assert page == folder / "report-redacted.html"
    assert (folder / REPORT_FILE).read_text() == "its own"
    named = commands.report([folder], tmp_path / "named.html", redact=True)
    assert named == tmp_path / "named.html"
