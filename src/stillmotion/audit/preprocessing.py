"""The preprocessing that a model was trained with, found by trying all ways on labeled snapshots."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import product

import numpy as np

from stillmotion.audit.audited_model import AuditedModel
from stillmotion.audit.faults import CHANNEL_ORDER, FRAMING, SCALING
from stillmotion.audit.input_range import USUAL_RANGES
from stillmotion.audit.records import Preprocessing
from stillmotion.audit.resampling import resize
from stillmotion.audit.snapshots import Snapshot
from stillmotion.errors import UsageError

KERNELS = ("nearest, centered", "linear", "linear, antialiased", "area")
FRAMINGS = ("stretch", "crop", "letterbox")
RESAMPLES = 1000


def find_preprocessing(audited: AuditedModel, snapshots: Sequence[Snapshot]) -> tuple[Preprocessing, ...]:
    """Try every way to preprocess labeled snapshots.

    Args:
        audited: the model; how it is fed does not matter.
        snapshots: those with a label are used.

    Returns:
        The ways, the likeliest first.

    Raises:
        UsageError: fewer than two snapshots have labels.
    """
    labeled = [(snapshot.picture, snapshot.label) for snapshot in snapshots if snapshot.label is not None]
    if len(labeled) < 2:
        raise UsageError(
            "--find-preprocessing: needs labeled snapshots: --snapshots with one folder per label "
            f"({', '.join(audited.labels[:3])}...)"
        )
    truth = np.array([audited.labels.index(label) for _, label in labeled])
    ways, log_likelihoods = [], []
    for framing, kernel in product(FRAMINGS, KERNELS):
        pictures = [
            resize(FRAMING.apply(picture, framing, audited.size), *audited.size, kernel) for picture, _ in labeled
        ]
        for input_range, channels in product(USUAL_RANGES, ("RGB", "BGR")):
            values = [SCALING.apply(CHANNEL_ORDER.apply(picture, channels), input_range) for picture in pictures]
            probabilities = audited.predict(values)
            per_snapshot = np.log(np.clip(probabilities[np.arange(len(truth)), truth], 1e-6, 1))
            log_likelihoods.append(per_snapshot)
            accuracy = float((probabilities.argmax(1) == truth).mean())
            ways.append(
                Preprocessing(input_range, channels, kernel, framing, float(per_snapshot.sum()), accuracy, 0.0, 0.0)
            )
    totals = np.array([way.log_likelihood for way in ways])
    probability = np.exp(totals - totals.max())
    probability /= probability.sum()
    drawn = np.random.default_rng((0, len(truth))).multinomial(
        len(truth), np.full(len(truth), 1 / len(truth)), RESAMPLES
    )
    best = np.bincount((drawn @ np.array(log_likelihoods).T).argmax(1), minlength=len(ways)) / RESAMPLES
    ways = [
        dataclasses.replace(way, probability=float(weight), best=float(share))
        for way, weight, share in zip(ways, probability, best, strict=True)
    ]
    return tuple(sorted(ways, key=lambda way: -way.log_likelihood))
