"""Steps of a description that need no pictures: what is given, what was known before, and what the model says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from stillmotion.data import read_class_names
from stillmotion.decoding import Framing
from stillmotion.errors import StillmotionError, UsageError, last_line
from stillmotion.models.card_reading import measure_outputs, output_count, read_scaling, run_on_noise
from stillmotion.models.cards import ROLES, Channels, Fact, InputCard, ModelCard, Outputs, find_axes, name_labels
from stillmotion.models.given_facts import GivenFacts

SCALED = "gets them scaled by the model"


def with_given(card: ModelCard, stored: ModelCard | None, facts: GivenFacts) -> ModelCard:
    """The card with what is given now or was known before.

    Args:
        card: what the model's file says.
        stored: the card that was written before, if there is one.
        facts: what is given now.

    Returns:
        The new card.

    Raises:
        UsageError: colors for a model of one channel.
    """
    updates: dict[str, Fact[Any]] = {}
    for name in ("input_range", "channels", "outputs", "framing", "rate"):
        fact: Fact[Any] = getattr(card, name)
        value = getattr(facts, name)
        if value is not None:
            if name == "channels" and fact.value == "gray" and value != "gray":
                raise UsageError(f"{card.model}: channels {value} were given, but the model takes one channel")
            updates[name] = type(fact)(value=value, source="given")
        elif stored is not None and (before := getattr(stored, name)).value is not None:
            updates[name] = before
    for name in ("frames", "height", "width"):
        if stored is not None and getattr(card, name).value is None:
            updates[name] = getattr(stored, name)
    if stored is not None and stored.kind == "several inputs" == card.kind:
        return card.model_copy(update={**updates, "inputs": stored.inputs})
    return card.model_copy(update=updates)


def with_roles(card: ModelCard, roles: Mapping[str, str], path: Path) -> ModelCard:
    """The card with what each input is given.

    Args:
        card: what is known.
        roles: a role of `ROLES` by an input's name.
        path: the model's file, for messages.

    Returns:
        The new card.

    Raises:
        UsageError: no such input or role, or an input that takes no pictures.
    """
    names = [given.name for given in card.inputs]
    for name, role in roles.items():
        if name not in names:
            raise UsageError(f"{path}: has no input {name!r}; it has {', '.join(names)}")
        if role not in ROLES:
            raise UsageError(f"{path}: input {name} cannot be given {role!r}; choose from {', '.join(ROLES)}")
        if len(names) == 1 and role != "frames":
            raise UsageError(
                f"{path}: its one input, {name}, is given frames; {role!r} is for models of several inputs"
            )
    for given in card.inputs:
        if roles.get(given.name) in ("frames", "difference") and find_axes(given.shape) is None:
            raise UsageError(
                f"{path}: input {given.name} takes {given.shape}, no pictures of 1 or 3 channels; optical flow and the "
                "like are not computed here"
            )
    inputs = tuple(
        InputCard.model_validate({**given.model_dump(), "role": roles.get(given.name, given.role)})
        for given in card.inputs
    )
    return card.model_copy(update={"inputs": inputs})


def as_teachable_machine(card: ModelCard, model: keras.Model, path: Path) -> ModelCard:
    """The card of a Teachable Machine export, which is known by its two nested models and its numbered labels.

    Args:
        card: what is known.
        model: the model.
        path: its file, beside which the labels are.

    Returns:
        The new card; the same for any other model.
    """
    layers = model.layers if isinstance(model, keras.Sequential) else []
    labels = path.with_name("labels.txt")
    if len(layers) != 2 or not all(isinstance(layer, keras.Sequential) for layer in layers) or not labels.is_file():
        return card
    with labels.open(encoding="utf-8", errors="replace") as opened:
        if not opened.readline().startswith("0 "):
            return card
    read: dict[str, Any] = {"source": "read", "evidence": "as Teachable Machine exports it"}
    updates: dict[str, Any] = {}
    if card.input_range.value is None:
        updates["input_range"] = Fact[str](value="-1..1", **read)
    if card.channels.value is None:
        updates["channels"] = Fact[Channels](value="RGB", **read)
    if card.framing.source == "assumed":
        evidence = "Teachable Machine trains on the center of each picture"
        updates["framing"] = Fact[Framing](value="crop", source="read", evidence=evidence)
    return card.model_copy(update=updates)


def with_layers(card: ModelCard, model: keras.Model, path: Path) -> ModelCard:
    """The card with what the layers say of range, channel order and outputs.

    Args:
        card: what is known.
        model: the model.
        path: its file, for messages.

    Returns:
        The new card.

    Raises:
        StillmotionError: the model fails on pictures.
    """
    updates: dict[str, Any] = {}
    given = card.input_range.source == "given"
    if given or card.input_range.value is None or card.channels.value is None:
        reading, order = read_scaling(model, card)
        if reading is not None and card.input_range.value is None:
            evidence = f"{reading.layer} {SCALED}"
            updates["input_range"] = Fact[str](value=reading.input_range, source="read", evidence=evidence)
        if reading is not None and given and reading.input_range != card.input_range.value:
            # What is given counts; but scaled pictures for a model that scales by itself are a common fault.
            evidence = f"as given, but {reading.layer} {SCALED} from {reading.input_range}"
            updates["input_range"] = card.input_range.model_copy(update={"evidence": evidence})
        if order.value is not None and card.channels.value is None:
            updates["channels"] = order
    if card.input_range.value in ("caffe",) and card.channels.value is None:
        updates["channels"] = Fact[Channels](value="BGR", source="read", evidence="the order of the mode caffe")
    if card.outputs.value is None and not card.outputs.evidence:
        try:
            measured = measure_outputs(run_on_noise(model, card))
            updates["outputs"] = measured if measured.source == "measured" else Fact(evidence=measured.evidence)
        except Exception as error:  # The model's own code may raise anything.
            raise StillmotionError(f"{path}: fails on pictures ({last_line(error)})") from error
    return card.model_copy(update=updates)


def with_labels(
    card: ModelCard,
    shape: Sequence[int | None],
    path: Path,
    labels: str | Path | Sequence[str] | None,
    stored: ModelCard | None,
) -> ModelCard:
    """The card with class names: given, from its card, from labels.txt beside it, or numbers.

    Args:
        card: what is known.
        shape: of the model's output, without the batch.
        path: the model's file, beside which `labels.txt` may be.
        labels: what is given now; see `read_class_names`.
        stored: the card that was written before, if there is one.

    Returns:
        The new card.

    Raises:
        UsageError: another number of labels than of outputs, or they cannot be read.
    """
    count = output_count(card, shape)
    fact: Fact[tuple[str, ...]]
    beside = path.with_name("labels.txt")
    if labels is not None:
        names = name_labels(read_class_names(labels), card.outputs.value, count)
        fact = Fact[tuple[str, ...]](value=names, source="given")
    elif stored is not None and stored.labels.value and stored.labels.source != "assumed":
        fact = stored.labels
    else:
        classes = 2 if card.outputs.value in ("one sigmoid", "one logit") else count
        fact = Fact[tuple[str, ...]](value=tuple(map(str, range(classes))), source="assumed", evidence="numbers")
        if card.outputs.value == "regression" and count == 1:
            fact = Fact[tuple[str, ...]](value=("value",), source="assumed")
        if beside.is_file():
            names = read_class_names(beside)
            if len(names) == classes:
                fact = Fact[tuple[str, ...]](value=names, source="read", evidence=beside.name)
    return card.model_copy(update={"labels": fact})


def or_logits(outputs: Fact[Outputs]) -> Fact[Outputs]:
    """What several outputs are that have a name each: logits, if no more is known than that they have no bounds.

    Args:
        outputs: what is known of them.

    Returns:
        The same, if it is known or comes from an activation function.
    """
    if outputs.value is not None or outputs.evidence.startswith("activation "):
        return outputs
    evidence = f"{outputs.evidence or 'numbers of any size'}; one for each label"
    return Fact[Outputs](value="logits", source="assumed", evidence=evidence)
