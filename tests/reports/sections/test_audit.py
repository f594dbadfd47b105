"""What the page says of the images."""

from html import unescape
from pathlib import Path
from typing import Any

import audited

from lungbench.data.audit_facts import Contradiction
from reports.page.render import render
from reports.results.load import load
from reports.sections.audit import AuditOf, audits


def of(*folders: Path) -> tuple[AuditOf, ...]:
    return audits([load(folder) for folder in folders])


def section(page: Path) -> str:
    whole = page.read_text()
    part = whole[whole.index('<h3 id="data-audit">') :]
    return unescape(part[: part.index("</section>")])


def test_findings_stand_worst_first_in_words(lab: Any, tmp_path: Path) -> None:
    folder = lab.execution(pixels=True)
    audited.audit(folder, copies=audited.leak())
    (one,) = of(folder)
    outcomes = [each.outcome for each in one.findings]
    assert outcomes[0] == "fail"
    assert outcomes == sorted(outcomes, key=["fail", "warn", "unknown", "pass"].index)
    shown = section(render([folder], tmp_path / "r.html"))
    for word in ("fail", "warn", "unknown", "pass"):
        assert f"</span> {word}</span>" in shown


def test_pairs_are_named_with_class_and_split(lab: Any) -> None:
    folder = lab.execution(pixels=True)
    audited.audit(folder, copies=audited.leak())
    (one,) = of(folder)
    assert one.examples is not None
    assert one.examples.rows == (
        ("Byte-identical, mirrored", "covid/1.png", "covid/2.png", "covid, train | covid, test"),
    )
    assert one.more is None


def test_pairs_that_are_not_listed_are_counted(lab: Any) -> None:
    folder = lab.execution(pixels=True)
    audited.audit(folder, copies=audited.leak().model_copy(update={"groups": 100, "images": 300}))
    (one,) = of(folder)
    assert one.more == "Pairs that are not listed: 199 of Byte-identical."


def test_files_under_two_labels_are_named(lab: Any) -> None:
    folder = lab.execution(pixels=True)
    torn = Contradiction(paths=("covid/x.png", "normal/y.png"), classes=("covid", "normal"))
    audited.audit(folder, contradictions=(torn,))
    (one,) = of(folder)
    assert one.examples is not None
    assert one.examples.rows == (
        ("Two labels, left out", "covid/x.png", "normal/y.png", "covid and normal"),
    )


def test_classes_stand_beside_their_collections(lab: Any) -> None:
    folder = lab.execution(pixels=True)
    audited.audit(folder)
    (one,) = of(folder)
    (source,) = one.sources  # what nobody told has no table
    assert source.caption == "Images of each collection and class; Cramér's V 0.50"
    assert source.rows == (("hospital", "60", "60"),)


def test_the_same_images_are_described_once(lab: Any) -> None:
    folders = [lab.execution(pixels=True), lab.execution("20261123T090000Z", pixels=True)]
    for folder in folders:
        audited.audit(folder)
    (one,) = of(*folders)
    assert one.title == "quick 20261122T211100Z and quick 20261123T090000Z"


def test_images_that_were_not_audited_say_so(lab: Any, tmp_path: Path) -> None:
    folder = lab.execution()
    assert of(folder)[0].findings == ()
    assert "These images were not audited." in section(render([folder], tmp_path / "r.html"))


def test_an_audit_that_cannot_be_read_is_noted(lab: Any, tmp_path: Path) -> None:
    folder = lab.execution()
    (folder / "audit.json").write_text("{")
    assert load(folder).audit is None
    page = unescape(render([folder], tmp_path / "r.html").read_text())
    assert "audit.json can't be read" in page


def test_hostile_names_are_text(lab: Any, tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>"
    folder = lab.execution(pixels=True)
    audited.audit(folder, copies=audited.leak(hostile), class_names=(hostile, "b"))
    page = render([folder], tmp_path / "r.html").read_text()
    assert hostile not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
