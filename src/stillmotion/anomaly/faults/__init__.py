"""Faults that are made from normal footage. A fault is a function and its row in `FAULTS`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from stillmotion.anomaly.faults import look, motion, sequence
from stillmotion.anomaly.faults.scene import FaultyScene, Scene, as_recorded

FaultKind = Literal["look", "motion", "sequence"]
MakeFault = Callable[[Scene, float, np.random.Generator], FaultyScene | None]


@dataclass(frozen=True)
class FaultRecipe:
    """A kind of fault that can be put into normal footage.

    Attributes:
        name: what it is called.
        kind: what is wrong: how something looks, how it moves, or what happens when.
        make: puts it into a scene at a strength; returns None where it cannot be made.
        strengths: from weak to strong, with their names.
    """

    name: str
    kind: FaultKind
    make: MakeFault
    strengths: dict[str, float]


_SECONDS = {"for 1 s": 1.0, "for 2 s": 2.0, "for 4 s": 4.0}
_SIZES = {"4 % of the picture's side": 0.04, "8 %": 0.08, "16 %": 0.16}
_DISTANCES = {"by 2 % of the picture's side": 0.02, "by 4 %": 0.04, "by 8 %": 0.08}
_OPACITIES = {"faint": 0.25, "visible": 0.5, "strong": 0.8}

_ALL = (
    FaultRecipe("stop", "motion", motion.stop, _SECONDS),
    FaultRecipe("stutter", "motion", motion.stutter, {"halts 30 % of the time": 0.3, "50 %": 0.5, "70 %": 0.7}),
    FaultRecipe("reverse", "motion", motion.reverse, {"for 0.5 s": 0.5, "for 1 s": 1.0, "for 2 s": 2.0}),
    FaultRecipe("faster", "motion", motion.change_speed, {"1.1 times": 1.1, "1.3 times": 1.3, "2 times": 2.0}),
    FaultRecipe("slower", "motion", motion.change_speed, {"0.9 times": 0.9, "0.75 times": 0.75, "0.5 times": 0.5}),
    FaultRecipe("skipped step", "sequence", sequence.skip_step, {"one": 1, "two in a row": 2}),
    FaultRecipe("swapped steps", "sequence", sequence.swap_steps, {"two stations": 1}),
    FaultRecipe("late step", "sequence", sequence.delay_step, {"by 0.3 s": 0.3, "by 0.6 s": 0.6, "by 1.2 s": 1.2}),
    FaultRecipe("part missing", "look", look.remove_part, _SIZES),
    FaultRecipe("part added", "look", look.add_part, _SIZES),
    FaultRecipe("part misplaced", "look", look.move_part, _DISTANCES),
    FaultRecipe("part turned", "look", look.turn_part, {"by 10°": 10.0, "by 30°": 30.0, "by 90°": 90.0}),
    FaultRecipe("scratch", "look", look.scratch, _SIZES),
    FaultRecipe("color change", "look", look.change_color, {"8 levels": 8.0, "16 levels": 16.0, "32 levels": 32.0}),
    FaultRecipe("leak", "look", look.leak, _OPACITIES),
    FaultRecipe("smoke", "look", look.smoke, _OPACITIES),
)
FAULTS: dict[str, FaultRecipe] = {fault.name: fault for fault in _ALL}

__all__ = ["FAULTS", "FaultRecipe", "FaultKind", "FaultyScene", "Scene", "as_recorded"]
