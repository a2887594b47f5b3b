"""Do labeled snapshots get their labels, and if not: with which order of labels, channels or range would they?

Wrong labels, channels or ranges that the snapshots and the video share change nothing between the two paths. Only the
snapshots' own labels show them. Every usual way to feed the model is tried with the given order of labels and with the
one that fits best (the assignment problem, Kuhn 1955). Ways that the labels do not tell apart are named together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from stillmotion.audit.audited_model import AuditedModel
from stillmotion.audit.comparing_paths import PathComparison
from stillmotion.audit.faults.scaling import LEVELS
from stillmotion.audit.input_range import USUAL_RANGES
from stillmotion.audit.resampling import Floats

LABEL_ORDER = "label_order"  # the cause's id
MIN_LABELED = 4  # snapshots, of two labels or more
MIN_VIDEOS = 3  # with fewer, snapshots count as independent
LABEL_NOISE = 0.05  # how often a snapshot may have a wrong label, so that no single one decides
MIN_PROBABILITY = 0.05  # of a way that is named; the model as it is fed must be less likely than MAX_AS_FED
MAX_AS_FED = 0.01
MAX_WAYS = 4  # that are named together
RESAMPLES = 1000
# Prior probabilities by whether the range or the channels, and whether the order of labels, are other ones.
PRIORS = {(False, False): 0.5, (True, False): 0.2, (False, True): 0.2, (True, True): 0.1}


@dataclass(frozen=True)
class LabelFit:
    """One way to feed the model and to name its outputs, and how well labeled snapshots fit it.

    Attributes:
        input_range: the range of numbers.
        channels: "RGB" or "BGR".
        labels: by output.
        accuracy: the share of labeled snapshots that get their label.
        probability: of this way among all that were tried.
        refed: whether the range or the channel order is another one than the model is fed.
        reordered: whether the order of labels is another one than the given one.
    """

    input_range: str
    channels: str
    labels: tuple[str, ...]
    accuracy: float
    probability: float
    refed: bool
    reordered: bool


@dataclass(frozen=True)
class LabelFault:
    """Labeled snapshots do not get their labels, and what would give them those.

    Attributes:
        ways: the likeliest first; the labels do not tell them apart.
        as_fed: the model as it is fed.
        count: how many labeled snapshots there are.
        share: the share of the wrong labels that the likeliest way corrects.
        low: the lower end of its 95 % interval over videos.
        high: the upper end.
    """

    ways: tuple[LabelFit, ...]
    as_fed: LabelFit
    count: int
    share: float
    low: float
    high: float


def best_order(log_likelihoods: NDArray[np.float64], truth: NDArray[np.int64]) -> NDArray[np.int64]:
    """The output that belongs to each label, so that the labels of all snapshots are likeliest.

    Args:
        log_likelihoods: `(n, labels)`, of each output for each snapshot.
        truth: `(n,)`, each snapshot's label.

    Returns:
        `(labels,)`. Labels without snapshots keep their output where it is free.
    """
    count = log_likelihoods.shape[1]
    gains = np.zeros((count, count))
    np.add.at(gains, truth, log_likelihoods)
    gains += 1e-6 * np.eye(count)  # the given order, if in doubt
    order: NDArray[np.int64] = linear_sum_assignment(-gains)[1].astype(np.int64)
    return order


def names_by_output(labels: Sequence[str], order: NDArray[np.int64]) -> tuple[str, ...]:
    """The labels in the order of the outputs, where `order` holds each label's output."""
    return tuple(labels[int(label)] for label in np.argsort(order))


def noisy_log_likelihoods(probabilities: Floats) -> NDArray[np.float64]:
    """Of each label, if a few snapshots have wrong labels: `(n, labels)`."""
    numbers = probabilities.astype(np.float64)
    result: NDArray[np.float64] = np.log((1 - LABEL_NOISE) * numbers + LABEL_NOISE / numbers.shape[1])
    return result


def find_label_fault(audited: AuditedModel, comparison: PathComparison) -> LabelFault | None:
    """Find out whether another order of labels, channels or range fits the labels of snapshots clearly better.

    Args:
        audited: the model as it is fed.
        comparison: the snapshots; those with a label are used.

    Returns:
        What is wrong; None if the model as it is fed is not clearly worse than anything else, or if the frames of the
        snapshots get their labels: then the two paths differ, which attribution explains.
    """
    labeled = [entry for entry in comparison.matched if entry.snapshot.label is not None]
    truth = np.array([audited.labels.index(str(entry.snapshot.label)) for entry in labeled], np.int64)
    if len(labeled) < MIN_LABELED or len(np.unique(truth)) < 2 or audited.independent:
        return None  # of independent labels, a folder's name says only one
    frames = [compared for compared in comparison.compared if compared.snapshot.label is not None]
    if frames:
        of_frames = np.array([audited.labels.index(str(compared.snapshot.label)) for compared in frames], np.int64)
        predicted = np.array([compared.attribution.video_probabilities.argmax() for compared in frames])
        if _fits(predicted == of_frames, of_frames):
            return None
    videos = [str(entry.match.video.file if entry.match else entry.snapshot.file) for entry in labeled]
    groups = np.unique(videos, return_inverse=True)[1] if len(set(videos)) >= MIN_VIDEOS else np.arange(len(truth))
    fed = (audited.input_range or LEVELS, audited.channels)
    fits: list[LabelFit] = []
    correct: list[NDArray[np.bool_]] = []
    scores: list[float] = []
    orders = math.perm(len(audited.labels), len(np.unique(truth))) - 1  # other ones than the given one
    for way in dict.fromkeys([fed, *product(USUAL_RANGES, ("RGB", "BGR"))]):
        as_tried = replace(audited, input_range=way[0], channels=way[1])
        probabilities = as_tried.predict([as_tried.feed(entry.snapshot.picture) for entry in labeled])
        log_likelihoods = noisy_log_likelihoods(probabilities)
        given = np.arange(len(audited.labels))
        best = best_order(log_likelihoods, truth)
        for order in (given,) if (best == given)[np.unique(truth)].all() else (given, best):
            refed, reordered = way != fed, order is best
            prior = PRIORS[refed, reordered] / ((len(USUAL_RANGES) * 2 - 1) ** refed * orders**reordered)
            right = probabilities.argmax(1) == order[truth]
            names = names_by_output(audited.labels, order)
            fits.append(LabelFit(*way, names, float(right.mean()), 0.0, refed, reordered))
            correct.append(right)
            by_snapshot = log_likelihoods[np.arange(len(truth)), order[truth]]
            # Snapshots of one video are not independent: a video counts once.
            scores.append(math.log(prior) + float((np.bincount(groups, by_snapshot) / np.bincount(groups)).sum()))
    weights = np.exp(np.array(scores) - max(scores))
    weights /= weights.sum()
    if weights[0] >= MAX_AS_FED:
        return None
    drawn = _resample(groups)
    before = _balanced(correct[0], truth, drawn)
    chosen: list[int] = []
    for number in np.argsort(-weights, kind="stable").tolist():
        gain = _balanced(correct[number], truth, drawn) - before
        # Certain predictions that are wrong are unlikely, so that worse but less certain ones may seem likelier.
        clearly_better = float(np.quantile(gain, 0.025)) > 0
        # What also changes something else than a likelier way explains nothing more.
        changed = _changes(fits[number], fits[0])
        superfluous = any(_changes(fits[other], fits[0]) <= changed for other in chosen)
        if weights[number] < MIN_PROBABILITY:
            break
        if clearly_better and not superfluous and _fits(correct[number], truth):
            chosen.append(number)
    if not chosen:
        return None
    share, *interval = _corrected(correct[chosen[0]], correct[0], drawn)
    ways = tuple(replace(fits[number], probability=float(weights[number])) for number in chosen[:MAX_WAYS])
    return LabelFault(ways, fits[0], len(truth), share, *interval)


def _changes(way: LabelFit, as_fed: LabelFit) -> set[tuple[str, ...]]:
    """What a way changes."""
    values = ((way.input_range, as_fed.input_range), (way.channels, as_fed.channels), (way.labels, as_fed.labels))
    return {tuple(value) for value, fed in values if value != fed}


def _resample(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often each snapshot occurs in resamples of the groups: `(resamples, snapshots)`."""
    count = int(groups.max()) + 1
    rng = np.random.default_rng((0, count))
    drawn: NDArray[np.int64] = rng.multinomial(count, np.full(count, 1 / count), size=RESAMPLES)[:, groups]
    return drawn


def _balanced(
    right: NDArray[np.bool_], truth: NDArray[np.int64], drawn: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """The accuracy, averaged over labels, so that a model that always says the same gains nothing: `(resamples,)`."""
    weights = np.ones((1, len(truth))) if drawn is None else drawn.astype(np.float64)
    is_label = (truth[:, None] == np.unique(truth)).astype(np.float64)
    counts = weights @ is_label
    by_label = (weights * right) @ is_label / np.maximum(counts, 1)
    result: NDArray[np.float64] = by_label.sum(1) / (counts > 0).sum(1)
    return result


def _fits(right: NDArray[np.bool_], truth: NDArray[np.int64]) -> bool:
    """Whether most labels are right: the balanced accuracy is nearer to 1 than to chance."""
    return float(_balanced(right, truth)[0]) >= (1 + 1 / len(np.unique(truth))) / 2


def _corrected(
    right: NDArray[np.bool_], before: NDArray[np.bool_], drawn: NDArray[np.int64]
) -> tuple[float, float, float]:
    """The share of wrong labels that are right now, and its 95 % interval."""
    gains, wrong = right.astype(int) - before.astype(int), ~before
    counts = drawn @ wrong
    shares = (drawn @ gains)[counts > 0] / counts[counts > 0]
    low, high = np.quantile(shares, [0.025, 0.975])
    return float(gains.sum() / wrong.sum()), float(low), float(high)
