"""A user's own parts of a training: callbacks, optimizer, loss, weights of labels, augmentation."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from stillmotion.decoding import Images
from stillmotion.errors import UsageError
from stillmotion.files import describe_value
from stillmotion.models.fingerprints import fingerprint, place_of

# A clip, uint8 `(frames, height, width, 3)`, and a random generator -> another clip of the same kind.
Augmentation = Callable[[Images, np.random.Generator], Images]


@dataclass(frozen=True, eq=False)
class OwnParts:
    """What `train` takes in place of the recipe's parts; None is the recipe's.

    Attributes:
        callbacks: called after those that validate and save.
        optimizer: the optimizer. A moving average of its weights is validated and kept, as of ours.
        loss: takes one-hot labels and probabilities.
        class_weights: by label; by default they give every label the same total.
        augmentation: varies a clip.
    """

    callbacks: Sequence[keras.callbacks.Callback] = ()
    optimizer: keras.optimizers.Optimizer | None = None
    loss: keras.losses.Loss | Callable[..., Any] | str | None = None
    class_weights: Mapping[str, float] | None = None
    augmentation: Augmentation | None = None

    def check(self, labels: Sequence[str], *, on_pixels: bool, finetune: bool) -> None:
        """Check the parts, as far as that is possible before the training.

        Raises:
            UsageError: an object of another kind, a label without a weight, or what cannot be combined.
        """
        if self.optimizer is not None and not isinstance(self.optimizer, keras.optimizers.Optimizer):
            raise UsageError(f"optimizer is {describe_value(self.optimizer)}; expected a Keras optimizer")
        if not all(isinstance(callback, keras.callbacks.Callback) for callback in self.callbacks):
            raise UsageError("callbacks holds something else than Keras callbacks")
        try:
            keras.losses.get(self.loss)
        except ValueError:
            raise UsageError(f"no loss {describe_value(self.loss)} in Keras") from None
        if self.class_weights is not None and set(self.class_weights) != set(labels):
            raise UsageError(f"class weights are for {sorted(self.class_weights)}; the labels are {sorted(labels)}")
        if self.augmentation is not None and not on_pixels:
            raise UsageError("augmentation varies pixels, and a head on a frozen backbone sees none")
        if self.optimizer is not None and finetune:
            raise UsageError("fine-tuning has two optimizers: give none of your own")

    def description(self) -> dict[str, str]:
        """What the parts are, in words by which a training is recognized; callbacks change nothing of it."""
        parts = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "callbacks"}
        return {name: _describe(part) for name, part in parts.items() if part is not None}


NO_OWN_PARTS = OwnParts()


def augment_clip(augmentation: Augmentation, clip: Images, rng: np.random.Generator) -> Images:
    """Vary a clip.

    Raises:
        UsageError: the function returned something else than a clip of the same shape and type.
    """
    varied: NDArray[Any] = np.asarray(augmentation(clip, rng))
    if varied.shape != clip.shape or varied.dtype != clip.dtype:
        raise UsageError(
            f"augmentation turned {clip.dtype} of shape {clip.shape} into {varied.dtype} of shape {varied.shape}"
        )
    return varied


def _describe(part: Any) -> str:
    if isinstance(part, str | Mapping):
        return json.dumps(part, sort_keys=True)
    if hasattr(part, "get_config"):
        config = {name: value for name, value in part.get_config().items() if name != "name"}  # Keras counts names up.
        described = json.dumps(config, sort_keys=True, default=str)
        return f"{type(part).__qualname__} {described} #{fingerprint(type(part))}"
    return f"{place_of(part)} #{fingerprint(part)}"
