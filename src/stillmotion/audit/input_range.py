"""The range of numbers that a model expects: from its layers, its statistics, labeled snapshots, or a frame reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from stillmotion.audit.audited_model import AuditedModel
from stillmotion.audit.faults.scaling import AUDIT_RANGES, LEVELS
from stillmotion.audit.frame_reader import FrameReader, sample_evenly
from stillmotion.audit.resampling import Picture
from stillmotion.audit.snapshots import Snapshot
from stillmotion.audit.video_index import IndexedVideo
from stillmotion.models.card_reading import read_scaling, read_statistics

USUAL_RANGES = ("0..255", "0..1", "-1..1", "ImageNet mean and deviation", "ImageNet mean of BGR")
MAX_PICTURES = 16  # that the statistics of a layer are computed on
MAX_VIDEOS = 8  # that these are taken from, where there are no snapshots
MIN_LABELED = 4  # snapshots that are needed to find a range by their labels

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

    By how it scales its input, or else by which range gives its first BatchNormalization the statistics
    that it has learned.

    Args:
        audited: the model.
        pictures: RGB, 0 to 255, of any size.

    Returns:
        The range and how it is known; None if the layers do not say.
    """
    reading, _ = read_scaling(audited.model, audited.card)
    if reading is not None:
        value = 1 / reading.value if reading.input_range == LEVELS else reading.value
        return RangeEvidence(reading.input_range, "rescaling", reading.layer, value)
    if not pictures:
        return None
    resized = [audited.fit(picture) for picture in pictures[:MAX_PICTURES]]
    levels = np.clip(np.rint(np.stack(resized)), 0, 255).astype(np.uint8)
    reading = read_statistics(audited.model, audited.card, levels)
    if reading is None:
        return None
    best, second = (AUDIT_RANGES.get(name, name) for name in (reading.input_range, reading.runner_up))
    return RangeEvidence(
        best,
        "batch_normalization",
        reading.layer,
        reading.value,
        runner_up=second,
        runner_up_value=reading.runner_up_value,
    )
