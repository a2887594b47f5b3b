"""What became of single faults that were put into normal footage."""

from __future__ import annotations

from dataclasses import dataclass

from stillmotion.anomaly.faults import FAULTS, FaultKind


@dataclass(frozen=True)
class Picture:
    """A simulated fault to look at.

    Attributes:
        normal: WebP, base64: the frame as it was recorded.
        faulty: likewise, the frame with the fault.
        look: how unusual the look of each cell is, row by row: 1 is what normal footage rarely exceeds.
        motion: likewise, of its movement.
        box: where the fault is; upper edge, left, bottom and right in parts of the picture; None if everywhere.
    """

    normal: str
    faulty: str
    look: tuple[float, ...]
    motion: tuple[float, ...]
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class SimulatedFault:
    """What became of a fault that was put into normal footage.

    Attributes:
        fault: its name, see `FAULTS`.
        strength: of that fault.
        recording: into which it was put.
        group: of that recording.
        start_seconds: when it begins in the recording.
        end_seconds: when it ends.
        delay_seconds: until an alarm was raised; None if none was.
        look_delay_seconds: until one would have been raised if only look counted.
        motion_delay_seconds: likewise, if only motion counted.
        look_peak: the highest level of look; an alarm takes 1 or more.
        motion_peak: likewise of motion.
        located: whether the alarm's cell is in the fault or next to it; None if there is none, or it is everywhere.
        picture: to look at, of some.
    """

    fault: str
    strength: str
    recording: str
    group: str
    start_seconds: float
    end_seconds: float
    delay_seconds: float | None
    look_delay_seconds: float | None
    motion_delay_seconds: float | None
    look_peak: float
    motion_peak: float
    located: bool | None = None
    picture: Picture | None = None

    @property
    def kind(self) -> FaultKind:
        """Whether it is of look, motion or sequence."""
        return FAULTS[self.fault].kind
