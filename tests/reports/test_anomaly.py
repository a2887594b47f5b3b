"""The page of an anomaly detector."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.detector_pages import make_evaluation, make_simulation, make_tested_detector
from stillmotion.anomaly import Detector, DetectorEvaluation, FaultSimulation
from stillmotion.anomaly.curves import Curve
from stillmotion.anomaly.faults import FAULTS
from stillmotion.anomaly.promise import HeldOut
from stillmotion.errors import UsageError
from stillmotion.reports import write_anomaly_report
from stillmotion.reports.anomaly_pictures import heat_cells, picture_figures


@pytest.fixture(scope="module")
def detector() -> Detector:
    return make_tested_detector()


@pytest.fixture(scope="module")
def simulation() -> FaultSimulation:
    return make_simulation()


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> DetectorEvaluation:
    return make_evaluation(tmp_path_factory.mktemp("videos"))


def test_the_page_says_the_answer_and_what_it_depends_on(
    detector: Detector, simulation: FaultSimulation, tmp_path: Path
) -> None:
    page = write_anomaly_report(detector, tmp_path / "new" / "report.html", simulation=simulation).read_text()
    assert '<h1 class="motion-needed">Motion needed</h1>' in page
    assert "Look alone finds 33\N{NO-BREAK SPACE}% of the simulated faults" in page
    assert "at most 1 false alarm per hour" in page
    assert page.index('id="answer"') < page.index('id="found"') < page.index('id="fails"') < page.index('id="promise"')
    assert page.count('<div class="row">') == len(FAULTS)
    assert all(f"<b>{name}</b>" in page for name in FAULTS)
    assert "It takes" in page and "119 recordings or groups of them" in page
    assert "shorter than 7 seconds" in page
    assert "alert(1)" in page and "<script>alert" not in page


def test_the_page_of_a_test_shows_each_recording_the_troubled_first(
    detector: Detector, evaluation: DetectorEvaluation, tmp_path: Path
) -> None:
    page = write_anomaly_report(detector, tmp_path / "report.html", evaluation=evaluation).read_text()
    assert '<h1 class="none">1 of 2 faults found, 1 false alarm</h1>' in page
    names = re.findall(r'<h3 id="recording-\d+">([^<]*)</h3>', page)
    assert names == ["two.mp4", "three.mp4", "one.mp4"]
    assert page.count('href="data:image/webp;base64,') == 2  # of the one that was moved, there is none
    # The cycle has a line where one is known.
    assert [page.count(f'<polyline class="{name}"') for name in ("look", "motion", "cycle")] == [3, 3, 1]
    assert page.count("Levels of look, motion over time") == 2 and "Levels of look, motion, cycle over time" in page
    assert "&lt;b&gt;jam&lt;/b&gt;" in page and "<b>jam" not in page
    assert "0.80&ndash;0.95" in page
    assert "with a false alarm: 2 per hour in this test; in the long run\n  at most 9.5 per hour" in page
    bare = write_anomaly_report(detector, tmp_path / "bare.html", evaluation=evaluation, pictures=False).read_text()
    assert "data:image/webp" not in bare


def test_areas_that_are_not_there_have_no_column_and_no_section(
    detector: Detector, evaluation: DetectorEvaluation, tmp_path: Path
) -> None:
    for curve, columns in (
        (Curve(0.9, 0.85, None, (0.8, 0.95)), ["within recordings", "all frames"]),
        (Curve(None, 0.85, 0.7), ["all frames", "recordings"]),
        (Curve(None, None, None), []),
    ):
        given = replace(evaluation, curves={"highest level": curve})
        page = write_anomaly_report(detector, tmp_path / "report.html", evaluation=given, pictures=False).read_text()
        areas = page.partition('id="areas"')[2].partition("</section>")[0]
        assert re.findall(r'<th scope="col">([^<]*)</th>', areas) == (["score", *columns] if columns else [])


def test_one_of_a_thing_is_not_plural(
    detector: Detector, simulation: FaultSimulation, evaluation: DetectorEvaluation, tmp_path: Path
) -> None:
    footage = replace(detector.record.footage, recordings=("a.mp4",), held_out=HeldOut(1, 1, 1.0))
    thresholds = {kind: replace(threshold, alarms=1) for kind, threshold in detector.record.thresholds.items()}
    one = replace(detector, record=replace(detector.record, footage=footage, thresholds=thresholds))
    missed = replace(evaluation, faults=evaluation.faults[1:], timelines=evaluation.timelines[1:], false_alarms=())
    page = " ".join(write_anomaly_report(one, tmp_path / "report.html", evaluation=missed).read_text().split())
    assert "0 of 1 fault found, no false alarms</h1>" in page and "<b>1 of 1 fault missed</b>" in page
    assert "in 1 recording; held out, one after the other: 1 recording or group of them</dd>" in page
    assert "1 recording or group of them like these, 1&nbsp;h, without" in page
    verdict = replace(simulation.verdict, difference=0.01)
    assert ": 1 point more" in verdict.sentence


def test_nothing_to_report_is_refused(detector: Detector, simulation: FaultSimulation, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to report"):
        write_anomaly_report(detector, tmp_path / "report.html")
    with pytest.raises(UsageError, match=r"ends in \.html"):
        write_anomaly_report(detector, tmp_path / "report", simulation=simulation)


def test_where_it_fails_is_the_strongest_fault_of_each_kind_that_was_missed(simulation: FaultSimulation) -> None:
    assert [figure.fault.strength for figure in picture_figures(simulation, missed=True)] == [
        next(iter(fault.strengths)) for fault in FAULTS.values()
    ]
    shown = picture_figures(simulation, missed=False)
    assert [figure.fault.strength for figure in shown] == [list(fault.strengths)[-1] for fault in FAULTS.values()]
    found = replace(simulation, faults=tuple(f for f in simulation.faults if f.delay_seconds is not None))
    assert picture_figures(found, missed=True) == []


def test_a_heat_map_colors_the_cells_that_are_unusual() -> None:
    values = [0.0] * 49
    values[9], values[48] = 3.0, 1.0
    first, last = heat_cells(tuple(values))
    assert (first.x, first.y) == pytest.approx((200 / 7, 100 / 7)) and first.opacity == 0.75
    assert (last.x, last.y) == pytest.approx((600 / 7, 600 / 7)) and 0 < last.opacity < 0.2
