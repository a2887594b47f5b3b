"""What a model expects: its range, from its layers; all of its preprocessing, from labelled snapshots."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import product

import keras
import numpy as np

from stillmotion.audit.audited_model import AuditedModel, Floats, all_layers
from stillmotion.audit.comparing_paths import feed
from stillmotion.audit.faults import FAULTS
from stillmotion.audit.faults.framing import FRAMING
from stillmotion.audit.records import Preprocessing
from stillmotion.audit.resampling import Picture, resize
from stillmotion.audit.snapshots import Snapshot
from stillmotion.errors import UsageError

USUAL = ("0..255", "0..1", "-1..1", "ImageNet mean and deviation", "ImageNet mean of BGR")
KERNELS = ("nearest, centred", "linear", "linear, smooth", "area")
RESAMPLES = 1000
FRAMINGS = ("stretch", "crop", "letterbox")


def find_range(subject: AuditedModel, pictures: Sequence[Picture]) -> tuple[str | None, str]:
    """The range that the model expects, and what says so; None where nothing does.

    By its first Rescaling or Normalization; else by which range gives its first BatchNormalization the statistics that
    it learned. pictures: RGB of 0 to 255, any size.
    """
    for layer in all_layers(subject.model):
        if isinstance(layer, keras.layers.Rescaling):
            scale = float(np.max(np.asarray(layer.scale)))
            if scale < 0.05:
                return "0..255", f"its layer {layer.name} scales by 1/{1 / scale:.4g}"
            if abs(scale - 2) < 0.01 and abs(float(np.min(np.asarray(layer.offset))) + 1) < 0.01:
                return "0..1", f"its layer {layer.name} takes 0..1 to -1..1"
        if isinstance(layer, keras.layers.Normalization) and layer.mean is not None:
            largest = float(np.max(np.abs(keras.ops.convert_to_numpy(layer.mean))))
            return ("0..255" if largest > 2 else "0..1"), f"its layer {layer.name} subtracts up to {largest:.3g}"
    if subject.kind == "clip" and subject.model.layers and not pictures:
        return None, ""
    off: dict[str, float] = {}
    for scale_name in USUAL:
        fed = dataclasses.replace(subject, scale=scale_name)
        values = subject.batch(np.stack([feed(fed, picture) for picture in pictures[:16]]))
        found = _statistics_off(subject.model, values)
        if found is not None:
            off[scale_name] = found
    if not off:
        return None, ""
    best, second = sorted(off, key=lambda name: off[name])[:2]
    if off[second] < 1.15 * off[best]:
        return None, ""
    by = f"({off[best]:.2f} off; {second}: {off[second]:.2f})"
    return best, f"its BatchNormalization learned statistics that {best} gives {by}"


def _statistics_off(model: keras.Model, values: Floats) -> float | None:
    """How far the first BatchNormalization's input is from what it learned, in deviations; None without one."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            try:
                inside = keras.ops.convert_to_numpy(keras.Model(model.input, layer.input)(values, training=False))
            except (AttributeError, ValueError):
                return None
            flat = np.asarray(inside, np.float64).reshape(-1, inside.shape[-1])
            mean = np.asarray(keras.ops.convert_to_numpy(layer.moving_mean), np.float64)
            variance = np.asarray(keras.ops.convert_to_numpy(layer.moving_variance), np.float64) + 1e-6
            spread = np.abs(np.log((flat.var(0) + 1e-6) / variance)).mean() / 2
            return float((np.abs(flat.mean(0) - mean) / np.sqrt(variance)).mean() + spread)
        if isinstance(layer, keras.Model) and any(
            isinstance(one, keras.layers.BatchNormalization) for one in all_layers(layer)
        ):
            try:
                inner = keras.Model(model.input, layer.input)(values, training=False)
            except (AttributeError, ValueError):
                return None
            return _statistics_off(layer, np.asarray(keras.ops.convert_to_numpy(inner)))
    return None


def find_preprocessing(subject: AuditedModel, snapshots: Sequence[Snapshot]) -> tuple[Preprocessing, ...]:
    """Every way to feed labelled snapshots, the likeliest first; `probability` is with all ways equal beforehand.

    Raises:
        UsageError: the snapshots are not labelled: their folders do not have labels' names.
    """
    labelled = [one for one in snapshots if one.label is not None]
    if len(labelled) < 2:
        raise UsageError(
            "--find-preprocessing: needs labelled snapshots: --snapshots with a folder for each label "
            f"({', '.join(subject.labels[:3])}...)"
        )
    truth = np.array([subject.labels.index(one.label or "") for one in labelled])
    rows, each = [], []
    for framing, kernel in product(FRAMINGS, KERNELS):
        pictures = [
            resize(FRAMING.apply(one.picture, framing, subject.size), *subject.size, kernel) for one in labelled
        ]
        for scale, channels in product(USUAL, ("RGB", "BGR")):
            ordered = [FAULTS["channel order"].apply(picture, channels, subject.size) for picture in pictures]
            values = [FAULTS["scaling"].apply(picture, scale, subject.size) for picture in ordered]
            found = subject.answers(values)
            each.append(np.log(np.clip(found[np.arange(len(truth)), truth], 1e-6, 1)))
            right = float((found.argmax(1) == truth).mean())
            rows.append(Preprocessing(scale, channels, kernel, framing, float(each[-1].sum()), right, 0.0, 0.0))
    likelihoods = np.array([row.log_likelihood for row in rows])
    weights = np.exp(likelihoods - likelihoods.max())
    weights /= weights.sum()
    drawn = np.random.default_rng((0, len(truth))).multinomial(
        len(truth), np.full(len(truth), 1 / len(truth)), RESAMPLES
    )
    best = np.bincount((drawn @ np.array(each).T).argmax(1), minlength=len(rows)) / RESAMPLES
    rows = [
        dataclasses.replace(row, probability=float(weight), best=float(share))
        for row, weight, share in zip(rows, weights, best, strict=True)
    ]
    return tuple(sorted(rows, key=lambda row: -row.log_likelihood))
