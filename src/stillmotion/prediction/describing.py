"""Find out how a model is fed: from what its user says, its card, its layers, and labeled snapshots."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from stillmotion.data import read_class_names
from stillmotion.data.media import find_media, is_image
from stillmotion.decoding import Framing, probe, read_frames
from stillmotion.errors import StillmotionError, UnreadableVideoError, UsageError, last_line
from stillmotion.models.adapters import as_model_input, check_levels, feed_array, only_tensor, probability_array
from stillmotion.models.card_reading import (
    describe_inputs,
    describe_outputs,
    measure_outputs,
    output_count,
    read_model,
    read_scaling,
    read_statistics,
    run_on_noise,
)
from stillmotion.models.cards import (
    INPUT_RANGES,
    ROLES,
    Channels,
    Fact,
    InputCard,
    ModelCard,
    Outputs,
    file_digest,
    find_axes,
    find_run,
    name_labels,
    read_card,
)
from stillmotion.models.custom_objects import import_custom_objects
from stillmotion.models.given_facts import GivenFacts, check_facts
from stillmotion.models.inference import load_keras_model, predict_in_batches
from stillmotion.models.losses import outputs_by_loss
from stillmotion.prediction.black_boxes import SUFFIXES, BlackBox, load_black_box
from stillmotion.runs import Run

MAX_PICTURES = 16  # that the statistics of a layer are computed on
MIN_PICTURES = 4
# In standard deviations, from a layer's statistics. Small models trained for this were at most 0.5 from pictures like
# their own in their own range, and 0.8 or more in another; or 1 from pictures of another kind, which tell nothing.
MAX_DISTANCE = 0.6
MAX_LABELED = 64  # snapshots that ranges and channel orders are tried on
MIN_LABELED = 4
# By how much the log-likelihood of the labels has to be larger than that of the next best way.
MIN_EVIDENCE = 3.0
INDEPENDENT = ("independent sigmoids", "independent logits")
SCALED = "gets them scaled by the model"


@dataclass(frozen=True)
class DescribedModel:
    """A model as it was loaded, with its card.

    Attributes:
        model: the model.
        card: how it is fed.
        file: where it was loaded from.
        run: the run that it belongs to, or None for somebody else's model.
    """

    model: keras.Model
    card: ModelCard
    file: Path
    run: Run | None = None


def describe_model(
    model: str | Path,
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
        model: a run's folder, `.keras`, `.h5`, `.json` with weights, `.onnx`, `.tflite` or a SavedModel folder.
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
    model: Run | str | Path,
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
    path = model.folder if isinstance(model, Run) else Path(model)
    run = model if isinstance(model, Run) else find_run(path)
    facts = check_facts(facts, run, streamed=streamed)
    if run is not None:
        return _open_run(run, path)
    if not path.exists():
        raise UsageError(f"{path}: no such model")
    if path.suffix.lower() in SUFFIXES:
        loaded: Any = load_black_box(path)
        card = describe_inputs([loaded.input_card], str(path), frames=facts.frames, size=facts.sides)
        card = describe_outputs(card, loaded.output_shape[1:], str(path))
        if loaded.input_range is not None:
            fact = Fact[str](value=loaded.input_range, source="read", evidence="quantization of its input")
            card = card.model_copy(update={"input_range": fact})
        shape = loaded.output_shape[1:]
    else:
        objects = resolve_custom_objects(facts.custom_objects)
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
    card = card.model_copy(update={"model": path.name, "digest": file_digest(path)})
    card = _with_given(card, stored, facts)
    if facts.inputs:
        card = _with_roles(card, facts.inputs, path)
    check_levels(card)
    card = _as_teachable_machine(card, loaded, path)
    described = DescribedModel(loaded, card, path)
    if card.kind in ("image", "clip") and all(card.size) and card.frames.value:
        card = _with_layers(described)
    card = _with_labels(card, shape, path, facts.labels, stored)
    if output_count(card, shape) > 1 and card.labels.source in ("given", "read"):
        card = card.model_copy(update={"outputs": _or_logits(card.outputs)})
    described = dataclasses.replace(described, card=card)
    wanted = bool({"input_range", "channels"} & set(card.missing))
    if snapshots is not None and card.labels.source == "assumed":
        wanted = True
    if wanted and card.kind in ("image", "clip") and all(card.size) and card.frames.value:
        card = _with_pictures(described, snapshots, videos)
    return dataclasses.replace(described, card=card)


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


def _with_given(card: ModelCard, stored: ModelCard | None, facts: GivenFacts) -> ModelCard:
    """The card with what is given now or was known before."""
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


def _with_roles(card: ModelCard, roles: Mapping[str, str], path: Path) -> ModelCard:
    """The card with what each input is given."""
    names = [given.name for given in card.inputs]
    for name, role in roles.items():
        if name not in names:
            raise UsageError(f"{path}: has no input {name!r}; it has {', '.join(names)}")
        if role not in ROLES:
            raise UsageError(f"{path}: input {name} cannot be given {role!r}; choose from {', '.join(ROLES)}")
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


def _as_teachable_machine(card: ModelCard, model: keras.Model, path: Path) -> ModelCard:
    """The card of a Teachable Machine export, which is known by its two nested models and its numbered labels."""
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


def _with_layers(described: DescribedModel) -> ModelCard:
    """The card with what the layers say of range, channel order and outputs."""
    card, updates = described.card, dict[str, Any]()
    given = card.input_range.source == "given"
    if given or card.input_range.value is None or card.channels.value is None:
        reading, order = read_scaling(described.model, card)
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
            measured = measure_outputs(run_on_noise(described.model, card))
            updates["outputs"] = measured if measured.source == "measured" else Fact(evidence=measured.evidence)
        except Exception as error:  # The model's own code may raise anything.
            raise StillmotionError(f"{described.file}: fails on pictures ({last_line(error)})") from error
    return card.model_copy(update=updates)


def _with_labels(
    card: ModelCard,
    shape: Sequence[int | None],
    path: Path,
    labels: str | Path | Sequence[str] | None,
    stored: ModelCard | None,
) -> ModelCard:
    """The card with class names: given, from its card, from labels.txt beside it, or numbers."""
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


def _with_pictures(described: DescribedModel, snapshots: str | Path | None, videos: Sequence[Path]) -> ModelCard:
    """The card with what pictures tell: by a layer's statistics, then by their labels."""
    card = described.card
    files = [] if snapshots is None else _snapshot_files(Path(snapshots))
    pictures, _ = _read_pictures(_spread(files, MAX_PICTURES) or videos[:MAX_PICTURES], card)
    if card.input_range.value is None and len(pictures) >= MIN_PICTURES:
        reading = read_statistics(described.model, card, pictures)
        if reading is not None and reading.value <= MAX_DISTANCE:
            evidence = f"{len(pictures)} pictures fit what {reading.layer} has learned, better than {reading.runner_up}"
            fact = Fact[str](value=reading.input_range, source="measured", evidence=evidence)
            card = card.model_copy(update={"input_range": fact})
    tried = _with_folders(card, files) if card.labels.source == "assumed" else card
    labeled = [file for file in files if file.parent.name in (tried.labels.value or ())]
    if len(labeled) < MIN_LABELED or tried.outputs.value in (None, "regression"):
        return card
    try:
        return _measure(dataclasses.replace(described, card=tried), labeled)
    except _FoldersDoNotFitError as error:
        labels = {"evidence": f"numbers; the folders of the snapshots {error}"}
        return card.model_copy(update={"labels": card.labels.model_copy(update=labels)})


def _with_folders(card: ModelCard, files: Sequence[Path]) -> ModelCard:
    """The card with the names of the pictures' folders as labels, in Keras's order, if there are as many."""
    folders = tuple(sorted({file.parent.name for file in files}))
    if len(folders) != len(card.labels.value or ()) or len(folders) < 2:
        return card
    labels = Fact[tuple[str, ...]](value=folders, source="measured")
    return card.model_copy(update={"labels": labels, "outputs": _or_logits(card.outputs)})


def _or_logits(outputs: Fact[Outputs]) -> Fact[Outputs]:
    """What several outputs are that have a name each: logits, if no more is known than that they have no bounds."""
    if outputs.value is not None or outputs.evidence.startswith("activation "):
        return outputs
    evidence = f"{outputs.evidence or 'numbers of any size'}; one for each label"
    return Fact[Outputs](value="logits", source="assumed", evidence=evidence)


class _FoldersDoNotFitError(Exception):
    """The names of the snapshots' folders, sorted, are not what the model's outputs are."""


def _measure(described: DescribedModel, files: Sequence[Path]) -> ModelCard:
    """Range and channel order with which labeled snapshots are predicted best, where the difference is clear.

    Raises:
        _FoldersDoNotFitError: the labels are names of folders, and other orders of them, or chance, predict as well.
    """
    card, names = described.card, described.card.labels.value or ()
    pictures, kept = _read_pictures(_spread(files, MAX_LABELED), card)
    truth = np.array([names.index(file.parent.name) for file in kept])
    clips = np.repeat(pictures[:, None], card.frames.value or 1, axis=1)
    ranges = [card.input_range.value] if card.input_range.value else list(INPUT_RANGES)
    orders: list[Channels] = [card.channels.value] if card.channels.value else ["RGB", "BGR"]
    ways: dict[tuple[str, Channels], tuple[float, float]] = {}
    other_orders = -np.inf
    model = _plain(described)
    for input_range in ranges:
        for order in orders:
            tried = card.model_copy(
                update={"input_range": Fact[str](value=input_range), "channels": Fact[Channels](value=order)}
            )
            outputs = predict_in_batches(model, feed_array(clips, tried), batch_size=model.inputs[0].shape[0])
            probabilities = probability_array(outputs, tried)
            likelihoods = _log_likelihoods(probabilities, card.outputs.value)
            likelihood = float(likelihoods[np.arange(len(truth)), truth].sum())
            by_label = np.array([likelihoods[truth == label].sum(0) for label in range(len(names))])
            best_order = linear_sum_assignment(by_label, maximize=True)
            if (best_order[1] != best_order[0]).any():
                other_orders = max(other_orders, by_label[best_order].sum())
            ways[input_range, order] = likelihood, float((probabilities.argmax(1) == truth).mean())
    best = max(ways, key=lambda way: ways[way])
    likelihood, accuracy = ways[best]
    evidence = f"{accuracy:.0%} of {len(truth)} labeled snapshots right"
    updates: dict[str, Any] = {}
    if card.labels.source == "measured":
        chance = 1 / len(names)
        if accuracy < chance + 1.64 * np.sqrt(chance * (1 - chance) / len(truth)):  # 95 %
            raise _FoldersDoNotFitError(f"do not fit its outputs in their sorted order ({evidence})")
        if other_orders > likelihood - MIN_EVIDENCE:
            # With R and B exchanged, say: what is red is blue then.
            raise _FoldersDoNotFitError("fit its outputs in more than one order")
        labels = {"evidence": f"folders of the snapshots, sorted; {evidence}"}
        updates["labels"] = card.labels.model_copy(update=labels)
    shares = np.full((1, len(names)), 1 / len(names))
    if likelihood > len(truth) * _log_likelihoods(shares, card.outputs.value)[0, 0]:
        for place, name in enumerate(("input_range", "channels")):
            others = [ways[way][0] for way in ways if way[place] != best[place]]
            if others and likelihood - max(others) > MIN_EVIDENCE:
                fact_type = type(getattr(card, name))
                updates[name] = fact_type(value=best[place], source="measured", evidence=evidence)
    return card.model_copy(update=updates)


def _log_likelihoods(probabilities: NDArray[Any], outputs: Outputs | None) -> NDArray[Any]:
    """For each picture and label, of this label alone: where labels are independent, the others count as not there."""
    has, has_not = (np.log(np.clip(numbers, 1e-6, 1)) for numbers in (probabilities, 1 - probabilities))
    return np.asarray(has - has_not + has_not.sum(1, keepdims=True) if outputs in INDEPENDENT else has)


def _plain(described: DescribedModel) -> keras.Model:
    """A model that takes one tensor and returns one, not in a dict or list."""
    model, given = described.model, described.card.inputs[0]
    if isinstance(model, BlackBox):
        return model
    if not isinstance(getattr(model, "input", None), dict | list) and not isinstance(model.output_shape, dict | list):
        return model
    inputs = keras.Input(given.shape, dtype=given.dtype)
    return keras.Model(inputs, only_tensor(model(as_model_input(model, inputs), training=False)))


def _snapshot_files(folder: Path) -> list[Path]:
    if not folder.exists():
        raise UsageError(f"{folder}: no such folder of snapshots")
    files = [folder] if folder.is_file() else find_media(folder, is_image)
    if not files:
        raise StillmotionError(f"{folder}: no pictures in this folder")
    return files


def _spread(files: Sequence[Path], count: int) -> list[Path]:
    """Some of the files, evenly over all of them."""
    if not files:
        return []
    return [files[place] for place in np.unique(np.linspace(0, len(files) - 1, min(count, len(files))).astype(int))]


def _read_pictures(files: Sequence[Path], card: ModelCard) -> tuple[NDArray[np.uint8], list[Path]]:
    """Pictures, or the middle frames of videos, `(n, height, width, 3)`; and the files that could be read."""
    pictures, kept = [], []
    framing = card.framing.value or "stretch"
    for file in files:
        try:
            middle = [float(probe(file).seconds) / 2]
            pictures.append(read_frames(file, middle, *card.size, framing).images[0])
        except UnreadableVideoError:
            continue
        kept.append(file)
    return np.array(pictures, np.uint8).reshape(-1, *card.size, 3), kept
