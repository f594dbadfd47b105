"""The reliability diagram, and the table that says the same."""

from lungbench.predict.card import Calibration
from lungbench.stats.calibration import Bin
from lungbench.stats.intervals import wilson
from reports.drawings.calibrated import reliability_figure
from reports.forms import format as fmt

RAW = (
    Bin(low=0.5, high=0.6, images=10, confidence=0.55, accuracy=0.5),
    Bin(low=0.9, high=1.0, images=30, confidence=0.97, accuracy=0.8),
)
SCALED = (Bin(low=0.7, high=0.8, images=40, confidence=0.74, accuracy=0.725),)
FITTED = Calibration(images=40, temperature=1.84, raw=RAW, scaled=SCALED)
UNKNOWN = Calibration(images=40, temperature=None, raw=RAW, scaled=None)


def test_each_side_has_a_drawing_with_its_calibration_error() -> None:
    before, after = reliability_figure(FITTED).panels
    # By hand: (10 · 0.05 + 30 · 0.17) / 40, and 0.74 - 0.725.
    assert before.title == "As the network gives them: calibration error 14.0%"
    assert after.title == "Calibrated, temperature 1.84: calibration error 1.5%"
    assert before.svg.startswith("<svg ")
    assert before.svg != after.svg


def test_without_a_temperature_only_the_networks_own_probabilities_are_drawn() -> None:
    figure = reliability_figure(UNKNOWN)
    assert len(figure.panels) == 1
    assert "fitted to others" not in figure.reading
    assert "fitted to others" in reliability_figure(FITTED).reading


def test_a_drawing_is_told_in_words() -> None:
    [panel] = reliability_figure(UNKNOWN).panels
    assert "of 10 images with a mean of 55.0%, 50.0% right" in panel.alternative
    assert panel.alternative.startswith("Reliability, as the network gives them, calibration error")


def test_the_table_has_a_row_a_bin_with_the_share_and_its_interval() -> None:
    shown = reliability_figure(FITTED).table
    assert shown is not None
    assert shown.rows == (
        ("as given", "0.5 to 0.6", "10", "55.0%", fmt.share_with_interval(0.5, wilson(5, 10))),
        ("as given", "0.9 to 1.0", "30", "97.0%", fmt.share_with_interval(0.8, wilson(24, 30))),
        ("calibrated", "0.7 to 0.8", "40", "74.0%", fmt.share_with_interval(0.725, wilson(29, 40))),
    )
