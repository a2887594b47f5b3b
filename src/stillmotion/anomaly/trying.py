"""Score scenes with and without a fault, exactly as a stream is scored."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from math import isqrt
from typing import Any

import numpy as np
from PIL import Image

from stillmotion.anomaly.alarms import Alarm, AlarmFinder, Level
from stillmotion.anomaly.detector import Detector, Kind
from stillmotion.anomaly.faults.scene import FaultyScene, Scene, as_recorded
from stillmotion.anomaly.measuring import Floats, FrameMeasurer, MeasuredFrame, Measures
from stillmotion.anomaly.memory import Memory, MotionStack
from stillmotion.anomaly.scoring import Score, score_measures
from stillmotion.anomaly.simulated_faults import Picture
from stillmotion.anomaly.truth import TrueFault, overlaps
from stillmotion.decoding import Images

PICTURE_SIDE = 176


class FaultTrial:
    """Scores scenes for a detector, with the memories that have not seen them.

    Args:
        detector: the detector.
    """

    def __init__(self, detector: Detector) -> None:
        self.detector, self.measurer = detector, detector.measurer()
        self.side, self.rate = self.measurer.side, detector.record.rate
        self._folds: dict[int | None, Detector] = {None: detector}

    def begin(self, scene: Scene, fold: int | None) -> TriedScene:
        """Take a scene.

        Args:
            scene: the scene.
            fold: which memory has not seen it; None for the whole one.

        Returns:
            What tries faults in it.
        """
        if fold not in self._folds:
            assert fold is not None
            self._folds[fold] = self.detector.without_fold(fold)
        return TriedScene(self._folds[fold], self.detector.measurer(), scene)


class _LookMemory(Memory):
    """A memory that computes the distances of the same look once: most frames of a scene are shown with each fault."""

    def look_distances(self, measures: Measures) -> tuple[Floats, float]:
        kept: dict[int, tuple[Floats, tuple[Floats, float]]] = self.__dict__.setdefault("kept", {})
        key = id(measures.patches)
        if key not in kept:
            # The array is kept, too, so that no other gets its address.
            kept[key] = measures.patches, super().look_distances(measures)
        return kept[key][1]


class TriedScene:
    """Tries faults in a scene. What is the same with each fault is measured once.

    Args:
        detector: with a memory that has not seen the scene.
        measurer: of the detector.
        scene: the scene.
    """

    def __init__(self, detector: Detector, measurer: FrameMeasurer, scene: Scene) -> None:
        known = detector.memory
        memory = _LookMemory(known.patches, known.top, known.motion, known.motion_scale)
        self.detector, self.scene = replace(detector, memory=memory), scene
        self._measurer = measurer
        self._looks: dict[int, tuple[Floats, Floats]] = {}
        scores, _ = self._score(as_recorded(scene))
        self.alarms_as_recorded = tuple(score.ended for score in scores if score.ended)

    def outcome(self, made: FaultyScene) -> dict[str, Any]:
        """What becomes of a fault.

        Args:
            made: the scene with the fault.

        Returns:
            The fields of a `SimulatedFault` that tell it.
        """
        scores, measures = self._score(made)
        offset = made.times[0] - 0.5 / self.scene.rate
        truth = TrueFault(made.start_seconds - offset, made.end_seconds - offset, "")
        first = _first([score.ended for score in scores if score.ended], truth)
        look, motion = (_first(self._alarms_by(scores, kind), truth) for kind in ("look", "motion"))
        during = [n for n, score in enumerate(scores) if truth.start_seconds <= score.seconds <= truth.end_seconds + 1]
        # To look at: where the fault is in the picture, if it is somewhere.
        worst = max([n for n in during if n in made.boxes] or during, key=lambda number: scores[number].level)
        return {
            "delay_seconds": _delay(first, truth),
            "look_delay_seconds": _delay(look, truth),
            "motion_delay_seconds": _delay(motion, truth),
            "look_peak": round(float(max(scores[number].look for number in during)), 3),
            "motion_peak": round(float(max(max(scores[number].motion, scores[number].cycle) for number in during)), 3),
            "located": is_located(first, made, offset, isqrt(len(self.detector.memory.motion))),
            "picture": self._picture(made, measures, worst),
        }

    def _score(self, made: FaultyScene) -> tuple[list[Score], list[Measures]]:
        """The scores of a scene, as if it were a recording of its own."""
        measures = []
        for slot, number in enumerate(made.shown.tolist()):
            image = made.changed.get(slot, self.scene.images[number])
            if slot in made.changed and not made.only_noise:
                look = self._measurer.look(image)
            else:
                if number not in self._looks:
                    self._looks[number] = self._measurer.look(self.scene.images[number])
                look = self._looks[number]
            flow = self._measurer.movement(image, starts=slot == 0)
            measures.append(Measures((slot + 1) / self.scene.rate, slot == 0, *look, flow))
        frames = (MeasuredFrame(None, measured) for measured in measures)
        return list(score_measures(self.detector, frames)), measures

    def _alarms_by(self, scores: Sequence[Score], kind: Kind) -> list[Alarm]:
        """The alarms if only look, or only motion and cycle, counted."""
        finder, alarms = AlarmFinder(self.scene.rate), []
        for score in scores:
            values = {"look": score.look} if kind == "look" else {"motion": score.motion, "cycle": score.cycle}
            alarms.append(
                finder.push(score.seconds, [Level(value, name, score.cell) for name, value in values.items()])[1]
            )
        return [alarm for alarm in (*alarms, finder.flush()) if alarm]

    def _picture(self, made: FaultyScene, measures: Sequence[Measures], slot: int) -> Picture:
        """The frame at which a fault is most unusual, with and without it."""
        stack = MotionStack(self.scene.rate)
        stacked = [stack.push(measured) for measured in measures[: slot + 1]]
        distances = self.detector.memory.distances(measures[slot], stacked[-1])
        scales = self.detector.scales
        motion = distances.motion if distances.motion is not None else np.zeros_like(scales.motion)
        faulty = made.changed.get(slot, self.scene.images[made.shown[slot]])
        normal = self.scene.images[self.scene.shown_at(made.times[slot : slot + 1])[0]]
        return Picture(
            _webp(normal),
            _webp(faulty),
            tuple(round(float(value), 2) for value in distances.patches / scales.patches),
            tuple(round(float(value), 2) for value in motion / scales.motion),
            made.boxes.get(slot),
        )


def is_located(alarm: Alarm | None, made: FaultyScene, offset: float, side: int) -> bool | None:
    """Whether an alarm's cell is in a fault or next to it, at any time that the alarm looks back on.

    Args:
        alarm: the alarm; None if there is none.
        made: the scene with the fault.
        offset: when in the scene the time of the alarm begins.
        side: rows and columns of cells.

    Returns:
        None if there is no alarm, or the fault is everywhere.
    """
    if alarm is None or not made.boxes:
        return None
    row, column = alarm.cell
    since, until = alarm.start_seconds + offset - 1.0, (alarm.end_seconds or alarm.raised_seconds) + offset
    for slot, (top, left, bottom, right) in made.boxes.items():
        # Next to it: the box touches the cell or one of its neighbors.
        rows = top * side < row + 2 and bottom * side > row - 1
        columns = left * side < column + 2 and right * side > column - 1
        if since <= made.times[slot] <= until and rows and columns:
            return True
    return False


def _first(alarms: Sequence[Alarm], fault: TrueFault) -> Alarm | None:
    return next((alarm for alarm in alarms if overlaps(alarm, fault)), None)


def _delay(alarm: Alarm | None, fault: TrueFault) -> float | None:
    return None if alarm is None else round(max(0.0, float(alarm.raised_seconds - fault.start_seconds)), 3)


def _webp(image: Images) -> str:
    buffer = BytesIO()
    small = Image.fromarray(image)
    small.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
    small.save(buffer, "WEBP", quality=70, method=4)
    return b64encode(buffer.getvalue()).decode("ascii")
