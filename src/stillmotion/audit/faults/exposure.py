"""Brightness and gamma: another exposure, another transfer curve."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from stillmotion.audit.faults.fault import FaultEvidence, PictureFault, to_levels
from stillmotion.audit.resampling import Picture

Exposure = tuple[float, float]  # gain, gamma
NORMAL: Exposure = (1.0, 1.0)


def apply_curve(picture: NDArray[Any], exposure: Exposure) -> Picture:
    """255 (gain x / 255) ^ gamma, not rounded."""
    gain, gamma = exposure
    curved: Picture = 255 * np.clip(picture * np.float32(gain / 255), 0, 1) ** np.float32(gamma)
    return curved


def fit_exposure(rendered: NDArray[Any], observed: NDArray[Any]) -> Exposure:
    """Fit gain and gamma by least squares.

    Pass levels in sorted order (`sorted_levels`): then noise and blur, which would draw a fit of pixels towards the
    mean, do not matter.

    Args:
        rendered: levels without the exposure, `(n, 3)`.
        observed: the levels that belong to them, `(n, 3)`.

    Returns:
        Gain and gamma, to two decimals.
    """

    def squared_error(logarithms: NDArray[np.float64]) -> float:
        gain, gamma = np.exp(logarithms)
        return float(((apply_curve(rendered, (float(gain), float(gamma))) - observed) ** 2).mean())

    start = np.array([[0.0, 0.0], [0.4, 0.0], [0.0, 0.4]])
    fit = minimize(
        squared_error,
        start[0],
        method="Nelder-Mead",
        options={"maxfev": 200, "xatol": 1e-3, "fatol": 1e-3, "initial_simplex": start},
    )
    gain, gamma = np.exp(np.clip(fit.x, -2.5, 2.5))
    return round(float(gain), 2), round(float(gamma), 2)


def sorted_levels(picture: Picture) -> NDArray[np.float64]:
    """The picture's levels in order, thinned out: `(400, 3)`."""
    flat = np.sort(picture.reshape(-1, 3), axis=0)
    levels: NDArray[np.float64] = flat[np.linspace(0, len(flat) - 1, 400).astype(int)].astype(np.float64)
    return levels


def _apply(picture: Picture, exposure: Exposure) -> Picture:
    return picture if exposure == NORMAL else to_levels(apply_curve(picture, exposure))


def _propose(evidence: FaultEvidence, current: Exposure) -> Iterator[Exposure]:
    """The normal setting, and the one that fits the pictures best, given the other settings found so far."""
    if current != NORMAL:
        yield NORMAL
    fitted = fit_exposure(
        np.concatenate([sorted_levels(picture) for picture in evidence.rendered_without(EXPOSURE)]),
        np.concatenate([sorted_levels(picture) for picture in evidence.observed]),
    )
    if fitted not in (NORMAL, current):
        yield fitted


def _label(exposure: Exposure) -> str:
    gain, gamma = exposure
    parts = [f"gain {gain:.2f}"] if abs(gain - 1) > 0.005 else []
    parts += [f"gamma {gamma:.2f}"] if abs(gamma - 1) > 0.005 else []
    return ", ".join(parts) or "unchanged"


def _describe(exposure: Exposure) -> str:
    if _label(exposure) == _label(NORMAL):
        return "have the brightness of the video file"
    return f"have a different brightness ({_label(exposure)})"


EXPOSURE: PictureFault[Exposure] = PictureFault(
    id="exposure",
    name="gamma or exposure",
    normal=NORMAL,
    strengths=((0.5, 1.0), (0.8, 1.0), (1.25, 1.0), (2.0, 1.0), (1.0, 0.4545), (1.0, 0.8), (1.0, 1.25), (1.0, 2.2)),
    propose=_propose,
    apply=_apply,
    label=_label,
    describe=_describe,
    fix=lambda video, snapshots: (
        "lock exposure and gamma of the camera, or train with varied brightness: keras.layers.RandomBrightness(0.3)"
    ),
)
