from pathlib import Path
from typing import Any

from lungbench.metrics import metrics_of
from lungbench.record import RunRecord
from lungbench.stats.intervals import wilson
from reports.comparing.comparison import compare
from reports.comparing.evaluated import Evaluated, evaluated
from reports.forms import format as fmt
from reports.results.load import load
from reports.sections.diagnosis import diagnosis
from reports.sections.further import further, overview


def networks(folder: Path) -> tuple[Evaluated, ...]:
    executions = [load(folder)]
    return evaluated(compare(executions), executions)


def test_each_class_has_its_four_rates_with_wilsons_intervals(lab: Any) -> None:
    network = networks(lab.execution(models=("cnn10",)))[0]
    rates = network.metrics.per_class["covid"]
    row = further(network).rows[0]
    assert row[0] == "covid"
    for at, part, whole in (
        (1, rates.tp, rates.tp + rates.fn),
        (2, rates.tn, rates.tn + rates.fp),
        (3, rates.tp, rates.tp + rates.fp),
        (4, rates.tn, rates.tn + rates.fn),
    ):
        assert row[at] == fmt.share_with_interval(part / whole, wilson(part, whole))


def test_the_shares_are_the_papers_rates_under_their_clinical_names(lab: Any) -> None:
    network = networks(lab.execution(models=("cnn10",)))[0]
    rates = network.metrics.per_class["covid"]
    row = further(network).rows[0]
    assert row[1].startswith(fmt.share(rates.recall))
    assert row[3].startswith(fmt.share(rates.precision))
    assert row[4].startswith(fmt.share(rates.npv))


def test_an_area_has_its_interval_beside_it(lab: Any) -> None:
    network = networks(lab.execution(models=("cnn10",)))[0]
    area = network.metrics.per_class["covid"].auc
    assert area is not None
    shown = f"{fmt.rate(area.value)} [{fmt.rate(area.low)}, {fmt.rate(area.high)}]"
    assert further(network).rows[0][5] == shown


def never_healthy(record: RunRecord) -> RunRecord:
    """Nobody in the test split is healthy, and nobody is said to be."""
    confusion = ((38, 0, 2), (0, 0, 0), (1, 0, 39))
    return record.model_copy(update={"metrics": metrics_of(confusion, record.data.classes)})


def test_what_is_not_defined_is_a_dash(lab: Any) -> None:
    network = networks(lab.execution(models=("cnn10",), change=never_healthy))[0]
    _, healthy, _, mean = further(network).rows
    name, sensitivity, specificity, ppv, npv, area, precision = healthy
    assert name == "healthy"
    assert (sensitivity, ppv, area, precision) == (fmt.MISSING,) * 4
    assert specificity.startswith("100.0%")
    assert npv.startswith("100.0%")
    assert mean[5] == fmt.MISSING


def test_every_run_has_a_row_of_further_metrics(lab: Any) -> None:
    found = networks(lab.execution(repeats=2))
    table = overview(found)
    assert table is not None
    assert len(table.rows) == 12
    assert table.rows[0][3:5] == (fmt.rate(found[0].metrics.kappa), fmt.rate(found[0].metrics.mcc))
    assert fmt.MISSING not in {cell for row in table.rows for cell in row}


def test_no_tested_run_has_no_table() -> None:
    assert overview([]) is None


def test_the_papers_five_rates_stand_first(lab: Any) -> None:
    executions = [load(lab.execution(models=("cnn10",)))]
    section = diagnosis(compare(executions), executions)
    assert section.overview is not None
    titles = [column.title for column in section.overview.columns]
    assert titles[4:] == ["Accuracy", "Precision", "Recall", "Specificity", "F1"]
    for run in section.runs:
        assert [column.title for column in run.rates.columns][1:6] == titles[4:]


def test_the_page_shows_them_after_the_papers(reports: Any) -> None:
    html = reports["complete"].html
    assert html.index("the paper&#39;s Table VII") < html.index("Cohen&#39;s kappa")
    first_run = html.partition('<div class="runs">')[2]
    assert first_run.index(">Specificity<") < first_run.index(">PPV (precision) [95%]<")
    assert "Research use, not a medical device." in html
