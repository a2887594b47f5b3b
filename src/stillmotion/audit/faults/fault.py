"""What a fault is: one stage between a video and a model that two pipelines can have set differently.

There is one class for each stage, which says what `apply` turns into what. A path from a video to a model is a
`PathSettings`: the setting of every fault, where a healthy path has the normal ones.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from stillmotion.audit.resampling import Picture
from stillmotion.decoding import Images

Setting = TypeVar("Setting", bound=Hashable)
Size = tuple[int, int]  # height, width
Times = NDArray[np.float64]
NEIGHBORS = 6  # frames on each side that a fault of neighboring frames may look at


@dataclass(frozen=True, eq=False)
class FrameContext:
    """A frame of a video with the frames around it.

    Attributes:
        frames: uint8 RGB `(n, height, width, 3)`, successive frames of the file, upright.
        center: index of the frame itself.
        seconds: float64 `(n,)`, the time of each frame.
    """

    frames: Images
    center: int
    seconds: Times

    @property
    def picture(self) -> Images:
        """The frame itself, uint8 `(height, width, 3)`."""
        picture: Images = self.frames[self.center]
        return picture


class FaultEvidence(Protocol):
    """What a fault may look at when it proposes settings that could explain a difference."""

    @property
    def observed(self) -> Sequence[Picture]:
        """Pictures as they were seen, float32 `(height, width, 3)`, 0 to 255, all of `size`."""

    @property
    def size(self) -> Size:
        """Height and width of the observed pictures."""

    @property
    def resized(self) -> bool:
        """Whether that size differs from the size that the frames have in the video."""

    @property
    def file_known(self) -> bool:
        """Whether the files of the pictures say how they were compressed."""

    def rendered_without(self, fault: Fault[Any]) -> list[Picture]:
        """The frames of the pictures by the settings found so far, with this fault at its normal setting."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Fault(Generic[Setting]):
    """One way in which two paths from a video to a model can differ. Use the class of its stage.

    Attributes:
        id: its stable name in code and in audit.json; the name of its module.
        name: its name for readers.
        normal: the setting of a healthy path.
        strengths: the settings that the sensitivity table tries.
        label: a setting in one or two words, for tables: `"BGR"`.
        describe: a setting as a predicate of pictures: `"are BGR"`.
        fix: (the video's setting, the snapshots' setting) -> code or advice that makes the video's path do what the
            snapshots' path does.
        candidates: the settings that are tried, one after the other, to explain a difference. Empty for faults that
            are estimated elsewhere (by matching, or jointly by `colors`) or not at all.
        propose: (evidence, current setting) -> settings to try, in place of `candidates`.
        expensive: whether it is slow, so that it is tried on few pictures, and only where nothing else helps.
    """

    id: str
    name: str
    normal: Setting
    strengths: tuple[Setting, ...]
    label: Callable[[Setting], str]
    describe: Callable[[Setting], str]
    fix: Callable[[Setting, Setting], str]
    candidates: tuple[Setting, ...] = ()
    propose: Callable[[FaultEvidence, Setting], Iterable[Setting]] | None = None
    expensive: bool = False

    def proposals(self, evidence: FaultEvidence, current: Setting) -> Iterable[Setting]:
        """The settings to try next as an explanation of the evidence."""
        if self.propose is not None:
            return self.propose(evidence, current)
        return self.candidates if current == self.normal else ()


@dataclass(frozen=True, kw_only=True, eq=False)
class ClipFault(Fault[Setting]):
    """A fault of where and how fast a clip is sampled. `apply` turns the times of its frames into other times."""

    apply: Callable[[Times, Setting], Times]


@dataclass(frozen=True, kw_only=True, eq=False)
class FrameFault(Fault[Setting]):
    """A fault of time. `apply` changes which frame is taken, or mixes it with its neighbors.

    Attributes:
        neighbors: how many frames on each side a setting needs.
        blends: whether it mixes frames, so that the best match may be one frame off.
    """

    apply: Callable[[FrameContext, Setting], FrameContext]
    neighbors: Callable[[Setting], int] = lambda setting: NEIGHBORS
    blends: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class PictureFault(Fault[Setting]):
    """A fault of colors or orientation. `apply` turns a picture at the video's size into another one."""

    apply: Callable[[Picture, Setting], Picture]


@dataclass(frozen=True, kw_only=True, eq=False)
class SizeFault(Fault[Setting]):
    """A fault on the way to the model's size. `apply` takes that size too. A new one must also be added to
    `render_picture`."""

    apply: Callable[[Picture, Setting, Size], Picture]


@dataclass(frozen=True, kw_only=True, eq=False)
class FileFault(Fault[Setting]):
    """A fault of storing a picture as a file. `apply` gives the picture as it is read back."""

    apply: Callable[[Picture, Setting], Picture]


@dataclass(frozen=True, kw_only=True, eq=False)
class ValueFault(Fault[Setting]):
    """A fault of numbers. `apply` turns levels of 0 to 255 into the numbers that the model gets."""

    apply: Callable[[Picture, Setting], Picture]


@dataclass(frozen=True)
class PathSettings:
    """How a path from a video to a model is set: `settings[FAULT]` is a fault's setting, normal unless chosen."""

    _chosen: Mapping[str, Hashable] = field(default_factory=dict)

    def __getitem__(self, fault: Fault[Setting]) -> Setting:
        setting: Any = self._chosen.get(fault.id, fault.normal)
        return setting  # type: ignore[no-any-return]

    def having(self, fault: Fault[Setting], setting: Setting) -> PathSettings:
        """The same settings, but for one fault."""
        chosen = {name: value for name, value in self._chosen.items() if name != fault.id}
        return PathSettings(chosen if setting == fault.normal else chosen | {fault.id: setting})

    def without(self, *faults: Fault[Any]) -> PathSettings:
        """The same settings, with these faults back to normal."""
        ids = {fault.id for fault in faults}
        return PathSettings({name: value for name, value in self._chosen.items() if name not in ids})

    def has(self, fault: Fault[Any]) -> bool:
        """Whether the fault's setting is not the normal one."""
        return fault.id in self._chosen


def to_levels(picture: NDArray[Any]) -> Picture:
    """Round to whole levels of 0 to 255."""
    levels: Picture = np.clip(np.rint(picture), 0, 255).astype(np.float32)
    return levels
