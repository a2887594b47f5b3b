"""The preprocessing that a model was trained with, found by trying all ways on labeled snapshots."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from itertools import product

import numpy as np

from stillmotion.audit.audited_model import AuditedModel
from stillmotion.audit.faults import CHANNEL_ORDER, FRAMING, SCALING
from stillmotion.audit.input_range import USUAL_RANGES
from stillmotion.audit.label_fit import best_order, names_by_output, noisy_log_likelihoods
from stillmotion.audit.records import Preprocessing
from stillmotion.audit.resampling import resize
from stillmotion.audit.snapshots import Snapshot
from stillmotion.errors import UsageError

KERNELS = ("nearest, centered", "linear", "linear, antialiased", "area")
FRAMINGS = ("stretch", "crop", "letterbox")
RESAMPLES = 1000


def find_preprocessing(audited: AuditedModel, snapshots: Sequence[Snapshot]) -> tuple[Preprocessing, ...]:
    """Try every way to preprocess labeled snapshots, each with the order of labels that fits it best.

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
    # Each order of labels but the given one is as much less likely beforehand as there are orders.
    prior = -math.log(math.perm(len(audited.labels), len(np.unique(truth))))
    ways, scores, log_likelihoods = [], [], []
    for framing, kernel in product(FRAMINGS, KERNELS):
        pictures = [
            resize(FRAMING.apply(picture, framing, audited.size), *audited.size, kernel) for picture, _ in labeled
        ]
        for input_range, channels in product(USUAL_RANGES, ("RGB", "BGR")):
            values = [SCALING.apply(CHANNEL_ORDER.apply(picture, channels), input_range) for picture in pictures]
            probabilities = audited.predict(values)
            by_output = noisy_log_likelihoods(probabilities)
            given, best = np.arange(len(audited.labels)), best_order(by_output, truth)
            sums = [float(by_output[np.arange(len(truth)), order[truth]].sum()) for order in (given, best)]
            order = best if sums[1] + prior > sums[0] else given
            per_snapshot = by_output[np.arange(len(truth)), order[truth]]
            log_likelihoods.append(per_snapshot)
            scores.append(per_snapshot.sum() + (prior if order is best else 0.0))
            ways.append(
                Preprocessing(
                    input_range=input_range,
                    channels=channels,
                    resizing=kernel,
                    framing=framing,
                    labels=names_by_output(audited.labels, order),
                    log_likelihood=float(per_snapshot.sum()),
                    accuracy=float((probabilities.argmax(1) == order[truth]).mean()),
                    probability=0.0,
                    best=0.0,
                )
            )
    probability = np.exp(np.array(scores) - max(scores))
    probability /= probability.sum()
    drawn = np.random.default_rng((0, len(truth))).multinomial(
        len(truth), np.full(len(truth), 1 / len(truth)), RESAMPLES
    )
    likeliest = (drawn @ np.array(log_likelihoods).T).argmax(1)
    ways = [
        dataclasses.replace(way, probability=float(weight), best=float(share))
        for way, weight, share in zip(
            ways, probability, np.bincount(likeliest, minlength=len(ways)) / RESAMPLES, strict=True
        )
    ]
    return tuple(sorted(ways, key=lambda way: -way.probability))
