"""Augmentation of clips in training: one random draw for all frames of a clip, so that no movement is added."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

import numpy as np

from stillmotion.decoding import Images
from stillmotion.errors import UsageError
from stillmotion.files import describe_value


@dataclass(frozen=True)
class Augment:
    """How much clips are varied in training.

    Attributes:
        crop: the largest share of each side that is cropped.
        brightness: the largest shift of all levels, relative to half of their range.
        contrast: the largest relative change of the distance from middle gray.
        color: the largest relative change of each channel on its own, as lamps and white balance cause it.
        flip: whether half of the clips are mirrored. It is off by default, since it turns left into right.

    Raises:
        UsageError: a crop that is not from 0 to below 1, or another amount that is not from 0 to 1.

    Examples:
        >>> sm.make_recipe("conv3d", augment=sm.Augment(crop=0.1, flip=True)).augment.flip
        True
    """

    crop: float = 0.2
    brightness: float = 0.4
    contrast: float = 0.4
    color: float = 0.4
    flip: bool = False

    def __post_init__(self) -> None:
        for name in ("crop", "brightness", "contrast", "color"):
            amount = getattr(self, name)
            # Comparisons with NaN are false, so the condition states what is right.
            if not (isinstance(amount, Real) and 0 <= float(amount) <= 1) or (name == "crop" and amount == 1):
                limit = "below 1" if name == "crop" else "1"
                raise UsageError(f"{name} is {describe_value(amount)}; expected 0 to {limit}")


NO_AUGMENTATION = Augment(crop=0.0, brightness=0.0, contrast=0.0, color=0.0)


def augment(images: Images, how: Augment, rng: np.random.Generator) -> Images:
    """Vary a clip at random, all of its frames alike.

    Args:
        images: uint8 `(time, height, width, 3)`.
        how: how much.
        rng: where the random draws come from.

    Returns:
        uint8, of the same shape.
    """
    from PIL import Image

    # Pillow is called once for all frames, side by side or below each other: calls for each frame take longer than the
    # work.
    frames, height, width, _ = images.shape
    if how.crop:
        kept_height, kept_width = 1 - rng.uniform(0, how.crop, size=2)
        top, left = rng.uniform(0, 1 - kept_height) * height, rng.uniform(0, 1 - kept_width) * width
        column = Image.fromarray(images.reshape(-1, width, 3))
        column = column.resize(
            column.size, Image.Resampling.BILINEAR, (left, 0, left + kept_width * width, column.height)
        )
        images = np.asarray(column).reshape(images.shape)
        row = Image.fromarray(images.swapaxes(0, 1).reshape(height, -1, 3))
        row = row.resize(row.size, Image.Resampling.BILINEAR, (0, top, row.width, top + kept_height * height))
        images = np.asarray(row).reshape(height, frames, width, 3).swapaxes(0, 1)
    if how.brightness or how.contrast or how.color:
        contrast = 1 + rng.uniform(-how.contrast, how.contrast)
        shift = 128 * rng.uniform(-how.brightness, how.brightness)
        color = 1 + rng.uniform(-how.color, how.color, size=3)
        # A table of the 256 levels for each channel is faster than arithmetic on all pixels.
        levels = ((np.arange(256) - 128) * contrast + 128 + shift) * color[:, None]
        levels = np.clip(np.rint(levels), 0, 255).astype(int)
        column = Image.fromarray(images.reshape(-1, width, 3))
        images = np.asarray(column.point(levels.ravel().tolist())).reshape(images.shape)
    if how.flip and rng.random() < 0.5:
        images = images[:, :, ::-1]
    return np.ascontiguousarray(images)
