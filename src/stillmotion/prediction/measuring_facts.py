"""Measure with pictures how a model is fed: by the statistics of a layer, and by the pictures' labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from stillmotion.data.media import find_media, is_image
from stillmotion.decoding import probe, read_frames
from stillmotion.errors import StillmotionError, UnreadableVideoError, UsageError
from stillmotion.models.adapters import as_model_input, feed_array, only_tensor, probability_array
from stillmotion.models.card_reading import read_statistics
from stillmotion.models.cards import INPUT_RANGES, Channels, Fact, ModelCard, Outputs
from stillmotion.models.inference import predict_in_batches
from stillmotion.prediction.black_boxes import BlackBox
from stillmotion.prediction.reading_facts import or_logits

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


def measure_facts(
    model: keras.Model, card: ModelCard, snapshots: str | Path | None, videos: Sequence[Path]
) -> ModelCard:
    """Find out what pictures tell: by a layer's statistics, then by their labels.

    Args:
        model: the model.
        card: what is known of it.
        snapshots: a folder of pictures such as it was trained on, or one picture.
        videos: videos whose frames stand in for them.

    Returns:
        The card with what was found out.

    Raises:
        UsageError: there is no such folder.
        StillmotionError: it holds no pictures.
    """
    files = [] if snapshots is None else _snapshot_files(Path(snapshots))
    pictures, _ = _read_pictures(_spread(files, MAX_PICTURES) or videos[:MAX_PICTURES], card)
    if card.input_range.value is None and len(pictures) >= MIN_PICTURES:
        reading = read_statistics(model, card, pictures)
        if reading is not None and reading.value <= MAX_DISTANCE:
            evidence = f"{len(pictures)} pictures fit what {reading.layer} has learned, better than {reading.runner_up}"
            fact = Fact[str](value=reading.input_range, source="measured", evidence=evidence)
            card = card.model_copy(update={"input_range": fact})
    tried = _with_folders(card, files) if card.labels.source == "assumed" else card
    labeled = [file for file in files if file.parent.name in (tried.labels.value or ())]
    if len(labeled) < MIN_LABELED or tried.outputs.value in (None, "regression"):
        return card
    try:
        return _measure(model, tried, labeled)
    except _FoldersDoNotFitError as error:
        labels = {"evidence": f"numbers; the folders of the snapshots {error}"}
        return card.model_copy(update={"labels": card.labels.model_copy(update=labels)})


def _with_folders(card: ModelCard, files: Sequence[Path]) -> ModelCard:
    """The card with the names of the pictures' folders as labels, in Keras's order, if there are as many."""
    folders = tuple(sorted({file.parent.name for file in files}))
    if len(folders) != len(card.labels.value or ()) or len(folders) < 2:
        return card
    labels = Fact[tuple[str, ...]](value=folders, source="measured")
    return card.model_copy(update={"labels": labels, "outputs": or_logits(card.outputs)})


class _FoldersDoNotFitError(Exception):
    """The names of the snapshots' folders, sorted, are not what the model's outputs are."""


def _measure(model: keras.Model, card: ModelCard, files: Sequence[Path]) -> ModelCard:
    """Range and channel order with which labeled snapshots are predicted best, where the difference is clear.

    Raises:
        _FoldersDoNotFitError: the labels are names of folders, and other orders of them, or chance, predict as well.
    """
    names = card.labels.value or ()
    pictures, kept = _read_pictures(_spread(files, MAX_LABELED), card)
    truth = np.array([names.index(file.parent.name) for file in kept])
    clips = np.repeat(pictures[:, None], card.frames.value or 1, axis=1)
    ranges = [card.input_range.value] if card.input_range.value else list(INPUT_RANGES)
    orders: list[Channels] = [card.channels.value] if card.channels.value else ["RGB", "BGR"]
    ways: dict[tuple[str, Channels], tuple[float, float]] = {}
    other_orders = -np.inf
    model = _plain(model, card)
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


def _plain(model: keras.Model, card: ModelCard) -> keras.Model:
    """A model that takes one tensor and returns one, not in a dict or list."""
    given = card.inputs[0]
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
