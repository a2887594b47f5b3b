"""What each label means: the surface of the parts, the run of the belt, the order of the stations.

The belt is a loop, and its phase at the start of a clip is uniform; so is the beat of the stations'
cycle. Hence where the parts lie, and what the stations do, is distributed alike at every instant of a
clip, however the belt runs and whichever station acts first: one frame of `motion` tells nothing.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["look", "motion", "both"]
Surface = Literal["sound", "scratched", "dented"]
Run = Literal["forward", "backward", "fast", "jam"]
Floats = NDArray[np.floating]

SPEEDS = {"forward": 64.0, "backward": -64.0, "fast": 150.0}  # pixels a second, to the right
BEAT_SECONDS = 0.53  # press, lamp and rest take turns


@dataclass(frozen=True)
class Label:
    """What the clips of one label may show; each clip draws one of each."""

    surfaces: tuple[Surface, ...] = ("sound",)
    runs: tuple[Run, ...] = ("forward", "backward")
    lamp_first: tuple[bool, ...] = (False,)


_ANY_ORDER = (False, True)

LABELS: dict[Kind, dict[str, Label]] = {
    "look": {
        "sound": Label(surfaces=("sound",), lamp_first=_ANY_ORDER),
        "scratched": Label(surfaces=("scratched",), lamp_first=_ANY_ORDER),
        "dented": Label(surfaces=("dented",), lamp_first=_ANY_ORDER),
    },
    "motion": {
        "forward": Label(runs=("forward",)),
        "backward": Label(runs=("backward",)),
        "fast": Label(runs=("fast",)),
        "jam": Label(runs=("jam",)),
        "lamp-first": Label(runs=("forward",), lamp_first=(True,)),
    },
    "both": {
        "sound-forward": Label(runs=("forward",), lamp_first=_ANY_ORDER),
        "sound-backward": Label(runs=("backward",), lamp_first=_ANY_ORDER),
        "scratched-forward": Label(("scratched",), ("forward",), _ANY_ORDER),
        "scratched-backward": Label(("scratched",), ("backward",), _ANY_ORDER),
    },
}


def belt_travel(run: Run, seconds: Floats, rng: np.random.Generator) -> Floats:
    """How far the belt has moved to the right since the start, in pixels, at each of `seconds` (time,).

    A jam sticks and slips. It gets as far as a run does, so that a heap of its frames looks like theirs.
    """
    pace = rng.uniform(0.92, 1.08)
    hold, slip, leap = rng.uniform(0.50, 0.62), 0.2, 40.0
    clock = seconds + rng.uniform(0.0, hold + slip)
    if run != "jam":
        return np.asarray(SPEEDS[run] * pace * seconds)
    times, within = np.divmod(clock, hold + slip)
    return np.asarray(leap * pace * (times + np.clip((within - hold) / slip, 0.0, 1.0)))


def station_strokes(lamp_first: bool, seconds: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """How far the press is down and how bright the lamp is, 0 to 1, each (time,).

    A cycle has three beats: one station, the other, rest. A clip starts with any of them, so that at
    every instant each beat is as likely in either order.
    """
    clock = seconds / (BEAT_SECONDS * rng.uniform(0.96, 1.04))
    beat = (np.floor(clock) + rng.integers(3)) % 3
    within = clock % 1.0
    act = np.clip(np.minimum(within, 1.0 - within) / 0.18, 0.0, 1.0)
    press, lamp = (1, 0) if lamp_first else (0, 1)
    return np.where(beat == press, act, 0.0), np.where(beat == lamp, act, 0.0)
