import json
import re
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from page_reader import Reader

from lungbench.errors import LungbenchError
from lungbench.record import RunRecord
from lungbench.stats.intervals import Interval
from reports.drawings.engine import own_process
from reports.forms import format as fmt
from reports.page.render import render
from reports.page.view import SECTIONS
from reports.results.load import load
from reports.summaries.summary import write_summary


def test_every_page_is_well_formed_and_has_all_its_sections(rendered: Any) -> None:
    reader = Reader(rendered.html)
    assert [anchor for anchor, _ in SECTIONS if anchor not in reader.values("id")] == []


def test_ids_are_unique_and_every_reference_finds_one(rendered: Any) -> None:
    reader = Reader(rendered.html)
    ids = reader.values("id")
    assert len(ids) == len(set(ids))
    referred = {
        *(value[1:] for value in reader.values("href")),
        *reader.values("aria-labelledby"),
        *re.findall(r"url\(#([^)]+)\)", rendered.html),
    }
    assert referred <= set(ids)


def test_a_page_asks_nothing_of_the_network(rendered: Any) -> None:
    reader = Reader(rendered.html)
    assert not {"link", "img", "iframe", "object", "embed", "base"} & set(reader.tags)
    assert all(value.startswith("#") for value in reader.values("href"))
    assert reader.values("src") == []
    assert not [name for _, name, _ in reader.attributes if name.startswith("on")]
    assert "@import" not in rendered.html
    assert "default-src 'none'" in rendered.html


def test_a_page_runs_its_own_script_alone_and_the_script_holds_no_data(rendered: Any) -> None:
    [script] = re.findall(r"<script>(.*?)</script>", rendered.html, re.DOTALL)
    digest = b64encode(sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'; style-src" in rendered.html
    assert script == (files("reports") / "templates" / "comfort.js").read_text()
    assert len(script.splitlines()) <= 100  # what the product allows itself


def test_a_page_is_the_same_whichever_process_draws_it(reports: Any, tmp_path: Path) -> None:
    here = reports["complete"]
    with own_process():
        page = render(here.folders, tmp_path / "report.html")
    moment = re.compile(r"Rendered .*? by lungbench")
    assert moment.sub("", page.read_text()) == moment.sub("", here.html)


def test_no_heading_skips_a_level(rendered: Any) -> None:
    levels = [int(tag[1]) for tag in Reader(rendered.html).tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_the_methods_are_true_to_the_records(reports: Any) -> None:
    shown = Reader(reports["repeated"].html).words
    part = shown.partition("Methods, for a paper")[2].partition("How to cite")[0]
    assert "on cpu:threads=1 and cpu:threads=2 in float32 with tensorflow" in part
    assert "3 independent runs a configuration" in part
    assert "5 epochs at 96 × 96 pixels in batches of 16 by Adam" in part  # noqa: RUF001
    assert "left no result" not in part
    assert "tensorflow 2.21.0" in part
    failing = Reader(reports["failing"].html).words.partition("Methods, for a paper")[2]
    assert "2 runs of the experiment left no result" in failing
    assert "configurations with one run have no interval" in failing


def test_end_to_end_leaves_out_the_control_legs(reports: Any) -> None:
    case = reports["complete"]
    record = load(case.folders[0]).runs[0].record
    assert record.timing is not None
    # 2.1 s of control legs in each record of the golden folders.
    whole_s = record.timing.wall_s - 2.1
    assert fmt.seconds(whole_s) in Reader(case.html).words


def test_pictures_are_left_out_on_request(lab: Any, tmp_path: Path) -> None:
    folder = lab.execution(models=("cnn10",), pixels=True)
    html = render([folder], tmp_path / "r.html", pictures=False).read_text()
    assert "<img" not in html
    assert "Pictures were left out of this page" in html


def test_a_page_says_that_it_is_no_medical_device(rendered: Any) -> None:
    assert "Research use, not a medical device." in rendered.html


def test_every_drawing_has_a_text_alternative(rendered: Any) -> None:
    drawings = re.findall(r"<svg[^>]*>", rendered.html)
    assert all(re.search(r'role="img"', each) for each in drawings)
    assert all(re.search(r'aria-label="[^"]{20,}"', each) for each in drawings)


def test_drawings_take_all_their_colours_from_the_style_sheet(rendered: Any) -> None:
    drawings = " ".join(re.findall(r"<svg.*?</svg>", rendered.html, re.DOTALL))
    colours = set(re.findall(r'(?:fill|stroke)="([^"]*)"', drawings))
    assert {each for each in colours if each not in ("none", "transparent")} <= {
        f"var(--{name})"
        for name in (
            "ink",
            "muted",
            "line",
            "grid",
            "paper",
            "baseline",
            "busy",
            *(f"c{n}" for n in range(1, 11)),
        )
    }


def test_every_variable_that_is_used_is_defined(rendered: Any) -> None:
    used = set(re.findall(r"var\((--[a-z0-9]+)", rendered.html))
    assert used - set(re.findall(r"(--[a-z0-9]+):", rendered.html)) == set()


def test_a_page_of_six_runs_stays_under_a_megabyte(reports: Any) -> None:
    assert len(reports["complete"].html.encode()) < 1_000_000


def test_the_page_shows_the_figures_of_the_summary(reports: Any) -> None:
    case = reports["repeated"]
    write_summary(case.folders[0])
    summary = json.loads((case.folders[0] / "summary.json").read_text())
    shown = Reader(case.html).words
    compared = [cell for cell in summary["cells"] if cell["speedup"]]
    assert len(compared) == 3
    for cell in compared:
        limits = Interval(**cell["speedup"]["interval"])
        assert fmt.ratio(cell["speedup"]["estimate"], limits) in shown
        quality = cell["quality"]
        accuracy = (quality["overall_accuracy"], Interval(**quality["interval"]))
        assert fmt.share_with_interval(*accuracy) in shown
        difference = (quality["difference"], Interval(**quality["difference_interval"]))
        assert fmt.points(*difference) in shown
    for cell in summary["cells"]:
        assert fmt.seconds(cell["first_epoch_s"]) in shown
        assert fmt.seconds(cell["steady_epoch_s"]) in shown
        assert all(sentence in shown for sentence in cell["verdict"])


def test_the_page_sets_device_against_device_with_the_figures_of_the_summary(reports: Any) -> None:
    case = reports["repeated"]
    shown = Reader(case.html).words
    summary = write_summary(case.folders[0])
    [across] = summary.across_models
    assert across.interval is not None
    limits = Interval(across.interval.low, across.interval.high)
    assert fmt.ratio(across.speedup, limits) in shown
    for cell in summary.cells:
        assert cell.accuracy_spread is not None
        assert fmt.share_range(cell.accuracy_spread.low, cell.accuracy_spread.high) in shown
        assert cell.train_test_gap is not None
        assert fmt.points(cell.train_test_gap.mean) in shown
        if cell.quality and cell.quality.paired:
            p_values = [*cell.quality.paired.mcnemar_p, cell.quality.paired.mcnemar_p_adjusted]
            assert all(fmt.p_value(p) in shown for p in p_values)
    assert "Training time to a validation accuracy" in shown


def test_the_page_shows_every_axis_with_the_figures_of_the_summary(reports: Any) -> None:
    case = reports["every_axis"]
    shown = Reader(case.html).words
    speed = shown.partition("Speed-up The baseline")[2].partition("Diagnosis All rates")[0]
    for axis in write_summary(case.folders[0]).axes:
        title = {"precision": "By precision", "pipeline": "By input pipeline"}[axis.axis]
        part = speed.partition(f"{title} Each row")[2]
        assert "The two sides differ in" in part
        assert all(sentence in shown for sentence in axis.verdict)
        for each in axis.comparisons:
            assert each.speedup is not None
            assert each.speedup.interval is not None
            assert each.quality is not None
            assert each.quality.difference is not None
            assert each.quality.difference_interval is not None
            assert each.quality.paired is not None
            ratio = Interval(each.speedup.interval.low, each.speedup.interval.high)
            assert fmt.ratio(each.speedup.estimate, ratio) in part
            limits = each.quality.difference_interval
            assert fmt.points(each.quality.difference, Interval(limits.low, limits.high)) in part
            assert fmt.p_value(each.quality.paired.mcnemar_p_adjusted) in shown


def test_rows_of_drawings_are_told_apart_by_their_headings(reports: Any) -> None:
    drawings = re.findall(r"<svg.*?</svg>", reports["every_axis"].html, re.DOTALL)
    names = re.findall(r"<text[^>]*>([^<]*)</text>", drawings[0])
    headings = [name for name in names if name.startswith("10-layer CNN")]
    assert headings == [
        f"10-layer CNN, {precision}, {pipeline}"
        for precision in ("float32", "mixed_bfloat16")
        for pipeline in ("cached", "paper")
    ]
    assert not [each for each in drawings if "…" in each]  # nothing is cut off


def test_a_predicted_time_is_shown_as_such(reports: Any) -> None:
    shown = Reader(reports["timing_only"].html).words
    assert "Time of all epochs" in shown
    assert "predicted from 3 of 120 epochs" in shown
    verdict = reports["timing_only"].html.partition('<section id="trust"')[0]
    assert "this speed-up has no quality evidence" in verdict


def test_one_run_a_cell_has_no_interval_and_the_page_says_so(reports: Any) -> None:
    shown = Reader(reports["complete"].html).words
    assert "One run on a side, so there is no interval" in shown
    assert "95% interval" not in shown.partition("Speed-up The baseline")[0]


def test_another_backend_is_refused_by_name_with_both_values(reports: Any) -> None:
    shown = Reader(reports["two_backends"].html).words
    assert "no speed-up: backend differs: tensorflow on the baseline, jax here" in shown
    assert "as fast" not in shown.partition("Speed-up The baseline")[0]


def test_two_machines_are_named_beside_their_speed_up(reports: Any) -> None:
    shown = Reader(reports["two_hosts"].html).words
    assert "The two sides are different machines (gpu-node and ward7)" in shown


def test_the_papers_speed_ups_stand_beside_those_of_a_gpu(reports: Any) -> None:
    # 130 s over 24 s, the paper's section IV.A.
    shown = Reader(reports["two_hosts"].html).words
    assert fmt.ratio(130 / 24) in shown
    assert "They stand beside ours as diamonds" in shown


def test_failed_and_skipped_runs_are_listed_with_reason_and_log(reports: Any) -> None:
    shown = Reader(reports["failing"].html).words
    assert "out_of_memory: The framework could not get memory." in shown
    assert "device_unavailable: cpu:threads=2 isn't usable here." in shown
    assert "building the network the last line" in shown
    assert "1 skipped and 1 failed" in shown or "1 failed and 1 skipped" in shown


def test_random_frozen_weights_are_said_to_prove_nothing(reports: Any) -> None:
    shown = Reader(reports["complete"].html).words
    assert "The frozen layers of InceptionV3 and VGG16 hold random weights" in shown


def test_the_verdict_points_to_the_guards_that_were_raised(lab: Any, tmp_path: Path) -> None:
    def busy(record: RunRecord) -> RunRecord:
        used = record.resources.model_copy(update={"other_load_percent": 80.0})
        return record.model_copy(update={"resources": used})

    html = render([lab.execution(models=("cnn10",), change=busy)], tmp_path / "r.html").read_text()
    verdict = html.partition('<section id="trust"')[0]
    assert "(repeats; other load during a run): see “Can these numbers be trusted?”" in verdict


def test_hostile_names_are_shown_as_text(reports: Any) -> None:
    reader = Reader(reports["hostile"].html)
    assert "<script>alert(1)</script>" in reader.words
    assert "<b>host</b>" in reader.words
    assert reader.tags.count("script") == 1  # the page's own
    assert "img" not in reader.tags
    assert "b" not in reader.tags


def test_nothing_completed_still_makes_a_page(reports: Any) -> None:
    shown = Reader(reports["nothing"].html).words
    assert "No run completed, so there is nothing to compare." in shown
    assert "No run folder: it was never started." in shown


def test_what_is_missing_becomes_a_sentence(reports: Any) -> None:
    shown = Reader(reports["bare"].html).words
    for sentence in (
        "experiment.json is missing",
        "data.json can't be read",
        "data_images.csv is missing",
        "No run was evaluated",
        "No epoch was recorded",
        "No samples were kept",
        "a side was not evaluated",
    ):
        assert sentence in shown


def test_a_damaged_record_is_a_failure_and_no_traceback(lab: Any, tmp_path: Path) -> None:
    folder = lab.execution(models=("cnn10",))
    (folder / "runs" / "cnn10-cpu.t2-float32-tensorflow-cached-r1" / "record.json").write_text("{")
    html = render([folder], tmp_path / "report.html").read_text()
    assert "broken" in html
    assert "A record follows schema 1." in html
    assert "Traceback" not in html


def test_a_folder_that_is_no_execution_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LungbenchError, match="A report is made of execution folders"):
        render([tmp_path], tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_no_folder_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LungbenchError, match="at least one execution folder"):
        render([], tmp_path / "report.html")


def test_a_report_that_cant_be_written_is_refused(lab: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LungbenchError, match="The page must be writable"):
        render([lab.execution(change=lambda _: None)], tmp_path / "file" / "report.html")
