"""From levels of 0 to 255 to the numbers that a model gets: the range it was trained on, another one, or twice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillmotion.audit.faults.fault import ValueFault
from stillmotion.audit.resampling import Picture
from stillmotion.models.cards import range_factors

Scaling = str | tuple[float, float]  # a name, or a fitted factor and offset

_MEAN, _STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
_CAFFE = np.array([103.939, 116.779, 123.68])
_ONE = np.ones(3)

# Values are levels * factor + offset, by channel in the order given.
SCALINGS: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {
    "0..255": (_ONE, 0 * _ONE),
    "0..1": (_ONE / 255, 0 * _ONE),
    "-1..1": (_ONE / 127.5, -_ONE),
    "ImageNet mean and deviation": (1 / (255 * _STD), -_MEAN / _STD),
    "ImageNet mean of BGR": (_ONE, -_CAFFE),
    "0..1, twice": (_ONE / 255**2, 0 * _ONE),
    "-1..1, twice": (_ONE / 127.5**2, -_ONE / 127.5 - 1),
    "0..1 after -1..1": (_ONE / 127.5 / 255, -_ONE / 255),
    "-1..1 after 0..1": (_ONE / 255 / 127.5, -_ONE),
}
# Names in `SCALINGS` of ranges that a card knows by others.
AUDIT_RANGES = {"torch": "ImageNet mean and deviation", "caffe": "ImageNet mean of BGR"}
LEVELS = "0..255"  # no scaling
TRUNCATED = "0..1, truncated to integers"  # nothing but 0 and 1 is left
_FIXES = {
    "0..255": "give the model levels of 0 to 255: remove '/ 255'",
    "0..1": "frame = frame.astype('float32') / 255",
    "-1..1": "frame = frame.astype('float32') / 127.5 - 1",
    "ImageNet mean and deviation": "frame = keras.applications.imagenet_utils.preprocess_input(frame, mode='torch')",
    "ImageNet mean of BGR": "frame = keras.applications.imagenet_utils.preprocess_input(frame, mode='caffe')",
}


def _apply(picture: Picture, scaling: Scaling) -> Picture:
    if scaling == LEVELS:
        return picture
    if scaling == TRUNCATED:
        return np.floor(picture / 255).astype(np.float32)
    factor, offset = factors(scaling)
    return (picture * factor.astype(np.float32) + offset.astype(np.float32)).astype(np.float32)


def factors(scaling: Scaling) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Factor and offset of a scaling, `(3,)` each; it may be any range LOW..HIGH, too."""
    if isinstance(scaling, str):
        return SCALINGS[scaling] if scaling in SCALINGS else range_factors(scaling)
    return np.full(3, scaling[0]), np.full(3, scaling[1])


def as_levels(values: Picture, scaling: Scaling) -> Picture:
    """Convert scaled values back to levels of 0 to 255."""
    factor, offset = factors(scaling)
    levels: Picture = ((np.asarray(values, np.float64) - offset) / factor).astype(np.float32)
    return levels


def _label(scaling: Scaling) -> str:
    return scaling if isinstance(scaling, str) else f"levels x {scaling[0]:.3g} {scaling[1]:+.3g}"


SCALING: ValueFault[Scaling] = ValueFault(
    id="scaling",
    name="scaling",
    normal=LEVELS,
    strengths=(*SCALINGS, TRUNCATED),
    apply=_apply,
    label=_label,
    describe=lambda scaling: f"are scaled to {_label(scaling)}",
    fix=lambda video, snapshots: _FIXES.get(_label(snapshots), f"scale frames to {_label(snapshots)}"),
)
