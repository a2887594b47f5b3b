"""Everything that determines a training, except the videos."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from stillmotion.clips import Augment, ClipSpec
from stillmotion.errors import UsageError

Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]


@dataclass(frozen=True)
class Recipe:
    """How a model is trained. Two trainings with the same recipe and the same videos are the same training.

    Attributes:
        family: a name in `stillmotion.FAMILIES`.
        options: the family's own options, complete with defaults.
        spec: what a clip is.
        augment: how clips are varied.
        epochs: maximum number of epochs.
        batch_size: clips per step.
        learning_rate: its peak, reached after a warm-up; it then falls to zero along a cosine.
        weight_decay: AdamW's.
        label_smoothing: how much of the true label's probability is spread over all labels in training, from 0 to 1.
        patience: training stops after this many epochs without a lower validation loss.
        precision: Keras's dtype policy. With float32, training may still multiply in less (TF32, bfloat16).
        finetune: whether the last stages of a pretrained backbone are trained, too, once its head is.
        seed: random seed for the weights, the order of clips, and what is drawn from each video.

    Raises:
        UsageError: `epochs`, `batch_size` or `patience` below 1, a learning rate that is not a finite number above 0, a
            weight decay that is not a finite number of 0 or more, a framing other than "stretch", or an unknown
            precision.
    """

    family: str
    options: Mapping[str, str | bool] = field(default_factory=dict)
    spec: ClipSpec = ClipSpec()
    augment: Augment = Augment()
    epochs: int = 60
    batch_size: int = 16
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    label_smoothing: float = 0.1
    patience: int = 20
    precision: Precision = "float32"
    finetune: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name.replace('_', ' ')} is {getattr(self, name)}; expected 1 or more")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise UsageError(f"learning rate is {self.learning_rate:g}; expected a finite number above 0")
        if not (math.isfinite(self.weight_decay) and self.weight_decay >= 0):
            raise UsageError(f"weight decay is {self.weight_decay:g}; expected a finite number of 0 or more")
        if self.spec.framing != "stretch":
            raise UsageError(f"framing is {self.spec.framing!r}; a training stretches frames to their size")
        if self.precision not in get_args(Precision):
            raise UsageError(f"precision is {self.precision!r}; expected {', '.join(get_args(Precision))}")
