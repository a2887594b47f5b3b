"""Pictures that were seen, each with its moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stillmotion.audit.faults import FrameContext, Size
from stillmotion.audit.faults.jpeg import Jpeg
from stillmotion.audit.matching import Match
from stillmotion.audit.resampling import Picture


@dataclass(frozen=True, eq=False)
class Observation:
    """A picture that was seen, and its moment.

    Attributes:
        levels: float32 `(height, width, 3)`, 0 to 255, in the order seen.
        match: its moment.
        jpeg: what its file says, `NONE` if it is no JPEG; None if that is to be found out.
    """

    levels: Picture
    match: Match
    jpeg: Jpeg | None = None

    @property
    def size(self) -> Size:
        """Height and width."""
        return self.levels.shape[0], self.levels.shape[1]

    def shot(self, radius: int = 0) -> FrameContext:
        """Its frame, and those around."""
        return self.match.reel.shot(self.match.index, radius)

    @property
    def resized(self) -> bool:
        """Whether it has another size than what it shows has in the video."""
        facts = self.match.reel.facts
        height, width = (facts.height, facts.width)[:: -1 if self.match.turn[0] % 2 else 1]
        left, top, right, bottom, _ = self.match.box
        seen = round((bottom - top) * height), round((right - left) * width)
        return max(abs(seen[0] - self.size[0]), abs(seen[1] - self.size[1])) > 1


def grouped(sightings: Sequence[Observation]) -> list[list[int]]:
    """Indices of sightings that took one way: of one size, turn, framing and kind of file."""
    groups: dict[object, list[int]] = {}
    for index, one in enumerate(sightings):
        box = tuple(round(side, 2) for side in one.match.box)
        groups.setdefault((one.size, one.match.turn, box, one.jpeg), []).append(index)
    return list(groups.values())
