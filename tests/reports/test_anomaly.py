"""The page of an anomaly detector."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.media import write_video
from stillmotion.anomaly import DetectorEvaluation, FaultSimulation
from stillmotion.anomaly.alarms import Alarm
from stillmotion.anomaly.curves import Curve, LevelTimeline
from stillmotion.anomaly.detector import Detector, DetectorRecord, NormalFootage
from stillmotion.anomaly.evaluating import FalseAlarm, FoundFault
from stillmotion.anomaly.faults import FAULTS
from stillmotion.anomaly.frame_scores import CellScales
from stillmotion.anomaly.memory import Memory
from stillmotion.anomaly.promise import HeldOut, Threshold
from stillmotion.anomaly.simulated_faults import Picture, SimulatedFault
from stillmotion.anomaly.truth import TrueFault
from stillmotion.errors import UsageError
from stillmotion.reports import write_anomaly_report
from stillmotion.reports.anomaly_pictures import heat_cells, picture_figures

ONE = np.ones(1, np.float32)
NAME = "<script>alert(1)</script>.mp4"


@pytest.fixture(scope="module")
def detector() -> Detector:
    footage = NormalFootage(("a.mp4",) * 20, ("",) * 20, "group", HeldOut(20, 1, 1 / 3))
    thresholds = {"look": Threshold(1.0, 0.5, 0), "motion": Threshold(1.0, 0.5, 0)}
    record = DetectorRecord("efficientnet-lite0", 8.0, "1/hour", 1.0, footage, thresholds)  # type: ignore[arg-type]
    return Detector(Path("detector"), record, Memory(ONE, ONE, ONE, ONE), CellScales(ONE, 1.0, ONE))


def picture(seed: int) -> Picture:
    buffer = BytesIO()
    rng = np.random.default_rng(seed)
    Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(buffer, "WEBP")
    image = b64encode(buffer.getvalue()).decode()
    heat = tuple(rng.uniform(0, 3, 49).round(2).tolist())
    return Picture(image, image, heat, heat, (0.2, 0.3, 0.4, 0.6))


@pytest.fixture(scope="module")
def simulation() -> FaultSimulation:
    """Look finds faults of look, motion finds the others; the weakest of each is missed."""
    faults = []
    for name, fault in FAULTS.items():
        for place, strength in enumerate(fault.strengths):
            for recording in range(10):
                look = 0.5 if fault.kind == "look" and place else None
                motion = 1.2 if fault.kind != "look" and place else None
                delays = [delay for delay in (look, motion) if delay is not None]
                faults.append(
                    SimulatedFault(
                        name, strength, NAME, str(recording), 3.0, 6.0, min(delays, default=None), look, motion,
                        1.5 if look else 0.4, 1.5 if motion else 0.4,
                        bool(recording % 2) if look else None,
                        picture(place) if recording == 0 else None,
                    )
                )  # fmt: skip
    return FaultSimulation("detector", "1/hour", 1 / 3, 5.7, 0, 10, tuple(faults), ("b.mp4: shorter than 7 seconds",))


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> DetectorEvaluation:
    file = write_video(tmp_path_factory.mktemp("videos") / "test.mp4", np.full((80, 48, 64, 3), 90, np.uint8), rate=8)
    alarm = Alarm(3.0, 3.5, 5.0, "motion", 2.0)
    stop, jam = TrueFault(3.0, 5.0, "stop"), TrueFault(7.0, 9.0, "<b>jam</b>")
    seconds = tuple(np.arange(1, 81) / 8)
    level = tuple(np.where((np.array(seconds) > 3) & (np.array(seconds) < 5), 2.0, 0.2).tolist())
    low = tuple([0.1] * 80)
    return DetectorEvaluation(
        (FoundFault("one.mp4", stop, alarm, 0.5), FoundFault("two.mp4", jam, None, None)),
        (FalseAlarm("three.mp4", alarm),),
        1,
        0.5,
        (0.5, 0.1, 0.9),
        {"look or motion": Curve(0.9, 0.85, None, (0.8, 0.95)), "frame number": Curve(0.5, 0.5, 0.5, (0.4, 0.6))},
        ("broken.mp4: broken",),
        (
            LevelTimeline("one.mp4", str(file), seconds, low, level, (stop,), (alarm,), cycle=low),
            LevelTimeline("two.mp4", str(file), seconds, low, low, (jam,), ()),
            LevelTimeline("three.mp4", "moved.mp4", seconds, low, level, (), (alarm,)),
        ),
    )


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
    assert "It takes" in page and "119 recordings or groups" in page
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
    bare = write_anomaly_report(detector, tmp_path / "bare.html", evaluation=evaluation, pictures=False).read_text()
    assert "data:image/webp" not in bare


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
