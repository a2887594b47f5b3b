"""One random draw for all the frames of a clip, so that nothing moves that did not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stillmotion.decoding import Images


@dataclass(frozen=True)
class Augment:
    """How much clips are varied in training.

    `crop` is the largest share of each side that is cut away; `brightness`, `contrast` and `colour` the largest
    relative change, `colour` of each channel on its own, as lamps and white balance change it. `flip` mirrors half
    of the clips; it is off, since it turns left into right.
    """

    crop: float = 0.2
    brightness: float = 0.4
    contrast: float = 0.4
    colour: float = 0.4
    flip: bool = False


NONE = Augment(crop=0.0, brightness=0.0, contrast=0.0, colour=0.0)


def augment(images: Images, how: Augment, rng: np.random.Generator) -> Images:
    """Vary a clip: uint8 `(time, height, width, 3)` to the same shape."""
    from PIL import Image

    _, height, width, _ = images.shape
    if how.crop:
        tall, wide = 1 - rng.uniform(0, how.crop, size=2)
        top, left = rng.uniform(0, 1 - tall) * height, rng.uniform(0, 1 - wide) * width
        box = (left, top, left + wide * width, top + tall * height)
        images = np.stack(
            [np.asarray(Image.fromarray(i).resize((width, height), Image.Resampling.BILINEAR, box)) for i in images]
        )
    if how.brightness or how.contrast or how.colour:
        contrast = 1 + rng.uniform(-how.contrast, how.contrast)
        shift = 128 * rng.uniform(-how.brightness, how.brightness)
        colour = 1 + rng.uniform(-how.colour, how.colour, size=3)
        levels = ((np.arange(256) - 128) * contrast + 128 + shift) * colour[:, None]
        levels = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
        images = np.stack([levels[channel][images[..., channel]] for channel in range(3)], axis=-1)
    if how.flip and rng.random() < 0.5:
        images = images[:, :, ::-1]
    return np.ascontiguousarray(images)
