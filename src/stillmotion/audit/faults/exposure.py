"""Brightness and gamma: other exposure, other transfer curve."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stillmotion.audit.faults.fault import Fault, Size, clipped
from stillmotion.audit.resampling import Picture

Exposure = tuple[float, float]  # gain, gamma


def curve(picture: NDArray[Any], setting: Exposure) -> Picture:
    """255 (gain x / 255) ^ gamma, not rounded."""
    gain, gamma = setting
    result: Picture = 255 * np.clip(picture * np.float32(gain / 255), 0, 1) ** np.float32(gamma)
    return result


def _apply(picture: Picture, setting: Exposure, size: Size) -> Picture:
    return picture if setting == (1.0, 1.0) else clipped(curve(picture, setting))


def _words(setting: Exposure) -> str:
    gain, gamma = setting
    said = [f"a gain of {gain:.2f}"] if abs(gain - 1) > 0.005 else []
    said += [f"a gamma of {gamma:.2f}"] if abs(gamma - 1) > 0.005 else []
    return f"have {' and '.join(said)}" if said else "have the file's own brightness"


EXPOSURE = Fault(
    name="gamma or exposure",
    stage="picture",
    normal=(1.0, 1.0),
    strengths=((0.5, 1.0), (0.8, 1.0), (1.25, 1.0), (2.0, 1.0), (1.0, 0.4545), (1.0, 0.8), (1.0, 1.25), (1.0, 2.2)),
    candidates=(),  # fitted
    apply=_apply,
    words=_words,
    cure=lambda video, snapshots: (
        "lock exposure and gamma of the camera, or train with varied brightness: keras.layers.RandomBrightness(0.3)"
    ),
)
