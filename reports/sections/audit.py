"""What the audit found out about the images of every execution."""

from collections.abc import Sequence
from dataclasses import dataclass

from lungbench.data.association import Association
from lungbench.data.audit import Audit, Facts, Finding
from lungbench.data.sharing import Alike, Place, Sharing
from reports.forms import format as fmt
from reports.forms.blocks import Table, table
from reports.results.load import Results

TITLE = "Audit of the images"

_ORDER = ("fail", "warn", "unknown", "pass")


@dataclass(frozen=True, slots=True)
class AuditOf:
    """The audit of one set of images.

    Attributes:
        title: The executions that trained on it.
        findings: The worst first; none where the images were not audited.
        shared: How many images belong together, and where.
        examples: Pairs of such images, and files under several labels; None where there are none.
        more: What the tables leave out, in words; None if nothing.
        sources: The classes beside collection, format, colour mode and size.
    """

    title: str
    findings: tuple[Finding, ...]
    shared: Table | None
    examples: Table | None
    more: str | None
    sources: tuple[Table, ...]


def audits(executions: Sequence[Results]) -> tuple[AuditOf, ...]:
    """Describe the audit of every set of images once."""
    by_data: dict[str, list[Results]] = {}
    for execution in executions:
        of = execution.audit.fingerprint if execution.audit else str(execution.folder)
        by_data.setdefault(of, []).append(execution)
    return tuple(_audit_of(alike) for alike in by_data.values())


def _audit_of(alike: Sequence[Results]) -> AuditOf:
    title, audit = fmt.listed([each.name for each in alike]), alike[0].audit
    if audit is None:
        return AuditOf(title, (), None, None, None, ())
    return AuditOf(
        title=title,
        findings=tuple(sorted(audit.findings, key=lambda each: _ORDER.index(each.outcome))),
        shared=_shared(audit.facts),
        examples=_examples(audit.facts),
        more=_more(audit),
        sources=tuple(_source(each) for each in audit.facts.associations if each.known),
    )


def _kinds(facts: Facts) -> dict[str, Sharing]:
    return {
        "Byte-identical": facts.copies,
        "Near-duplicates": facts.near_duplicates,
        "One patient": facts.patients,
    }


def _shared(facts: Facts) -> Table:
    rows = [
        (
            name,
            fmt.count(each.groups) if each.known else fmt.MISSING,
            fmt.count(each.images) if each.known else fmt.MISSING,
            fmt.count(each.across_classes) if each.known else fmt.MISSING,
            fmt.count(each.across_splits) if each.known else fmt.MISSING,
            fmt.count(each.told_test_images) if each.known else fmt.MISSING,
        )
        for name, each in _kinds(facts).items()
    ]
    titles = (
        "What they share",
        "#Groups",
        "#Images",
        "#Across classes",
        "#Across splits",
        "#Test images with one in training",
    )
    return table("Groups of images that belong together", titles, rows)


def _examples(facts: Facts) -> Table | None:
    rows = [
        *(
            ("Two labels, left out", *each.paths[:2], fmt.listed(each.classes))
            for each in facts.contradictions
        ),
        *(_example(name, pair) for name, each in _kinds(facts).items() for pair in each.examples),
    ]
    if not rows:
        return None
    return table("Pairs of these images", ("What they share", "One", "Other", "Where"), rows)


def _example(name: str, pair: Alike) -> tuple[str, ...]:
    mirrored = ", mirrored" * pair.mirrored
    return (f"{name}{mirrored}", pair.one.path, pair.other.path, _where(pair))


def _where(pair: Alike) -> str:
    one, other = _stands(pair.one), _stands(pair.other)
    return one if one == other else f"{one} | {other}"


def _stands(place: Place) -> str:
    return f"{place.class_name}, {fmt.listed(place.splits)}"


def _more(audit: Audit) -> str | None:
    """Say how many of the groups stand in no row of the examples."""
    left = {
        name: each.images - each.groups - len(each.examples)
        for name, each in _kinds(audit.facts).items()
    }
    named = [f"{fmt.count(number)} of {name}" for name, number in left.items() if number > 0]
    return f"Pairs that are not listed: {fmt.listed(named)}." if named else None


def _source(found: Association) -> Table:
    classes = list(next(iter(found.counts.values()), {}))
    strength = "" if found.cramers_v is None else f"; Cramér's V {found.cramers_v:.2f}"
    rows = [
        (kind, *(fmt.count(by_class[name]) for name in classes))
        for kind, by_class in found.counts.items()
    ]
    titles = (found.name.capitalize(), *(f"#{name}" for name in classes))
    return table(f"Images of each {found.name} and class{strength}", titles, rows)
