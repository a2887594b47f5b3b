"""Find out how a model is fed: from what its user says, its card, its layers, and labeled snapshots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras

from stillmotion.decoding import Framing
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.files import as_path
from stillmotion.models.adapters import check_levels
from stillmotion.models.card_files import file_digest, read_card
from stillmotion.models.card_reading import describe_inputs, describe_outputs, output_count, read_model
from stillmotion.models.cards import Channels, Fact, ModelCard, find_run
from stillmotion.models.custom_objects import import_custom_objects
from stillmotion.models.given_facts import GivenFacts, check_facts, refuse_snapshots
from stillmotion.models.inference import load_keras_model
from stillmotion.models.losses import outputs_by_loss
from stillmotion.prediction.black_boxes import SUFFIXES, load_black_box
from stillmotion.prediction.measuring_facts import measure_facts
from stillmotion.prediction.reading_facts import (
    as_teachable_machine,
    or_logits,
    with_given,
    with_labels,
    with_layers,
    with_roles,
)
from stillmotion.runs import Run

# In place of the folder of a model that was in memory.
IN_MEMORY = "in memory"


@dataclass(frozen=True)
class DescribedModel:
    """A model as it was loaded, with its card.

    Attributes:
        model: the model.
        card: how it is fed.
        file: where it was loaded from; for a model that was in memory, what to call it.
        run: the run that it belongs to, or None for somebody else's model.
    """

    model: keras.Model
    card: ModelCard
    file: Path
    run: Run | None = None


def describe_model(
    model: Run | keras.Model | str | Path,
    *,
    snapshots: str | Path | None = None,
    input_range: str | None = None,
    channels: str | None = None,
    frames: int | None = None,
    rate: float | Literal["spread"] | None = None,
    size: int | tuple[int, int] | None = None,
    framing: Framing | None = None,
    labels: str | Path | Sequence[str] | None = None,
    outputs: str | None = None,
    inputs: Mapping[str, str] | None = None,
    custom_objects: str | Mapping[str, Any] | None = None,
    unsafe: bool = False,
) -> ModelCard:
    """Find out how a model is fed and what it returns.

    What is given comes first, then what was given before, by the card beside the model, then what its layers say, then
    what is measured with snapshots: their statistics tell the range of a model that begins with a BatchNormalization,
    and their labels, as the names of their folders, the range and the channel order of any. What remains is unknown,
    and must be given before the model can predict.

    Args:
        model: a Keras model, or where one is: a run or its folder, `.keras`, `.h5`, `.json` with weights, `.onnx`,
            `.tflite` or a SavedModel folder.
        snapshots: a folder of pictures such as the model was trained on.
        input_range: the numbers that the model's pictures consist of: "0..255", "0..1", "-1..1", any "LOW..HIGH", or
            "tf", "torch" and "caffe", the modes of `keras.applications`.
        channels: "rgb", "bgr" or "gray".
        frames: frames of a clip, for a model that takes any number.
        rate: frames per second of a clip, or "spread" for frames that are spread over each video.
        size: height and width in pixels, or one side of squares, for a model that takes any.
        framing: how a frame of another aspect ratio gets this size: "stretch", "crop" or "letterbox"; see `ClipSpec`.
        labels: class names in the order of the outputs; see `read_class_names`.
        outputs: what the outputs are: "softmax", "logits", "one sigmoid", "one logit", "independent sigmoids",
            "independent logits" or "regression".
        inputs: for a model of several inputs, what each is given, by its name: "frames", "difference" (of each frame
            from the one before it) or "mask" (of the frames that count, which is all). One of fewer frames gets them at
            a lower rate.
        custom_objects: custom layers and functions by name, or the module that defines them.
        unsafe: whether code inside the file may run (Lambda layers, a SavedModel).

    Returns:
        The card. `ModelCard.missing` says what is still to be given.

    Raises:
        UsageError: a wrong argument, one that contradicts the model, or one for a run, which is fed as it was trained.
        StillmotionError: the model cannot be loaded, or has several outputs or one of an unusual shape.

    Examples:
        >>> card = sm.describe_model("model.keras", rate=8, labels=["calm", "jam"])
        >>> card.input_range.value, card.input_range.source
        ('0..255', 'read')
    """
    facts = GivenFacts(
        input_range=input_range,
        channels=channels,
        frames=frames,
        rate=rate,
        size=size,
        framing=framing,
        labels=labels,
        outputs=outputs,
        inputs=inputs,
        custom_objects=custom_objects,
        unsafe=unsafe,
    )
    return open_model(model, facts, snapshots=snapshots, anew=True).card


def open_model(
    model: Run | keras.Model | str | Path,
    facts: GivenFacts,
    *,
    snapshots: str | Path | None = None,
    videos: Sequence[Path] = (),
    anew: bool = False,
    streamed: bool = False,
) -> DescribedModel:
    """Load a model and describe it; see `describe_model`.

    Args:
        model: a run, or what `describe_model` takes.
        facts: what its user says of it.
        snapshots: a folder of pictures such as the model was trained on.
        videos: videos that it is to predict, whose frames stand in for snapshots without labels.
        anew: whether to find out again what the card beside the model says, except for what was given. What was
            measured stays as long as there are no snapshots to measure it with.
        streamed: whether the model may be streamed; see `check_facts`.

    Returns:
        The model and its card.

    Raises:
        UsageError: see `describe_model`.
        StillmotionError: see `describe_model`.
    """
    in_memory: Any = model if isinstance(model, keras.Model) else None
    run: Run | None = None
    if in_memory is not None:
        path = Path(IN_MEMORY, in_memory.name)
        if not in_memory.inputs:
            raise UsageError(f"{path}: the model has no defined inputs; give its first layer a keras.Input")
    elif isinstance(model, Run):
        path, run = model.folder, model
    else:
        path = as_path(model, "a run, a Keras model or its file")
        run = find_run(path)
    facts = check_facts(facts, run, streamed=streamed)
    if run is not None:
        refuse_snapshots(run, snapshots)
        return _open_run(run, path)
    if in_memory is None and not path.exists():
        raise UsageError(f"{path}: no such model")
    if in_memory is None and path.suffix.lower() in SUFFIXES:
        loaded: Any = load_black_box(path)
        card = describe_inputs([loaded.input_card], str(path), frames=facts.frames, size=facts.sides)
        card = describe_outputs(card, loaded.output_shape[1:], str(path))
        if loaded.input_range is not None:
            fact = Fact[str](value=loaded.input_range, source="read", evidence="quantization of its input")
            card = card.model_copy(update={"input_range": fact})
        shape = loaded.output_shape[1:]
    else:
        objects = resolve_custom_objects(facts.custom_objects)
        loaded = in_memory
        if in_memory is None:
            loaded = load_keras_model(path, custom_objects=objects, unsafe=facts.unsafe)
        card = read_model(loaded, str(path), frames=facts.frames, size=facts.sides)
        shape = tuple(keras.tree.flatten(loaded.outputs)[0].shape[1:])
        if card.outputs.value is None:
            by_loss = outputs_by_loss(path, output_count(card, shape))
            card = card.model_copy(update={"outputs": by_loss if by_loss.value else card.outputs})
    stored = facts.card or read_card(path, anew=anew)
    if anew and stored is not None:
        kept = ("given",) if snapshots is not None else ("given", "measured")
        forgotten = {name: type(fact)() for name, fact in stored.facts.items() if fact.source not in kept}
        stored = stored.model_copy(update=forgotten)
    card = card.model_copy(update={"model": path.name, "digest": "" if in_memory is not None else file_digest(path)})
    card = with_given(card, stored, facts)
    if facts.inputs:
        card = with_roles(card, facts.inputs, path)
    check_levels(card)
    card = as_teachable_machine(card, loaded, path)
    if card.kind in ("image", "clip") and all(card.size) and card.frames.value:
        card = with_layers(card, loaded, path)
    card = with_labels(card, shape, path, facts.labels, stored)
    if output_count(card, shape) > 1 and card.labels.source in ("given", "read"):
        card = card.model_copy(update={"outputs": or_logits(card.outputs)})
    wanted = bool({"input_range", "channels"} & set(card.missing))
    if snapshots is not None and card.labels.source == "assumed":
        wanted = True
    if wanted and card.kind in ("image", "clip") and all(card.size) and card.frames.value:
        card = measure_facts(loaded, card, snapshots, videos)
    return DescribedModel(loaded, card, path)


def resolve_custom_objects(custom_objects: str | Mapping[str, Any] | None) -> dict[str, Any]:
    """Custom layers and functions by name.

    Args:
        custom_objects: the same, or the module that defines them.

    Returns:
        What `load_keras_model` takes.

    Raises:
        UsageError: the module cannot be imported.
    """
    return import_custom_objects(custom_objects) if isinstance(custom_objects, str) else dict(custom_objects or {})


def _open_run(run: Run, path: Path) -> DescribedModel:
    """A run's model, whose record says everything."""
    model = load_keras_model(run.model_file)
    spec = run.recipe.spec
    card = read_model(model, str(run.model_file))
    expected = (spec.frames, spec.height, spec.width, 3)
    if tuple(model.input_shape[1:]) != expected or model.output_shape[-1] != len(run.labels):
        raise StillmotionError(
            f"{run.model_file}: takes {model.input_shape[1:]} and gives {model.output_shape[-1]} probabilities; "
            f"run.json says {expected} and {len(run.labels)} labels"
        )
    read: dict[str, Any] = {"source": "read", "evidence": "run.json"}
    facts_of_run = {
        "channels": Fact[Channels](value="RGB", **read),
        "input_range": Fact[str](value="0..255", **read),
        "rate": Fact[float | Literal["spread"]](value=spec.rate, **read),
        "labels": Fact[tuple[str, ...]](value=run.labels, **read),
        "framing": Fact[Framing](value=spec.framing, **read),
        "outputs": card.outputs.model_copy(update={"value": "softmax", **read}),
    }
    return DescribedModel(model, card.model_copy(update=facts_of_run), path, run)
