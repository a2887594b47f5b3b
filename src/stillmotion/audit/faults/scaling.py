"""From levels of 0 to 255 to the numbers that a model is given: the range it was trained on, another, or twice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stillmotion.audit.faults.fault import Fault, Setting, Size
from stillmotion.audit.resampling import Picture

_MEAN, _STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
_CAFFE = np.array([103.939, 116.779, 123.68])
_ONE = np.ones(3)

# Values are levels * factor + added, by channel in the order given.
SCALES: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {
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
WHOLE_NUMBERS = "0..1 as whole numbers"
_LINES = {
    "0..255": "give the model levels of 0 to 255: leave out '/ 255'",
    "0..1": "frame = frame.astype('float32') / 255",
    "-1..1": "frame = frame.astype('float32') / 127.5 - 1",
    "ImageNet mean and deviation": "frame = keras.applications.imagenet_utils.preprocess_input(frame, mode='torch')",
    "ImageNet mean of BGR": "frame = keras.applications.imagenet_utils.preprocess_input(frame, mode='caffe')",
}


def _apply(picture: Picture, setting: Setting, size: Size) -> NDArray[np.float32]:
    if setting == "0..255":
        return picture
    if setting == WHOLE_NUMBERS:
        return np.floor(picture / 255).astype(np.float32)
    factor, added = factors(setting)
    return (picture * factor.astype(np.float32) + added.astype(np.float32)).astype(np.float32)


def factors(setting: Setting) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Factor and what is added, `(3,)` each; a setting is a name, or such numbers as were fitted."""
    if isinstance(setting, str):
        return SCALES[setting]
    assert isinstance(setting, tuple)
    return np.full(3, setting[0]), np.full(3, setting[1])


def as_levels(values: Picture, scale: Setting) -> Picture:
    """Values of a known range as levels of 0 to 255."""
    factor, added = factors(scale)
    levels: Picture = ((np.asarray(values, np.float64) - added) / factor).astype(np.float32)
    return levels


def _words(setting: Setting) -> str:
    if isinstance(setting, str):
        return f"are scaled to {setting}"
    assert isinstance(setting, tuple)
    return f"are scaled as {setting[0]:.3g} x {setting[1]:+.3g}"


SCALING = Fault(
    name="scaling",
    stage="value",
    normal="0..255",
    strengths=(*SCALES, WHOLE_NUMBERS),
    candidates=(*SCALES, WHOLE_NUMBERS),
    apply=_apply,
    words=_words,
    cure=lambda video, snapshots: _LINES.get(str(snapshots), f"scale frames as the snapshots are: {snapshots}"),
    yields=lambda setting: _words(setting).removeprefix("are scaled to ").removeprefix("are scaled as "),
)
