"""What the page of an anomaly detector shows: a detector, simulated faults and a test, all made by hand."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from pathlib import Path

import numpy as np
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

ONE = np.ones(1, np.float32)
NAME = "<script>alert(1)</script>.mp4"


def make_tested_detector() -> Detector:
    """One that was learned from 20 recordings of a minute."""
    footage = NormalFootage(("a.mp4",) * 20, ("",) * 20, "group", HeldOut(20, 1, 1 / 3))
    thresholds = {"look": Threshold(1.0, 0.5, 0), "motion": Threshold(1.0, 0.5, 0)}
    record = DetectorRecord("efficientnet-lite0", 8.0, "1/hour", 1.0, footage, thresholds)  # type: ignore[arg-type]
    return Detector(Path("detector"), record, Memory(ONE, ONE, ONE, ONE), CellScales(ONE, 1.0, ONE))


def _picture(seed: int) -> Picture:
    buffer = BytesIO()
    rng = np.random.default_rng(seed)
    Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(buffer, "WEBP")
    image = b64encode(buffer.getvalue()).decode()
    heat = tuple(rng.uniform(0, 3, 49).round(2).tolist())
    return Picture(image, image, heat, heat, (0.2, 0.3, 0.4, 0.6))


def make_simulation() -> FaultSimulation:
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
                        _picture(place) if recording == 0 else None,
                    )
                )  # fmt: skip
    return FaultSimulation("detector", "1/hour", 1 / 3, 5.7, 0, 10, tuple(faults), ("b.mp4: shorter than 7 seconds",))


def make_evaluation(folder: Path) -> DetectorEvaluation:
    """A fault that was found, one that was missed, and a false alarm in a recording that was moved since."""
    file = write_video(folder / "test.mp4", np.full((80, 48, 64, 3), 90, np.uint8), rate=8)
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
