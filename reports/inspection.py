"""An inspected image folder as one HTML page: figures, histogram and contact sheets.

One file without scripts; the pictures are inside of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lungbench import __version__
from lungbench.counted import counted
from lungbench.data.audit_findings import how_close
from lungbench.data.contact_sheet import ContactSheet, class_sheets, discarded_sheets, within
from lungbench.data.inspect import Inspection
from lungbench.data.overview import GroupOverview, Overview
from lungbench.data.quality import PAPER_BRIGHTNESS
from lungbench.foreign_text import shortened, visible
from reports.drawings.brightness import brightness_figure, limits_text
from reports.forms import format as fmt
from reports.forms.blocks import Fact, Figure, Table, table
from reports.page.render import templates
from reports.wording.manifests import manifest_note
from reports.wording.measures import MEASURES

MOST_CLASSES = 40
"""Classes that are shown; with more, the page names how many aren't."""

MOST_REASONS = 12
"""Reasons that have a sheet of their own."""

MOST_PICTURE_BYTES = 1_000_000

_MOST_ABREAST = 6
_LONGEST_NAME = 60

_SEPARATIONS = (
    "Each row names the class that one measure alone tells best from all others. The share is of "
    "pairs, one image of the class and one of another, in which the measure is on its side (the "
    "area under the ROC curve): 50% is no better than a coin, 100% needs no network at all. What "
    "is high here a network may learn instead of medicine, and its accuracy on these images then "
    "says nothing about others."
)


@dataclass(frozen=True, slots=True)
class Picture:
    """A thumbnail on the page.

    Attributes:
        name: Of its file, shortened.
        caption: Its mean grey.
        address: The picture itself.
    """

    name: str
    caption: str
    address: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class SheetView:
    """A contact sheet on the page.

    Attributes:
        title: The class or the reason.
        counted: How many files there are and how many are shown.
        names: Of files without a picture.
    """

    title: str
    counted: str
    pictures: tuple[Picture, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InspectionPage:
    """Everything that the page says.

    Attributes:
        facts: What was looked at, and what came of it.
        classes: Counts by class.
        collections: Counts by class and collection; None where there are none.
        left_unsaid: What the page leaves out; empty where it is complete.
        brightness: The histograms.
        quality: Every measure by class.
        meanings: What each measure is.
        separations: What tells classes apart; None where there are too few images.
        storage: How well the way a file is stored tells its class, a sentence each.
        kept: A sheet of each class.
        discarded: A sheet of each reason.
        rendered: When and by which version the page was written.
    """

    title: str
    subtitle: str
    facts: tuple[Fact, ...]
    classes: Table
    collections: Table | None
    left_unsaid: str
    brightness: Figure
    quality: Table
    meanings: tuple[Fact, ...]
    separations: Table | None
    separations_reading: str
    storage: tuple[str, ...]
    kept: tuple[SheetView, ...]
    discarded: tuple[SheetView, ...]
    rendered: str


def html(inspection: Inspection, found: Overview, now: datetime) -> str:
    """Print an inspected folder as HTML; its pictures are read again."""
    page = inspection_page(inspection, found, now)
    return templates().get_template("inspection.html.jinja").render(page=page)


def inspection_page(inspection: Inspection, found: Overview, now: datetime) -> InspectionPage:
    """Build the page of an inspected folder."""
    kept, discarded = _sheets(inspection)
    more = len(found.classes) - MOST_CLASSES
    return InspectionPage(
        title=visible(Path(found.source).resolve().name),
        subtitle=_subtitle(found),
        facts=_facts(found),
        classes=_classes(found),
        collections=_collections(found.collections[:MOST_CLASSES]),
        left_unsaid=f"{more:,} more classes are only in images.csv and images.xlsx."
        if more > 0
        else "",
        brightness=brightness_figure(found),
        quality=_quality(found.classes[:MOST_CLASSES]),
        meanings=tuple(Fact(each.title, each.meaning) for each in MEASURES),
        separations=_separations(found),
        separations_reading=_SEPARATIONS,
        storage=tuple(how_close(each) for each in found.storage if each.kinds > 1),
        kept=kept,
        discarded=discarded,
        rendered=f"Written {fmt.moment(now)} by lungbench {__version__}.",
    )


def _subtitle(found: Overview) -> str:
    images = counted(found.images_found, "image file")
    return f"{images} in {len(found.classes):,} classes, {found.images_kept:,} kept"


def _facts(found: Overview) -> tuple[Fact, ...]:
    papers = sum(group.in_papers_range for group in found.classes)
    facts = [
        Fact("Folder", visible(found.source)),
        Fact("Image files", fmt.count(found.images_found)),
        Fact("Can be used", fmt.count(found.images_usable)),
        Fact("Mean grey kept", limits_text(found.brightness) if found.brightness else "any"),
        Fact("Kept", fmt.count(found.images_kept)),
        Fact(
            f"In the paper's range, {limits_text(PAPER_BRIGHTNESS)}",
            f"{papers:,} ({fmt.share(papers / found.images_usable)} of those that can be used)",
        ),
    ]
    if found.ignored_folders:
        facts.append(Fact("Folders without an image", _listed_names(found.ignored_folders)))
    notes = [manifest_note(found.source, each) for each in found.unread_manifests]
    facts += [Fact("Manifest", note) for note in notes]
    return tuple(facts)


def _classes(found: Overview) -> Table:
    titles = (
        "Class", "#Images", "#Kept", "#In the paper's range", "#Copies", "#Size",
        "#Width", "#Height", "Pixel layouts", "Formats",
    )  # fmt: skip
    rows = [
        (
            _name(group.name),
            fmt.count(group.images),
            fmt.count(group.kept),
            fmt.count(group.in_papers_range),
            fmt.count(group.copies),
            fmt.size(group.size_bytes),
            _extent(group, "width"),
            _extent(group, "height"),
            _counted(group.modes),
            _counted(group.formats),
        )
        for group in found.classes[:MOST_CLASSES]
    ]
    return table("Images that can be used, by class", titles, rows)


def _collections(groups: Sequence[GroupOverview]) -> Table | None:
    if not groups:
        return None
    titles = (
        "Class",
        "Collection",
        "#Images",
        "#Kept",
        *(f"#{_title(each.title)}" for each in MEASURES),
    )
    rows = [
        (
            _name(group.name),
            _name(group.collection or "") or fmt.MISSING,
            fmt.count(group.images),
            fmt.count(group.kept),
            *(each.show(group.spreads[each.name].median) for each in MEASURES),
        )
        for group in groups
    ]
    return table("The same by collection; measures are medians", titles, rows)


def _quality(groups: Sequence[GroupOverview]) -> Table:
    """Return every measure of every class; a row a measure while that is not too wide."""
    classes = [_name(group.name) for group in groups]
    measures = [_title(each.title) for each in MEASURES]
    cells = [[each.typical(group.spreads[each.name]) for group in groups] for each in MEASURES]
    caption = "Median of the images that can be used, with both quartiles"
    if len(groups) <= _MOST_ABREAST:
        rows = [(name, *row) for name, row in zip(measures, cells, strict=True)]
        return table(caption, ("Measure", *(f"#{name}" for name in classes)), rows)
    rows = [(name, *row) for name, *row in zip(classes, *cells, strict=True)]
    return table(caption, ("Class", *(f"#{name}" for name in measures)), rows)


def _separations(found: Overview) -> Table | None:
    if not found.separations:
        return None
    titles = {each.name: _title(each.title) for each in MEASURES}
    rows = [
        (
            titles[each.measure],
            _name(each.name),
            "higher" if each.higher else "lower",
            fmt.share(each.auc),
        )
        for each in found.separations
    ]
    caption = "What tells a class from the others, among the images that are kept"
    return table(caption, ("Measure", "Class", "Its values are", "#Right in"), rows)


def _sheets(
    inspection: Inspection,
) -> tuple[tuple[SheetView, ...], tuple[SheetView, ...]]:
    """Return the sheets of what is kept and of what isn't, small enough for one page."""
    kept = class_sheets(inspection, MOST_CLASSES)
    sheets = within((*kept, *discarded_sheets(inspection, MOST_REASONS)), MOST_PICTURE_BYTES)
    views = tuple(map(_sheet_view, sheets))
    return views[: len(kept)], views[len(kept) :]


def _sheet_view(sheet: ContactSheet) -> SheetView:
    pictures = tuple(
        Picture(_name(each.path), f"{each.mean_grey:.0f}", each.data_uri, each.width, each.height)
        for each in sheet.thumbnails
    )
    named = len(pictures) + len(sheet.paths)
    files = counted(sheet.files, "file")
    return SheetView(
        title=_name(sheet.title),
        counted=files if named == sheet.files else f"{named:,} of {files}",
        pictures=pictures,
        names=tuple(map(_name, sheet.paths)),
    )


def _name(text: str) -> str:
    return shortened(text, _LONGEST_NAME)


def _title(text: str) -> str:
    return text[0].upper() + text[1:]


def _extent(group: GroupOverview, side: str) -> str:
    spread = group.spreads[side]
    return fmt.count_range((round(spread.minimum), round(spread.maximum)))


def _counted(counts: dict[str, int]) -> str:
    return fmt.listed([f"{count:,} {name}" for name, count in counts.items()])


def _listed_names(names: Sequence[str]) -> str:
    return fmt.listed([_name(name) for name in names[:MOST_CLASSES]])
