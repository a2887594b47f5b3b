"""What detector.json holds: what a detector was learned from, its thresholds, and what they promise."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from stillmotion.anomaly.cycle import Cycle
from stillmotion.anomaly.promise import HeldOut, Threshold
from stillmotion.anomaly.scene import SceneLimits

Kind = Literal["look", "motion", "cycle"]
# Motion is left out if all recordings are too short for it; the cycle is there only where something repeats.
KINDS: tuple[Kind, ...] = ("look", "motion")


@dataclass(frozen=True)
class HeldOutPart:
    """A part of a recording that was held out as a whole.

    Attributes:
        recording: its number in `NormalFootage.recordings`.
        fold: which memory has not seen it, see `Detector.without_fold`.
        start_seconds: where the part begins in the recording.
        end_seconds: where it ends.
    """

    recording: int
    fold: int
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True)
class NormalFootage:
    """What a detector was learned from.

    Attributes:
        recordings: the files, relative to the footage's folder.
        contents: a hash of each file, by which it is known again.
        held_out_by: "group" (each recording by default), or "stretch" if there was one group only, cut into stretches
            of time. Once recordings of other groups are added, it is "group", and only these are counted.
        held_out: how much thresholds rest on.
        parts: what was held out together; empty in detectors of earlier versions.
        groups: the group of each recording, likewise.
        group: the regular expression that names groups; None for the usual rule.
        acknowledged: hashes of clips of false alarms, which are remembered but change no threshold.
        folders: where the recordings came from: in `fit`, and each other folder from which some were added. "" if it is
            not known.
    """

    recordings: tuple[str, ...]
    contents: tuple[str, ...]
    held_out_by: Literal["group", "stretch"]
    held_out: HeldOut
    parts: tuple[HeldOutPart, ...] = ()
    groups: tuple[str, ...] = ()
    group: str | None = None
    acknowledged: tuple[str, ...] = ()
    folders: tuple[str, ...] = ("",)

    @property
    def hours(self) -> float:
        """Of all recordings."""
        seconds = sum(part.end_seconds - part.start_seconds for part in self.parts)
        return seconds / 3600 if self.parts else self.held_out.hours


@dataclass(frozen=True)
class DetectorRecord:
    """What detector.json holds.

    Attributes:
        backbone: its name, see `stillmotion.models.pretrained`.
        rate: frames per second.
        promise: false alarms, such as "1/hour".
        promise_per_hour: the same per hour.
        footage: what it was learned from.
        thresholds: of each kind of score that is used.
        cycles: what repeats, if anything does.
        cycle_note: what repeats, or why no cycle is used, in a sentence.
        scene: what scores do not exceed for minutes unless the scene has changed; None if there are too few recordings.
        generation: how often footage was added, which names the files of arrays.
        version: of this format.
    """

    backbone: str
    rate: float
    promise: str
    promise_per_hour: float
    footage: NormalFootage
    thresholds: dict[Kind, Threshold] = field(default_factory=dict)
    cycles: tuple[Cycle, ...] = ()
    cycle_note: str = ""
    scene: SceneLimits | None = None
    generation: int = 0
    version: int = 2

    def file(self, name: str) -> str:
        """The name of a file of arrays, such as "memory.npz", in the folder."""
        stem, ending = name.split(".")
        return f"{stem}-{self.generation}.{ending}" if self.generation else name

    @property
    def expected_per_hour(self) -> float:
        """How many stretches of 5 minutes with a false alarm to expect per hour of new footage like this, at most."""
        return sum(self.footage.held_out.expected_per_hour(threshold.alarms) for threshold in self.thresholds.values())

    @property
    def keeps_promise(self) -> bool:
        """Whether there was enough normal footage for the promise."""
        return self.expected_per_hour <= self.promise_per_hour * (1 + 1e-9)

    @property
    def recordings_needed(self) -> int:
        """How many recordings, or groups of them, like these the promise takes, if none of them alarms."""
        return self.footage.held_out.units_needed(self.promise_per_hour / len(self.thresholds))

    @property
    def hours_needed(self) -> float:
        """How many hours of normal footage those are."""
        return self.recordings_needed * self.footage.held_out.hours / self.footage.held_out.units
