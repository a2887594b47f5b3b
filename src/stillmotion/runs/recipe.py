"""Everything that determines a training, except the videos."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Literal, get_args

from stillmotion.clips import Augment, ClipSpec
from stillmotion.errors import UsageError
from stillmotion.files import describe_value

# How the name of the family of a model ends that was trained elsewhere.
ADOPTED = ":adopted"
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
        patience: training stops after this many epochs without a lower validation loss, in its second half.
        precision: Keras's dtype policy. With float32, training may still multiply in less (TF32, bfloat16).
        finetune: whether the last stages of a pretrained backbone are trained, too, once its head is.
        own: what a user gave in place of the recipe's optimizer, loss, class weights and augmentation, in words.
        seed: random seed for the weights, the order of clips, and what is drawn from each video.

    Raises:
        UsageError: a `spec` or `augment` of another type, `epochs`, `batch_size` or `patience` that is no whole number
            of 1 or more, a `seed` that is none of 0 or more, a learning rate that is not a finite number above 0, a
            weight decay that is none of 0 or more, a label smoothing that is not from 0 to below 1, a framing other
            than "stretch", or an unknown precision.

    Examples:
        >>> recipe = sm.make_recipe("cnn_rnn", rnn="lstm", epochs=30)
        >>> recipe.options["rnn"], recipe.epochs
        ('lstm', 30)
    """

    family: str
    options: Mapping[str, str | bool | int | float] = field(default_factory=dict)
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
    own: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, kind in (("spec", ClipSpec), ("augment", Augment)):
            if not isinstance(getattr(self, name), kind):
                raise UsageError(f"{name} is {describe_value(getattr(self, name))}; expected sm.{kind.__name__}(...)")
        for name, least in (("epochs", 1), ("batch_size", 1), ("patience", 1), ("seed", 0)):
            value = getattr(self, name)
            if not isinstance(value, Integral) or value < least:
                raise UsageError(
                    f"{_words(name)} is {describe_value(value)}; expected a whole number of {least} or more"
                )
        self._check_number("learning_rate", lambda rate: rate > 0, "a finite number above 0")
        self._check_number("weight_decay", lambda decay: decay >= 0, "a finite number of 0 or more")
        self._check_number("label_smoothing", lambda share: 0 <= share < 1, "0 to below 1")
        if self.spec.framing != "stretch" and not self.family.endswith(ADOPTED):
            raise UsageError(f"framing is {self.spec.framing!r}; a training stretches frames to their size")
        if self.precision not in get_args(Precision):
            raise UsageError(f"precision is {self.precision!r}; expected {', '.join(get_args(Precision))}")

    def _check_number(self, name: str, is_right: Callable[[float], bool], expected: str) -> None:
        value = getattr(self, name)
        if not (isinstance(value, Real) and math.isfinite(value) and is_right(float(value))):
            raise UsageError(f"{_words(name)} is {describe_value(value)}; expected {expected}")


def _words(name: str) -> str:
    return name.replace("_", " ")
