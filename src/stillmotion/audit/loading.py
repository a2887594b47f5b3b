"""Load the model under audit, and find out what it takes and returns."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from stillmotion.audit.arguments import check_arguments, find_audited_run
from stillmotion.audit.audited_model import AuditedModel, Returned
from stillmotion.audit.faults.scaling import AUDIT_RANGES, LEVELS
from stillmotion.data.class_names import read_class_names
from stillmotion.decoding import Framing
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.models.adapters import adapt, fixed_batch_size
from stillmotion.models.card_reading import measure_outputs, output_count, read_model, run_on_noise
from stillmotion.models.cards import Fact, ModelCard, Outputs, name_labels
from stillmotion.models.given_facts import GivenFacts
from stillmotion.models.inference import load_keras_model
from stillmotion.prediction.black_boxes import BlackBox
from stillmotion.prediction.describing import DescribedModel, open_model, resolve_custom_objects
from stillmotion.prediction.reading_facts import SCALED

# Of models that take any number of frames or any size.
DEFAULT_FRAMES, DEFAULT_SIDE = 16, 224


def load_audited_model(file: str | Path, **facts: Any) -> AuditedModel:
    """Load a model and find out what it takes.

    Args:
        file: a run's folder, or any model's file; see `describe_model`.
        **facts: what its user says of it: those arguments of `audit_model` that `GivenFacts` has.

    Returns:
        The model.

    Raises:
        UsageError: a wrong argument.
        StillmotionError: the model cannot be loaded, or takes neither images nor clips.
    """
    path, said = Path(file), GivenFacts(**facts)
    given = check_arguments(path, said)
    objects = resolve_custom_objects(given.custom_objects)
    described, names, source = _open(path, given, objects)
    model, card = described.model, _with_defaults(described.card)
    if card.kind not in ("image", "clip"):
        raise StillmotionError(_unusable(path, card))
    box = isinstance(model, BlackBox)
    shape = model.output_shape[1:] if box else tuple(keras.tree.flatten(model.outputs)[0].shape[1:])
    count = output_count(card, shape)
    if card.outputs.value is None:
        # One for each class: an audit is of a classifier.
        logits = Fact[Outputs](value="logits", source="assumed", evidence=card.outputs.evidence)
        measured = logits if logits.evidence and count > 1 else measure_outputs(run_on_noise(model, card))
        card = card.model_copy(update={"outputs": measured})
    if card.outputs.value is None:
        taken_for: Outputs = "one logit" if count == 1 else "logits"
        card = card.model_copy(update={"outputs": Fact[Outputs](value=taken_for, source="assumed")})
    if card.outputs.value == "regression":
        raise StillmotionError(f"{path}: returns a number; only classifiers can be audited")
    single = count == 1
    classes = max(2, count)
    if names is not None:
        try:
            names = name_labels(names, "one sigmoid" if single else card.outputs.value, count)
        except UsageError:
            given_names = "1 label" if len(names) == 1 else f"{len(names)} labels"
            raise UsageError(f"{source}: has {given_names}, but the model has {classes} classes") from None
    returned: Returned = "logits" if card.outputs.value == "logits" else "probabilities"
    if single:
        returned = "one logit" if card.outputs.value == "one logit" else "one sigmoid"
    if not _is_plain(model, card):
        if box:
            raise StillmotionError(
                f"{path}: takes {card.inputs[0].shape}; a file of another runtime can be audited if it "
                "takes three channels in the last place"
            )
        model, returned = adapt(model, card, levels=False, clips=False), "probabilities"
        if card.outputs.value == "independent logits":
            card = card.model_copy(update={"outputs": Fact[Outputs](value="independent sigmoids", source="read")})
    input_range = AUDIT_RANGES.get(card.input_range.value or "", card.input_range.value)
    if card.input_range.evidence.endswith(SCALED):
        input_range = None  # is read again, with its evidence, by `choose_input_range`
    if given.input_range is None:  # a range that only an audit knows, or none
        input_range = said.input_range or input_range
    return AuditedModel(
        file=path,
        model=model,
        card=card,
        kind="clip" if card.kind == "clip" else "image",
        frames=card.frames.value or 1,
        height=card.size[0],
        width=card.size[1],
        labels=names or tuple(f"class {number}" for number in range(classes)),
        has_class_names=names is not None,
        input_range=input_range,
        channels="BGR" if card.channels.value == "BGR" else "RGB",
        framing=card.framing.value or "stretch",
        outputs=returned,
        batch_size=fixed_batch_size(model),
        custom_objects=objects,
        unsafe=given.unsafe,
    )


def _open(
    path: Path, facts: GivenFacts, objects: Mapping[str, Any]
) -> tuple[DescribedModel, tuple[str, ...] | None, str]:
    """The model with its card, and its class names with where they are from."""
    run = find_audited_run(path)
    if run is not None:
        # Its model of single images may be audited, too.
        file = path if path.is_file() else run.model_file
        model = load_keras_model(file)
        of_run = {
            "input_range": Fact[str](value=LEVELS, source="given", evidence="run.json"),
            "framing": Fact[Framing](value=run.recipe.spec.framing, source="read", evidence="run.json"),
        }
        card = read_model(model, str(file)).model_copy(update=of_run)
        return DescribedModel(model, card, path), run.labels, str(run.folder / "run.json")
    described = open_model(path, dataclasses.replace(facts, labels=None, custom_objects=objects))
    if facts.labels is not None:
        source = f"labels {facts.labels}" if isinstance(facts.labels, str | Path) else "labels"
        return described, read_class_names(facts.labels), source
    labels = described.card.labels
    names = labels.value if labels.source in ("given", "read", "measured") else None
    return described, names, labels.evidence or "its card"


def _with_defaults(card: ModelCard) -> ModelCard:
    """The card with a number of frames and a size, for a model that takes any."""
    defaults = {"frames": DEFAULT_FRAMES, "height": DEFAULT_SIDE, "width": DEFAULT_SIDE}
    unknown = {name: value for name, value in defaults.items() if getattr(card, name).value is None}
    updates = {name: Fact[int](value=value, source="assumed") for name, value in unknown.items()}
    return card.model_copy(update=updates)


def _unusable(path: Path, card: ModelCard) -> str:
    """Why a model cannot be audited."""
    if card.kind == "several inputs":
        return f"{path}: takes {len(card.inputs)} inputs; only models with one input can be audited"
    return (
        f"{path}: takes {(None, *card.inputs[0].shape)}, neither images (batch, height, width, 3) "
        "nor clips (batch, time, height, width, 3)"
    )


def _is_plain(model: keras.Model, card: ModelCard) -> bool:
    """Whether a model takes three channels in the last place and returns `(batch, classes)`, so needs no adapter."""
    return (
        card.axes.value in ("hwc", "thwc")
        and card.inputs[0].shape[-1] == 3
        and card.channels.value != "gray"
        and card.outputs.value != "independent logits"
        and not card.per_frame.value
        and not isinstance(model.output_shape, dict | list)
        and not isinstance(getattr(model, "input", None), dict | list)
        and len(model.output_shape) == 2
    )
