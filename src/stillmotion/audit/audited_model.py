"""The model under audit: what it takes, and what it predicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np

from stillmotion.audit.arguments import find_audited_run
from stillmotion.audit.faults import (
    CHANNEL_ORDER,
    FRAMING,
    ORIENTATION,
    RESIZING,
    SCALING,
    PathSettings,
    Size,
    to_values,
)
from stillmotion.audit.faults.framing import WHOLE, box_of, box_within, is_close
from stillmotion.audit.faults.resizing import stored_size
from stillmotion.audit.faults.scaling import LEVELS
from stillmotion.audit.resampling import Floats, Picture, resize
from stillmotion.clips import ClipSpec
from stillmotion.decoding import Framing
from stillmotion.models.cards import ModelCard
from stillmotion.models.inference import predict_in_batches
from stillmotion.models.keras_graph import iter_layers
from stillmotion.prediction.records import name_prediction

Returned = Literal["probabilities", "logits", "one sigmoid", "one logit"]


@dataclass(frozen=True, eq=False)
class AuditedModel:
    """A model and how it is fed.

    Attributes:
        file: as given.
        model: the Keras model, adapted if it takes something else than three channels in the last place.
        card: its card.
        kind: whether it takes images `(batch, height, width, 3)` or clips `(batch, time, height, width, 3)`.
        frames: of a clip; 1 for images.
        height: of its pictures, in pixels.
        width: likewise.
        labels: in output order.
        has_class_names: whether the labels are names, and not just numbers.
        input_range: the range of numbers that it is given, a name in `SCALINGS` or LOW..HIGH; None if unknown.
        channels: "RGB" or "BGR".
        framing: how it is given pictures of another aspect ratio; see `ClipSpec`.
        outputs: what it returns: probabilities, logits, or a single probability or logit for two classes.
        batch_size: the only size of a batch that it takes; None for any.
        custom_objects: its custom layers and functions, by name.
        unsafe: whether code inside its file may run.
    """

    file: Path
    model: keras.Model
    card: ModelCard
    kind: Literal["image", "clip"]
    frames: int
    height: int
    width: int
    labels: tuple[str, ...]
    has_class_names: bool
    input_range: str | None
    channels: str
    framing: Framing
    outputs: Returned
    batch_size: int | None = None
    custom_objects: Mapping[str, Any] = field(default_factory=dict)
    unsafe: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width

    @property
    def independent(self) -> bool:
        """Whether each label has its own yes or no, so that several may be given at once."""
        return self.card.outputs.value == "independent sigmoids"

    @property
    def settings(self) -> PathSettings:
        """The healthy path to this model, from a source of any shape."""
        settings = PathSettings().having(SCALING, self.input_range or LEVELS).having(CHANNEL_ORDER, self.channels)
        return settings.having(FRAMING, WHOLE if self.framing == "stretch" else self.framing)

    def framed(self, settings: PathSettings, size: Size, source: Size) -> PathSettings:
        """A path to pictures, as a path to this model, which frames them once more.

        Args:
            settings: the path to the pictures.
            size: their height and width.
            source: those of the frames that they show, before they are turned.
        """
        if self.framing == "stretch":
            return settings
        if settings[ORIENTATION][0] % 2:  # a frame is turned before it is framed
            source = source[1], source[0]
        box, again = box_of(settings[FRAMING], source, size), box_of(self.framing, size, self.size)
        if again != WHOLE:
            box = box_within(box, again)
            kernel, stored = stored_size(settings[RESIZING])
            if stored is not None:
                part = round((again[3] - again[1]) * stored[0]), round((again[2] - again[0]) * stored[1])
                settings = settings.having(RESIZING, (kernel, part))
        expected = box_of(self.framing, source, self.size)
        return settings.having(FRAMING, self.framing if is_close(box, expected) else box)

    def fit(self, picture: Picture) -> Picture:
        """A picture in the model's size, framed and resized by area.

        Args:
            picture: RGB, float32 of any height and width, 0 to 255.
        """
        return resize(FRAMING.apply(picture, self.framing, self.size), *self.size, "area")

    def feed(self, picture: Picture) -> Floats:
        """A picture as the model gets it: in its framing, resized by area, in its channel order and range.

        Args:
            picture: RGB, float32 of any height and width, 0 to 255.

        Returns:
            float32 `(height, width, 3)`.
        """
        resized = CHANNEL_ORDER.apply(self.fit(picture), self.channels)
        return np.ascontiguousarray(to_values(self.settings, resized), np.float32)

    def predict(self, values: Sequence[Floats]) -> Floats:
        """Predict pictures or clips.

        Args:
            values: pictures as the model gets them, `(height, width, 3)` each, which a clip model sees as clips that
                stand still; or whole clips `(time, height, width, 3)`.

        Returns:
            Probabilities `(n, labels)`.
        """
        inputs = (self.as_inputs(np.asarray(value, np.float32)[None])[0] for value in values)
        return self.probabilities(predict_in_batches(self.model, inputs, batch_size=self.batch_size))

    def name(self, probabilities: Floats) -> str:
        """The label that a prediction `(labels,)` gives; of independent labels all that it gives."""
        return name_prediction(probabilities, self.labels, independent=self.independent)

    def raw_outputs(self, inputs: Floats) -> Floats:
        """What the model returns for inputs as it takes them: one batch, from a fresh state."""
        return predict_in_batches(self.model, inputs, batch_size=self.batch_size or len(inputs))

    @property
    def stateful_layers(self) -> list[keras.layers.Layer]:
        """Layers that keep a state from one batch to the next."""
        return [layer for layer in iter_layers(self.model) if getattr(layer, "stateful", False) is True]

    def reset_state(self) -> None:
        """Forget earlier batches."""
        for layer in self.stateful_layers:
            if hasattr(layer, "reset_state"):
                layer.reset_state()

    def as_inputs(self, pictures: Floats) -> Floats:
        """Pictures `(n, height, width, 3)` as the model takes them: the same, or clips that stand still."""
        if self.kind == "clip" and pictures.ndim == 4:
            return np.repeat(pictures[:, None], self.frames, axis=1)
        return pictures

    def probabilities(self, outputs: Any) -> Floats:
        """What the model returned, as probabilities `(n, labels)`."""
        numbers = np.asarray(keras.ops.convert_to_numpy(outputs), np.float64).reshape(len(outputs), -1)
        if self.outputs in ("one sigmoid", "one logit"):
            second = numbers if self.outputs == "one sigmoid" else 1 / (1 + np.exp(-numbers))
            numbers = np.concatenate([1 - second, second], axis=1)
        elif self.outputs == "logits":
            numbers = np.exp(numbers - numbers.max(1, keepdims=True))
            numbers /= numbers.sum(1, keepdims=True)
        return numbers.astype(np.float32)


def clip_spec(audited: AuditedModel) -> ClipSpec:
    """How the clips of a clip model are sampled: at the rate that is given, its run's or its card's, or spread."""
    run = find_audited_run(audited.file)
    if run is not None:
        return run.recipe.spec
    return ClipSpec(audited.frames, audited.card.rate.value or "spread", audited.size, framing=audited.framing)
