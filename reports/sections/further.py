"""What else is said of a diagnosis: the rates that clinics ask for, with intervals, and more.

The paper's five rates stand before it; nothing here replaces them.
"""

from collections.abc import Sequence

from lungbench.record import Area, ClassRates, Macro
from lungbench.stats.calibration import BINS
from lungbench.stats.intervals import wilson
from reports.comparing.evaluated import Evaluated
from reports.forms import format as fmt
from reports.forms.blocks import Table, table

FURTHER_READING = (
    "Sensitivity is the paper's recall and the positive predictive value (PPV) its precision; the "
    "negative one (NPV) is the share of right ones among the images not diagnosed as the class. "
    "Both predictive values hold for the shares of the classes in this test split: where a disease "
    "is rarer, its PPV is lower. Intervals of these four are Wilson's, 95%. AUC is the area under "
    "the ROC curve of the class against the rest, the chance that an image of the class gets a "
    "higher probability of it than another image. Its interval is DeLong's, 95%, and never "
    "narrower than Newcombe's, which has a width also at an area of 1. The average precision sums "
    "up precision over recall; it has no interval, since a bootstrap would have no width at 1. "
    "Cohen's kappa and Matthews' correlation (MCC) are 0 for guessing and 1 without an error. The "
    "Brier score is the squared error of the probabilities, summed over the classes: 0 is best, 2 "
    "worst. The calibration error is how far confidence and accuracy lie apart, over "
    f"{BINS} bins of confidence of the same width. All are of single networks on these images: "
    "none says what another seed would change. A dash stands where a figure isn't defined, or "
    "where its probabilities weren't kept."
)

_TITLES = (
    "Class",
    "#Sensitivity (recall) [95%]",
    "#Specificity [95%]",
    "#PPV (precision) [95%]",
    "#NPV [95%]",
    "#AUC [95%]",
    "#Average precision",
)
_OVERVIEW_TITLES = (
    "Network",
    "Device",
    "#Run",
    "#Cohen's kappa",
    "#MCC",
    "#NPV, mean",
    "#AUC, mean",
    "#Average precision, mean",
    "#Brier score",
    "#Calibration error",
)


def overview(networks: Sequence[Evaluated]) -> Table | None:
    """Sum up every run in a row; None without any."""
    rows = [_overview_row(each) for each in networks]
    caption = "Further metrics: agreement beyond chance, means over classes, and probabilities"
    return table(caption, _OVERVIEW_TITLES, rows) if rows else None


def further(network: Evaluated) -> Table:
    """Return the further rates of each class of one run."""
    metrics = network.metrics
    rows = [
        (name, *_class_row(rates))
        for name in network.run.data.classes
        if (rates := metrics.per_class.get(name))
    ]
    caption = f"{network.title}: each class against the rest, with intervals"
    return table(caption, _TITLES, [*rows, ("Mean of classes", *_mean_row(metrics.macro))])


def area_text(area: Area | None) -> str:
    """Write the area under a ROC curve with its interval."""
    if area is None:
        return fmt.MISSING
    return f"{fmt.rate(area.value)} [{fmt.rate(area.low)}, {fmt.rate(area.high)}]"


def _overview_row(network: Evaluated) -> tuple[str, ...]:
    metrics, macro = network.metrics, network.metrics.macro
    figures = (
        metrics.kappa,
        metrics.mcc,
        macro.npv,
        macro.auc,
        macro.average_precision,
        metrics.brier,
        metrics.calibration_error,
    )
    return (*network.names, *map(fmt.rate, figures))


def _class_row(rates: ClassRates) -> tuple[str, ...]:
    return (
        _share(rates.tp, rates.tp + rates.fn),
        _share(rates.tn, rates.tn + rates.fp),
        _share(rates.tp, rates.tp + rates.fp),
        _share(rates.tn, rates.tn + rates.fn),
        area_text(rates.auc),
        fmt.rate(rates.average_precision),
    )


def _mean_row(macro: Macro) -> tuple[str, ...]:
    shares = (macro.recall, macro.specificity, macro.precision, macro.npv)
    return (*map(fmt.share, shares), fmt.rate(macro.auc), fmt.rate(macro.average_precision))


def _share(part: int, whole: int) -> str:
    if not whole:
        return fmt.MISSING
    return fmt.share_with_interval(part / whole, wilson(part, whole))
