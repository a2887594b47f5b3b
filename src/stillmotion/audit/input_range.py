"""The range of numbers that a model expects: from its layers, its statistics, labeled snapshots, or a frame reader."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import keras
import numpy as np

from stillmotion.audit.audited_model import AuditedModel
from stillmotion.audit.faults.scaling import LEVELS
from stillmotion.audit.frame_reader import FrameReader, sample_evenly
from stillmotion.audit.resampling import Floats, Picture
from stillmotion.audit.snapshots import Snapshot
from stillmotion.audit.video_index import IndexedVideo
from stillmotion.models.keras_graph import iter_layers

USUAL_RANGES = ("0..255", "0..1", "-1..1", "ImageNet mean and deviation", "ImageNet mean of BGR")
MAX_PICTURES = 16  # that the statistics of a layer are computed on
MAX_VIDEOS = 8  # that these are taken from, where there are no snapshots
MIN_LABELED = 4  # snapshots that are needed to find a range by their labels
MIN_RATIO = 1.15  # by which the second best range must fit worse

RangeSource = Literal[
    "given", "rescaling", "normalization", "batch_normalization", "labeled_snapshots", "frame_reader", "assumed"
]


@dataclass(frozen=True)
class RangeEvidence:
    """A range, and how it is known.

    Attributes:
        input_range: the range.
        source: how it is known.
        name: of the layer or of the frame reader that it is known from.
        value: what was read or measured there: 1 / scale, the largest mean, the distance of the statistics in standard
            deviations, the accuracy on labeled snapshots.
        runner_up: the range that fits second best.
        runner_up_value: the same measure for it.
    """

    input_range: str
    source: RangeSource
    name: str = ""
    value: float = 0.0
    runner_up: str = ""
    runner_up_value: float = 0.0


def choose_input_range(
    audited: AuditedModel,
    videos: Sequence[IndexedVideo],
    snapshots: Sequence[Snapshot],
    reader: FrameReader | None,
) -> RangeEvidence:
    """Find the range that a model expects, by the most direct evidence available.

    Args:
        audited: the model; its range is taken as given unless it is None.
        videos: for frames, where there are no snapshots.
        snapshots: for pictures, and for labels.
        reader: the user's frame reader, which is believed if nothing else says anything.

    Returns:
        The range and how it is known.
    """
    if audited.input_range is not None:
        return RangeEvidence(audited.input_range, "given")
    pictures = [snapshot.picture for snapshot in snapshots[:MAX_PICTURES]]
    evidence = find_input_range(audited, pictures or [video.picture(len(video) // 2) for video in videos[:MAX_VIDEOS]])
    if evidence is not None:
        return evidence
    if sum(snapshot.label is not None for snapshot in snapshots) >= MIN_LABELED:
        from stillmotion.audit.preprocessing import find_preprocessing

        best = find_preprocessing(audited, snapshots)[0]
        return RangeEvidence(best.input_range, "labeled_snapshots", value=best.accuracy)
    if reader is not None:
        _, sample = sample_evenly(reader.read(videos[0].file, *audited.size))
        low = min(float(picture.min()) for _, picture in sample)
        high = max(float(picture.max()) for _, picture in sample)
        levels = not 0.05 < high <= 1 or low < -1
        return RangeEvidence(LEVELS if levels else "0..1" if low >= 0 else "-1..1", "frame_reader", reader.name)
    return RangeEvidence(LEVELS, "assumed")


def find_input_range(audited: AuditedModel, pictures: Sequence[Picture]) -> RangeEvidence | None:
    """Find the range that a model expects by its layers.

    By its first Rescaling or Normalization, or else by which range gives its first BatchNormalization the statistics
    that it has learned.

    Args:
        audited: the model.
        pictures: RGB, 0 to 255, of any size.

    Returns:
        The range and how it is known; None if the layers do not say.
    """
    for layer in iter_layers(audited.model):
        if isinstance(layer, keras.layers.Rescaling):
            scale = float(np.max(np.asarray(layer.scale)))
            if scale < 0.05:
                return RangeEvidence("0..255", "rescaling", layer.name, 1 / scale)
            if abs(scale - 2) < 0.01 and abs(float(np.min(np.asarray(layer.offset))) + 1) < 0.01:
                return RangeEvidence("0..1", "rescaling", layer.name, 1 / scale)
        if isinstance(layer, keras.layers.Normalization) and layer.mean is not None:
            largest = float(np.max(np.abs(keras.ops.convert_to_numpy(layer.mean))))
            return RangeEvidence("0..255" if largest > 2 else "0..1", "normalization", layer.name, largest)
    if not pictures:
        return None
    distances: dict[str, float] = {}
    for input_range in USUAL_RANGES:
        fed = dataclasses.replace(audited, input_range=input_range)
        values = fed.as_inputs(np.stack([fed.feed(picture) for picture in pictures[:MAX_PICTURES]]))
        distance = _distance_from_learned_statistics(audited.model, values)
        if distance is not None:
            distances[input_range] = distance
    if not distances:
        return None
    best, second = sorted(distances, key=lambda name: distances[name])[:2]
    if distances[second] < MIN_RATIO * distances[best]:
        return None
    return RangeEvidence(
        best, "batch_normalization", value=distances[best], runner_up=second, runner_up_value=distances[second]
    )


def _distance_from_learned_statistics(model: keras.Model, values: Floats) -> float | None:
    """How far the first BatchNormalization's input is from what it has learned, in standard deviations.

    None without such a layer, or if its input cannot be computed.
    """
    for layer in model.layers:
        is_norm = isinstance(layer, keras.layers.BatchNormalization)
        contains_norm = isinstance(layer, keras.Model) and any(
            isinstance(inner, keras.layers.BatchNormalization) for inner in iter_layers(layer)
        )
        if not is_norm and not contains_norm:
            continue
        try:
            inputs = keras.ops.convert_to_numpy(keras.Model(model.input, layer.input)(values, training=False))
        except (AttributeError, ValueError):
            return None
        if contains_norm:
            return _distance_from_learned_statistics(layer, np.asarray(inputs))
        flat = np.asarray(inputs, np.float64).reshape(-1, inputs.shape[-1])
        mean = np.asarray(keras.ops.convert_to_numpy(layer.moving_mean), np.float64)
        variance = np.asarray(keras.ops.convert_to_numpy(layer.moving_variance), np.float64) + 1e-6
        spread = np.abs(np.log((flat.var(0) + 1e-6) / variance)).mean() / 2
        return float((np.abs(flat.mean(0) - mean) / np.sqrt(variance)).mean() + spread)
    return None
