"""Pictures that were seen, each with the frame that it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stillmotion.audit.faults import FrameContext, Size
from stillmotion.audit.faults.jpeg import Jpeg
from stillmotion.audit.frame_search import Match
from stillmotion.audit.resampling import Picture


@dataclass(frozen=True, eq=False)
class Observation:
    """A picture that was seen, and the frame that it shows.

    Attributes:
        levels: float32 `(height, width, 3)`, 0 to 255, in the channel order seen.
        match: the frame.
        jpeg: how its file was compressed; None if the file does not say.
    """

    levels: Picture
    match: Match
    jpeg: Jpeg | None = None

    @property
    def size(self) -> Size:
        """Height and width."""
        return self.levels.shape[0], self.levels.shape[1]

    def context(self, radius: int = 0) -> FrameContext:
        """Its frame, with frames around it."""
        return self.match.video.context(self.match.index, radius)

    @property
    def resized(self) -> bool:
        """Whether its size differs from the size that what it shows has in the video."""
        facts = self.match.video.facts
        height, width = (facts.height, facts.width)[:: -1 if self.match.orientation[0] % 2 else 1]
        left, top, right, bottom, _ = self.match.box
        unresized = round((bottom - top) * height), round((right - left) * width)
        return max(abs(unresized[0] - self.size[0]), abs(unresized[1] - self.size[1])) > 1


def group_alike(observations: Sequence[Observation]) -> list[list[int]]:
    """Group observations that came the same way: of one size, orientation, framing and kind of file and of video.

    Args:
        observations: any.

    Returns:
        For each group, the indexes of its observations.
    """
    groups: dict[object, list[int]] = {}
    for index, observation in enumerate(observations):
        box = tuple(round(side, 2) for side in observation.match.box)
        facts = observation.match.video.facts
        key = (observation.size, observation.match.orientation, box, observation.jpeg, facts.transfer, facts.gamut)
        groups.setdefault(key, []).append(index)
    return list(groups.values())
