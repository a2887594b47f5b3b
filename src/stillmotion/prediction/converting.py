"""Write an old or foreign model as a clean `.keras` file with its card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np

from stillmotion.errors import StillmotionError, UsageError, last_line
from stillmotion.exporting.program import distance
from stillmotion.files import atomic_write
from stillmotion.models.card_files import card_file, file_digest, write_card
from stillmotion.models.cards import ModelCard
from stillmotion.models.given_facts import GivenFacts
from stillmotion.models.inference import load_keras_model
from stillmotion.models.keras_2 import is_of_keras_2, predict_with_keras_2
from stillmotion.prediction.black_boxes import BlackBox
from stillmotion.prediction.describing import DescribedModel, open_model, resolve_custom_objects

TOLERANCE = 1e-5
INPUTS = 4  # that both are compared on


@dataclass(frozen=True)
class Conversion:
    """What was written.

    Attributes:
        file: the clean model.
        card_file: its card.
        card: the same, read.
        max_difference: the largest difference between the outputs of what was written and of the old model.
        inputs: how many inputs of noise were compared.
        compared_with: what ran the old model: Keras 2 (`tf_keras`); or Keras 3, as it was loaded here, which cannot
            show an error of loading.
        is_old: whether Keras 2 has written the old model.
    """

    file: Path
    card_file: Path
    card: ModelCard
    max_difference: float
    inputs: int
    compared_with: Literal["Keras 2", "Keras 3"]
    is_old: bool


def convert_model(
    model: str | Path | DescribedModel,
    out: str | Path,
    *,
    facts: Mapping[str, Any] | None = None,
    snapshots: str | Path | None = None,
) -> Conversion:
    """Write a model as a `.keras` file that Keras 3 loads by itself in safe mode, with its card, and compare both.

    A model of Keras 2 is run by Keras 2 for that if the package `tf_keras` is installed.

    Args:
        model: what `describe_model` takes, of any version of Keras; or a model that is described already.
        out: the `.keras` file.
        facts: what is known of the model: keyword arguments of `describe_model`.
        snapshots: a folder of pictures such as the model was trained on.

    Returns:
        What was written, and how close both models' outputs are.

    Raises:
        UsageError: `out` is no `.keras` file, or is the model; or see `describe_model`.
        StillmotionError: the model cannot be loaded or written, or its outputs differ.

    Examples:
        >>> conversion = sm.convert_model("old.h5", "new.keras", facts={"channels": "rgb"})
    """
    file = Path(out)
    if file.suffix != ".keras":
        raise UsageError(f"{file}: a converted model is a .keras file; give it a name with that ending")
    given = GivenFacts(**(facts or {}))
    described = model if isinstance(model, DescribedModel) else open_model(model, given, snapshots=snapshots)
    if file.exists() and file.samefile(described.file):
        raise UsageError(f"{file}: is the model itself, and would be replaced; choose another name")
    if isinstance(described.model, BlackBox):
        raise UsageError(f"{described.file}: Keras cannot hold a file of another runtime; it is used as it is")
    if any(isinstance(layer, keras.layers.TFSMLayer) for layer in described.model.layers):
        raise StillmotionError(
            f"{described.file}: only TensorFlow can run this SavedModel, and no file of Keras's can hold it; convert "
            "the model it was made from"
        )
    with atomic_write(file) as temporary:
        try:
            described.model.save(temporary)
        except Exception as error:  # A custom layer's own code may raise anything.
            raise StillmotionError(f"{described.file}: cannot be written ({last_line(error)})") from error
        objects = resolve_custom_objects(given.custom_objects)
        again = load_keras_model(temporary, custom_objects=objects, unsafe=given.unsafe)
        batch = _noise(described)
        is_old = described.run is None and is_of_keras_2(described.file)
        expected = predict_with_keras_2(described.file, batch, unsafe=given.unsafe) if is_old and not objects else None
        compared_with: Literal["Keras 2", "Keras 3"] = "Keras 3" if expected is None else "Keras 2"
        if expected is None:
            expected = keras.tree.flatten(described.model.predict_on_batch(batch))
        actual = keras.tree.flatten(again.predict_on_batch(batch))
        difference = max(distance(new, old) for new, old in zip(actual, expected, strict=True))
        if not difference <= TOLERANCE:
            raise StillmotionError(
                f"{described.file}: not converted, the clean model's outputs differ by {difference:.1e} from those of "
                f"{compared_with}"
            )
    card = described.card.model_copy(update={"model": file.name, "digest": file_digest(file)})
    return Conversion(file, write_card(card, card_file(file)), card, difference, INPUTS, compared_with, is_old)


def _noise(described: DescribedModel) -> Any:
    """Inputs of noise, of the range that a model takes."""
    rng = np.random.default_rng(0)
    card = described.card
    inputs = []
    for given in described.model.inputs:
        unknown = iter([card.frames.value or 16, *(side or 64 for side in card.size), 3])
        shape = [side or next(unknown, 3) for side in given.shape[1:]]
        top = 255.0 if card.input_range.value == "0..255" else 1.0
        noise = rng.uniform(0, top, (given.shape[0] or INPUTS, *shape))
        inputs.append(noise.astype(keras.backend.standardize_dtype(given.dtype)))
    return inputs[0] if len(inputs) == 1 else inputs
