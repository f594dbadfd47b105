"""Audits written by hand, for the tests of what the report says of them."""

from pathlib import Path

from lungbench.data.association import Association
from lungbench.data.audit import AUDIT_FILE, Audit
from lungbench.data.audit_facts import Contradiction, Facts
from lungbench.data.audit_findings import findings
from lungbench.data.dataset import DATA_FILE, PreparedData
from lungbench.data.sharing import Alike, Place, Sharing
from lungbench.data.shortcut_baselines import Baseline, ShortcutBaselines

NOTHING = Sharing(
    known=120,
    groups=0,
    images=0,
    across_classes=0,
    across_splits=0,
    told_test_images=0,
    examples=(),
)


def leak(path: str = "covid/1.png") -> Sharing:
    """One group of two images, one of which trains and one tests."""
    one = Place(path=path, class_name="covid", splits=("train",))
    other = Place(path="covid/2.png", class_name="covid", splits=("test",))
    torn = {"groups": 1, "images": 2, "across_splits": 1, "told_test_images": 1}
    return NOTHING.model_copy(
        update={**torn, "examples": (Alike(one=one, other=other, mirrored=True),)}
    )


def baselines(right: int, images: int = 120, classes: int = 3) -> ShortcutBaselines:
    """Four baselines that are right on the first `right` images; thumbnails are the best."""
    true = tuple(image * classes // images for image in range(images))
    predicted = tuple(
        label if image < right else (label + 1) % classes for image, label in enumerate(true)
    )
    each = tuple(
        Baseline(
            sees=sees,
            features=4,
            right=right,
            macro_recall=right / images,
            validation_accuracy=0.9 if sees == "thumbnails" else 0.5,
            predicted=predicted,
        )
        for sees in (
            "file facts",
            "grey statistics",
            "thumbnails",
            "file facts, greys and thumbnails",
        )
    )
    return ShortcutBaselines(
        test=tuple(range(images)),
        true=true,
        trained_images=300,
        chance=1 / classes,
        in_proportion=1 / classes,
        majority=1 / classes,
        majority_class="covid",
        baselines=each,
        best="thumbnails",
    )


def audit(
    folder: Path,
    *,
    right: int | None = 40,
    copies: Sharing = NOTHING,
    near_duplicates: Sharing = NOTHING,
    contradictions: tuple[Contradiction, ...] = (),
    class_names: tuple[str, str] = ("covid", "normal"),
) -> Audit:
    """Write the audit of an execution that the lab made with pixels."""
    data = PreparedData.read(folder / DATA_FILE)
    source = Association(
        name="collection",
        known=120,
        kinds=1,
        cramers_v=0.5,
        accuracy=0.6,
        largest_class=0.5,
        counts={"hospital": dict.fromkeys(class_names, 60)},
    )
    facts = Facts(
        images=120,
        test_images=120,
        trained_test_images=0,
        contradictory_files=sum(len(each.paths) for each in contradictions),
        contradictions=contradictions,
        copies=copies,
        near_duplicates=near_duplicates,
        patients=NOTHING.model_copy(update={"known": 0}),
        associations=(source, *(_untold(name) for name in ("file format", "colour mode"))),
        shortcuts=None if right is None else baselines(right, classes=len(data.classes)),
    )
    made = Audit(fingerprint=data.fingerprint, facts=facts, findings=findings(facts))
    (folder / AUDIT_FILE).write_text(made.model_dump_json())
    return made


def _untold(name: str) -> Association:
    return Association(
        name=name,
        known=0,
        kinds=0,
        cramers_v=None,
        accuracy=None,
        largest_class=None,
        counts={},
    )
