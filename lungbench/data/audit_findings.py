"""What an audit's figures mean, each in a sentence with what to do.

`fail` takes the worth of an accuracy, `warn` must be known beside it, and what nobody told is
`unknown`, never a pass.
"""

from typing import Literal

from lungbench.counted import counted
from lungbench.data.association import COLLECTION, Association
from lungbench.data.audit_facts import Facts
from lungbench.data.sharing import Sharing
from lungbench.data.shortcut_baselines import ShortcutBaselines
from lungbench.frozen import Frozen
from lungbench.guards.table import Outcome
from lungbench.stats.intervals import wilson

Subject = Literal["leaks", "labels", "copies", "sources", "shortcuts"]

# Cramér's V. Of three classes, 0.2 and 0.35 are what Cohen calls a medium and a large effect; at
# 0.9 nearly every class has a source of its own, and nothing can tell the two apart.
ASSOCIATED_WARN, ASSOCIATED_FAIL = 0.2, 0.9


class Finding(Frozen):
    """One answer of the audit.

    Attributes:
        subject: What it is about; `leaks` are what testing knows from training.
        name: What was looked at.
        outcome: `unknown` is what nobody told.
        found: What was found, in a sentence.
        advice: What to do; None where nothing is to be done.
    """

    subject: Subject
    name: str
    outcome: Outcome
    found: str
    advice: str | None = None


def findings(facts: Facts) -> tuple[Finding, ...]:
    """Say what the figures mean."""
    return (
        _trained_tests(facts),
        _apart("Copies", "byte-identical copies", facts.copies, facts),
        _apart("Near-duplicates", "near-duplicates", facts.near_duplicates, facts),
        _apart("Patients", "images of one patient", facts.patients, facts),
        _labels(facts),
        _repeated(facts),
        _collections(facts),
        _files(facts),
        _without_anatomy(facts.shortcuts),
    )


def _trained_tests(facts: Facts) -> Finding:
    name, tested = "Test images in training", counted(facts.test_images, "test image")
    if not facts.trained_test_images:
        return _calm("leaks", name, f"None of {tested} is trained on.")
    return Finding(
        subject="leaks",
        name=name,
        outcome="fail",
        found=f"{facts.trained_test_images} of {tested} are trained on as well, so the accuracy is "
        "in part one of remembering.",
        advice='Set data.split = "strict"; "paper" is there to repeat the paper, not to measure.',
    )


def _apart(what: str, members: str, shared: Sharing, facts: Facts) -> Finding:
    """Say whether groups of some kind lie in several splits."""
    name, groups = f"{what} across splits", counted(shared.groups, "group")
    if shared.across_splits:
        return Finding(
            subject="leaks",
            name=name,
            outcome="fail",
            found=f"{shared.across_splits} of {groups} of {members} lie in several splits: "
            f"{shared.told_test_images} of {counted(facts.test_images, 'test image')} have one in "
            "training.",
            advice='Set data.split = "strict", which keeps such a group in one split.',
        )
    if shared.known < facts.images:
        return Finding(subject="leaks", name=name, outcome="unknown", found=_untold(what, shared))
    if shared.groups:
        return _calm("leaks", name, f"{groups} of {members}, each in one split.")
    return _calm("leaks", name, f"There are no {members}.")


def _untold(what: str, shared: Sharing) -> str:
    if not shared.known:
        return f"{what} are not on record, so nobody can tell whether any lie in several splits."
    return (
        f"{what} are on record for {counted(shared.known, 'image')} only; of these, none lie in "
        "several splits."
    )


def _labels(facts: Facts) -> Finding:
    name = "One image under two labels"
    torn = facts.copies.across_classes + facts.near_duplicates.across_classes
    said = []
    if torn:
        said.append(
            f"{counted(torn, 'group')} of images of one picture carry several labels, and all of "
            "them are used."
        )
    if facts.contradictory_files:
        said.append(
            f"{counted(facts.contradictory_files, 'file')} were left out because their bytes "
            "stand under several labels."
        )
    if not said:
        return _calm("labels", name, "No picture was found under two labels.")
    return Finding(
        subject="labels",
        name=name,
        outcome="fail" if torn else "warn",
        found=" ".join(said),
        advice="Find out which label is right, and take the other file away.",
    )


def _repeated(facts: Facts) -> Finding:
    name = "Images that are there twice"
    kinds = {"byte-identical copies": facts.copies, "near-duplicates": facts.near_duplicates}
    said = [
        f"{counted(shared.images, 'image')} in {counted(shared.groups, 'group')} are {members}"
        for members, shared in kinds.items()
        if shared.groups
    ]
    if not said:
        return _calm("copies", name, "Neither copies nor near-duplicates were found.")
    return Finding(
        subject="copies",
        name=name,
        outcome="warn",
        found=f"{'; '.join(said)}. What counts twice makes every interval too narrow.",
        advice="Keep one file of each group.",
    )


def _collections(facts: Facts) -> Finding:
    name = "Classes from different collections"
    found = next(each for each in facts.associations if each.name == COLLECTION)
    if not found.known:
        said = "No collection is named, so nobody can tell whether each class has its own."
        return Finding(subject="sources", name=name, outcome="unknown", found=said)
    if (found.cramers_v or 0.0) <= ASSOCIATED_WARN:
        return _calm("sources", name, how_close(found))
    return Finding(
        subject="sources",
        name=name,
        outcome="fail" if (found.cramers_v or 0.0) > ASSOCIATED_FAIL else "warn",
        found=f"{how_close(found)} A network may learn the collection instead of the disease.",
        advice="Take every class from every collection, or test on a collection that no network "
        "was trained on.",
    )


def _files(facts: Facts) -> Finding:
    name = "Classes that are stored differently"
    known = [each for each in facts.associations if each.name != COLLECTION and each.known]
    if not known:
        said = "Formats and sizes are not on record."
        return Finding(subject="sources", name=name, outcome="unknown", found=said)
    worst = max(known, key=lambda each: each.cramers_v or 0.0)
    if (worst.cramers_v or 0.0) <= ASSOCIATED_WARN:
        return _calm("sources", name, f"{how_close(worst)} No other property tells more.")
    return Finding(
        subject="sources",
        name=name,
        outcome="warn",
        found=f"{how_close(worst)} What made the files differ may be seen in the picture too.",
        advice="Get the classes from the same archive in the same way, as DICOM where that can be.",
    )


def how_close(found: Association) -> str:
    """Say how well a class is told by one property alone."""
    if found.cramers_v is None or found.accuracy is None or found.largest_class is None:
        return (
            f"Images of more than one {found.name} are rare."
            if found.kinds > 1
            else (f"All images have one {found.name}.")
        )
    return (
        f"Who knows the {found.name} alone can name {found.accuracy:.1%} of "
        f"{counted(found.known, 'image')} rightly, where always naming the largest class gives "
        f"{found.largest_class:.1%} (Cramér's V {found.cramers_v:.2f})."
    )


def _without_anatomy(found: ShortcutBaselines | None) -> Finding:
    name = "What needs no lungs to be seen"
    if found is None:
        said = "Nothing can be trained and tested on this split."
        return Finding(subject="shortcuts", name=name, outcome="unknown", found=said)
    best, tested = found.best_baseline, len(found.test)
    interval, guessing = wilson(best.right, tested), max(found.chance, found.majority)
    said = (
        f"A logistic regression on {best.sees} alone is right in {best.right / tested:.1%} "
        f"[{100 * interval.low:.1f}, {100 * interval.high:.1f}] of "
        f"{counted(tested, 'test image')}; naming {found.majority_class} every time in "
        f"{found.majority:.1%}."
    )
    if interval.low <= guessing:
        return _calm("shortcuts", name, f"{said} It is not shown to beat guessing.")
    return Finding(
        subject="shortcuts",
        name=name,
        outcome="warn",
        found=said,
        advice="Read every accuracy beside this one: only what a network is better by can come "
        "from the lungs.",
    )


def _calm(subject: Subject, name: str, found: str) -> Finding:
    return Finding(subject=subject, name=name, outcome="pass", found=found)
