"""Frames and scores of an imagined camera, whose alarms are known, for tests without a model."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from av.video.frame import VideoFrame

from stillmotion.anomaly.alarms import AlarmFinder, Level
from stillmotion.anomaly.detector import Detector, DetectorRecord, NormalFootage
from stillmotion.anomaly.frame_scores import CellScales
from stillmotion.anomaly.memory import Memory
from stillmotion.anomaly.promise import HeldOut, Threshold
from stillmotion.anomaly.scoring import Score
from stillmotion.decoding.prefetch import SourceFrame

RATE = 8


def make_detector(folder: Path = Path("lines/detector")) -> Detector:
    one = np.ones(1, np.float32)
    footage = NormalFootage(("a.mp4",), ("",), "group", HeldOut(23, 1, 23 / 12))
    thresholds: Any = {"look": Threshold(1.0, 0.5, 0), "motion": Threshold(1.0, 0.5, 0)}
    record = DetectorRecord("efficientnet-lite0", RATE, "1/hour", 1.0, footage, thresholds)
    return Detector(folder, record, Memory(one, one, one, one), CellScales(one, 1.0, one))


def make_frame(seconds: float, *, height: int = 48, width: int = 64, starts: bool = False) -> SourceFrame:
    """A gray frame, brighter and brighter, so that its time can be read from it."""
    level = np.full((height, width, 3), round(4 * seconds) % 250, np.uint8)
    frame = VideoFrame.from_ndarray(level, format="rgb24").reformat(format="yuv420p")
    frame.pts, frame.time_base = round(1000 * seconds), Fraction(1, 1000)
    return SourceFrame(seconds, frame, starts, time.monotonic())


def scores_of(levels: Sequence[float], *, kind: str = "motion", cell: tuple[int, int] = (2, 5)) -> Iterator[Score]:
    """The scores of frames with these levels, `1 / RATE` seconds apart, and their alarms."""
    finder = AlarmFinder(RATE)
    cells = np.zeros((7, 7), np.float32)
    cells[cell] = 2.0
    for number, level in enumerate(levels):
        seconds = number / RATE
        raised, ended = finder.push(seconds, (Level(level, kind, cell),))
        if number == len(levels) - 1:
            ended = finder.flush() or ended
        look, motion = (level, 0.0) if kind == "look" else (0.0, level)
        frame = make_frame(seconds)
        yield Score(seconds, level, look, motion, 0.1, cell, raised, ended, frame, in_alarm=finder.open, cells=cells)


def levels_with_alarms(seconds: float, *alarms: tuple[float, float], height: float = 1.5) -> list[float]:
    """Levels of 0, but for alarms from a time to a time."""
    levels = [0.0] * round(seconds * RATE)
    for start, end in alarms:
        levels[round(start * RATE) : round(end * RATE)] = [height] * (round(end * RATE) - round(start * RATE))
    return levels
