"""What each label means: the surface of the parts, the movement of the belt, the order of the stations.

The belt is a loop, and its phase at the start of a clip is uniform; so is the beat of the stations' cycle. So the
positions of the parts and the states of the stations have the same distribution at every instant of a clip, however the
belt moves and whichever station acts first: a single frame of `motion` does not depend on the label.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["look", "motion", "both"]
Surface = Literal["sound", "scratched", "dented"]
BeltMotion = Literal["forward", "backward", "fast", "jam"]
Floats = NDArray[np.float64]

SPEEDS: dict[BeltMotion, float] = {"forward": 64.0, "backward": -64.0, "fast": 150.0}  # pixels per second, to the right
BEAT_SECONDS = 0.53  # press, lamp and rest take turns


@dataclass(frozen=True)
class Label:
    """What the clips of one label may show. Each clip draws one of each.

    Attributes:
        surfaces: of the parts.
        motions: of the belt.
        lamp_first: whether the lamp acts before the press.
    """

    surfaces: tuple[Surface, ...] = ("sound",)
    motions: tuple[BeltMotion, ...] = ("forward", "backward")
    lamp_first: tuple[bool, ...] = (False,)


_ANY_ORDER = (False, True)

LABELS: dict[Kind, dict[str, Label]] = {
    "look": {
        "sound": Label(surfaces=("sound",), lamp_first=_ANY_ORDER),
        "scratched": Label(surfaces=("scratched",), lamp_first=_ANY_ORDER),
        "dented": Label(surfaces=("dented",), lamp_first=_ANY_ORDER),
    },
    "motion": {
        "forward": Label(motions=("forward",)),
        "backward": Label(motions=("backward",)),
        "fast": Label(motions=("fast",)),
        "jam": Label(motions=("jam",)),
        "lamp-first": Label(motions=("forward",), lamp_first=(True,)),
    },
    "both": {
        "sound-forward": Label(motions=("forward",), lamp_first=_ANY_ORDER),
        "sound-backward": Label(motions=("backward",), lamp_first=_ANY_ORDER),
        "scratched-forward": Label(("scratched",), ("forward",), _ANY_ORDER),
        "scratched-backward": Label(("scratched",), ("backward",), _ANY_ORDER),
    },
}


def belt_travel(motion: BeltMotion, seconds: Floats, rng: np.random.Generator) -> Floats:
    """Compute how far the belt has moved to the right since the start of a clip.

    In a jam it sticks and slips, and gets about as far as in a steady run, so that the frames of a jam, in any order,
    look like those of a steady run.

    Args:
        motion: of the belt.
        seconds: `(time,)` since the start of the clip.
        rng: where the random draws come from.

    Returns:
        `(time,)` pixels of the video.
    """
    pace = rng.uniform(0.92, 1.08)
    hold, slip, leap = rng.uniform(0.50, 0.62), 0.2, 40.0
    clock = seconds + rng.uniform(0.0, hold + slip)
    if motion != "jam":
        return np.asarray(SPEEDS[motion] * pace * seconds)
    times, within = np.divmod(clock, hold + slip)
    return np.asarray(leap * pace * (times + np.clip((within - hold) / slip, 0.0, 1.0)))


def station_strokes(lamp_first: bool, seconds: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Compute the states of the stations.

    A cycle has three beats: one station acts, then the other, then neither. A clip starts with any of them, so that at
    every instant each beat is equally likely in either order.

    Args:
        lamp_first: whether the lamp acts before the press.
        seconds: `(time,)` since the start of the clip.
        rng: where the random draws come from.

    Returns:
        How far the press is down and how bright the lamp is, both `(time,)`, 0 to 1.
    """
    clock = seconds / (BEAT_SECONDS * rng.uniform(0.96, 1.04))
    beat = (np.floor(clock) + rng.integers(3)) % 3
    within = clock % 1.0
    act = np.clip(np.minimum(within, 1.0 - within) / 0.18, 0.0, 1.0)
    press, lamp = (1, 0) if lamp_first else (0, 1)
    return np.where(beat == press, act, 0.0), np.where(beat == lamp, act, 0.0)
