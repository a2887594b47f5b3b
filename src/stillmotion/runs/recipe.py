"""All that determines a training, but for the videos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from stillmotion.clips import Augment, ClipSpec
from stillmotion.errors import UsageError

Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]


@dataclass(frozen=True)
class Recipe:
    """How a model is trained. Two trainings of one recipe on the same videos are the same training.

    Attributes:
        family: a name in `stillmotion.models.FAMILIES`.
        options: the family's own, complete with its defaults.
        spec: what a clip is.
        augment: how clips are varied.
        epochs: at most; training ends earlier once the validation loss has not fallen for `patience` epochs.
        batch_size: clips a step.
        learning_rate: at its peak, after a warm-up; it then falls to zero along a cosine.
        weight_decay: of AdamW.
        label_smoothing: share of certainty taken from the true label in training.
        patience: in epochs.
        precision: Keras's dtype policy.
        seed: of weights, of what each epoch draws, of its order.
    """

    family: str
    options: Mapping[str, str | bool] = field(default_factory=dict)
    spec: ClipSpec = ClipSpec()
    augment: Augment = Augment()
    epochs: int = 90
    batch_size: int = 16
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    label_smoothing: float = 0.1
    patience: int = 30
    precision: Precision = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name.replace('_', ' ')} is {getattr(self, name)}; expected 1 or more")
        if self.learning_rate <= 0:
            raise UsageError(f"learning rate is {self.learning_rate:g}; expected a number above 0")
