"""Coverage by simulation of the intervals that the verdict and accuracies rest on; prints Markdown tables.

    python benchmarks/coverage.py [--draws 4000] [--again 40000]

Each draw is a test set with a given number of groups. Two models disagree on a clip with probabilities (only motion
right, only still right) that vary between groups as a Dirichlet distribution, so that two clips of a group have a given
correlation. The cells are over the shapes below: clips per group, equal or not, and their correlation. *too high* is
the share of intervals that lie wholly above the truth: with the truth at the margin, the share of false *motion
needed*. *too low* is likewise the share of false *stills suffice*. Both are those of the worst shape. For comparison
there are the percentile bootstrap over groups and the textbook interval with cluster-robust standard errors, which
have no width where nothing disagrees.

The ladder's rule, guessing, missed labels, balanced accuracy, the leaning and looking again are drawn in settings of
their own, each with a truth at which a claim is just false: its share of claims must be at most 2.5 %.
"""

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
from scipy.special import expit, ndtri, softmax

from stillmotion.comparison.choosing import Choice, error_shares
from stillmotion.comparison.deciding import decide_among
from stillmotion.comparison.leaning import LEANING_LEVEL, brier_gain, brier_scores
from stillmotion.comparison.measuring import Measure
from stillmotion.comparison.metrics import compute_metrics
from stillmotion.comparison.per_label import label_gains, missed_labels, pair_gains
from stillmotion.comparison.predictions import Predictions
from stillmotion.models import STILL_RUNGS
from stillmotion.statistics import (
    Estimate,
    Floats,
    Ints,
    balancing_weights,
    cluster_robust_interval,
    estimate_balanced,
    estimate_mean,
    proportion_interval,
    sequential_level,
)

GROUPS = (5, 10, 20, 50, 100)
DIFFERENCES = {  # only motion right, only still right
    "both always right": (0.0, 0.0),
    "equal, rarely differ": (0.02, 0.02),
    "equal, often differ": (0.2, 0.2),
    "at the margin, one-sided": (0.05, 0.0),
    "at the margin": (0.1, 0.05),
    "at the margin, often differ": (0.3, 0.25),
    "at the margin, hardly ever agree": (0.5, 0.45),
    "motion gains 0.45": (0.5, 0.05),
    "motion gains 0.88": (0.9, 0.02),
    "motion loses 0.10, one-sided": (0.0, 0.1),
}
SEED_LOGITS, CLIP_SPREAD = (0.8, 1.6), 0.8  # of the still and the motion model; of groups, and of clips in them
SEED_SPREADS = (0.0, 0.15, 0.4)
ACCURACIES = (0.1, 0.5, 0.8, 0.95, 0.99, 1.0)
SHAPES = (  # clips of each group, or what the first group holds beside single clips; correlation
    (1, 0.0),
    (2, 0.5),
    (5, 0.0),
    (5, 0.3),
    (5, 1.0),
    (25, 0.1),
    ("half in one group", 0.0),
    ("half in one group", 0.3),
    ("sizes fall off", 0.2),
    ("sizes fall off", 1.0),
    ("two of 20", 0.3),
    ("two of 20", 1.0),
    ("three of 25", 0.3),
    ("three of 25", 1.0),
    ("four of 10", 0.3),
)
LARGE = {"two of 20": (2, 20), "three of 25": (3, 25), "four of 10": (4, 10)}  # the other groups are single clips
MARGIN = 0.05
LADDERS = {  # accuracy of two still and three motion rungs, at the margin
    "all motion rungs at the margin": (0.6, 0.6, 0.65, 0.65, 0.65),
    "one motion rung at the margin": (0.6, 0.6, 0.4, 0.4, 0.65),
    "one still rung far below": (0.3, 0.6, 0.4, 0.65, 0.65),
    "accurate": (0.9, 0.9, 0.95, 0.95, 0.95),
}
# Clips of a rare label in 100, its recall by the still model and by motion, and the share of other clips that motion
# gets right, where the still model gets 0.99: at the margin; found more often as it is given more often; lost.
RARE = (
    (5, 0.6, 0.65, 0.99),
    (5, 0.95, 1.0, 0.99),
    (20, 0.3, 0.35, 0.99),
    (20, 0.9, 0.95, 0.99),
    (20, 0.6, 0.9, 0.69),
    (5, 0.17, 0.97, 0.99),
)
# Sizes of a true label's score and of all scores, still and motion: equal knowledge, unequal confidence.
SCORES = {
    "both guess": ((0.0, 0.0), (4.0, 4.0)),
    "both guess, stills overconfident": ((0.0, 0.0), (8.0, 1.0)),
    "equal": ((1.0, 1.0), (2.0, 2.0)),
    "equal, stills overconfident": ((1.0, 1.0), (8.0, 1.0)),
    "equal, motion overconfident": ((1.0, 1.0), (1.0, 8.0)),
    "equal and good": ((3.0, 3.0), (3.0, 3.0)),
    "motion knows more": ((0.5, 2.0), (4.0, 3.0)),
    "motion knows a little more": ((1.0, 1.35), (2.0, 2.0)),
}
SEED = 0
LOOKS = (6, 8, 10, 12, 14, 16, 18, 20, 25, 30, 35, 40, 50, 60, 80, 100)  # groups
LABELS = ((1, 1, 1), (8, 1, 1), (16, 1, 1, 1, 1))  # videos of each label, in proportion


def group_codes_of(shape: int | str, groups: int) -> Ints:
    """(n,) int: the group of each clip."""
    if shape == "half in one group":
        sizes = np.array([groups - 1, *[1] * (groups - 1)])
    elif shape in LARGE:
        many, size = LARGE[str(shape)]
        sizes = np.array([size] * many + [1] * (groups - many))
    elif shape == "sizes fall off":
        sizes = np.maximum(1, 20 // np.arange(1, groups + 1))
    else:
        sizes = np.full(groups, int(shape))
    return np.repeat(np.arange(groups), sizes)


def draw_differences(
    rng: np.random.Generator, draws: int, codes: Ints, correlation: float, chances: tuple[float, float]
) -> Floats:
    """(draws, n) of -1, 0, 1: only the still model right, no disagreement, only motion right."""
    share = np.array([chances[0], chances[1], 1 - sum(chances)])
    groups, values = int(codes.max()) + 1, np.array([1.0, -1.0, 0.0])
    if correlation == 1:
        drawn: Floats = values[rng.choice(3, size=(draws, groups), p=share)][:, codes]
        return drawn
    spread = share * (1 - correlation) / correlation if correlation else share
    weights = rng.gamma(np.maximum(spread, 1e-300), size=(draws, groups, 3)) if correlation else share
    limits = np.broadcast_to(weights / weights.sum(axis=-1, keepdims=True), (draws, groups, 3)).cumsum(axis=2)
    drawn = values[(rng.random((draws, len(codes), 1)) > limits[:, codes, :2]).sum(axis=2)]
    return drawn


def ours(sample: Floats, codes: Ints) -> tuple[float, float]:
    """The interval of a difference."""
    return estimate_mean(sample, codes).interval()


def bootstrap(sample: Floats, codes: Ints, weights: Floats) -> tuple[float, float]:
    """The percentile bootstrap over groups; weights: (resamples, groups)."""
    means = weights @ np.bincount(codes, sample) / (weights @ np.bincount(codes))
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def hits(intervals: Floats, truth: float) -> dict[str, float]:
    """Shares of (draws, 2) intervals that hold the truth, or miss it on either side, and their width."""
    too_high, too_low = intervals[:, 0] > truth + 1e-9, intervals[:, 1] < truth - 1e-9
    return {
        "coverage": float((~too_high & ~too_low).mean()),
        "too high": float(too_high.mean()),
        "too low": float(too_low.mean()),
        "width": float(np.diff(intervals).mean()),
    }


def difference_rows(
    draws: int, group_counts: tuple[int, ...] = GROUPS, shapes: tuple[tuple[int | str, float], ...] = SHAPES
) -> Iterator[dict[str, Any]]:
    """One row per setting, with the coverage of the bootstrap and of the textbook interval beside ours."""
    for groups in group_counts:
        for shape in shapes:
            for case in DIFFERENCES:
                yield difference_row(draws, groups, shape, case)


def difference_row(
    draws: int, groups: int, shape: tuple[int | str, float], case: str, *, seed: int = 0
) -> dict[str, Any]:
    """One setting. Other seeds draw other test sets."""
    clips, correlation = shape
    chances = DIFFERENCES[case]
    codes = group_codes_of(clips, groups)
    rng = np.random.default_rng((seed, groups, len(codes), round(10 * correlation)))
    samples = draw_differences(rng, draws, codes, correlation, chances)
    weights = rng.multinomial(groups, np.full(groups, 1 / groups), size=400).astype(float)
    some = samples[: max(1, draws // 10)]
    resampled = np.array([bootstrap(sample, codes, weights) for sample in some])
    robust = np.array([cluster_robust_interval(sample, codes) for sample in some])
    truth = chances[0] - chances[1]
    sizes = np.bincount(codes)
    alone = len(codes) / (1 + ((sizes**2).sum() / len(codes) - 1) * correlation)
    return {
        "groups": groups, "shape": shape, "case": case, "bootstrap": hits(resampled, truth)["coverage"],
        "cluster-robust": hits(robust, truth)["coverage"],
        "disagreements": alone * sum(chances), **hits(np.array([ours(sample, codes) for sample in samples]), truth),
    }  # fmt: skip


def print_again(rows: list[dict[str, Any]], draws: int, many: int = 12) -> None:
    """Draw the worst settings again: being picked as the worst of many, they look worse than they are."""
    margin = [row for row in rows if row["case"].startswith("at the margin")]
    worst = {
        "coverage": sorted(rows, key=lambda row: row["coverage"])[:many],
        "too high": sorted(margin, key=lambda row: -row["too high"])[:many],
        "too low": sorted(margin, key=lambda row: -row["too low"])[:many],
    }
    for figure, chosen in worst.items():
        print(f"| the {many} worst by {figure} | groups | clips a group, correlation | at first | drawn again |")
        print(f"|{'---|' * 5}")
        for row in chosen:
            again = difference_row(draws, row["groups"], row["shape"], row["case"], seed=4)
            clips, correlation = row["shape"]
            print(f"| {row['case']} | {row['groups']} | {clips}, {correlation:g} | {row[figure]:.3f} | "
                  f"{again[figure]:.4f} |", flush=True)  # fmt: skip
        print()


def accuracy_rows(
    draws: int, group_counts: tuple[int, ...] = GROUPS, shapes: tuple[tuple[int | str, float], ...] = SHAPES
) -> Iterator[dict[str, Any]]:
    """Likewise for the interval of one accuracy."""
    for groups in group_counts:
        for shape, correlation in shapes:
            codes = group_codes_of(shape, groups)
            for accuracy in ACCURACIES:
                rng = np.random.default_rng((1, groups, len(codes), round(10 * correlation)))
                samples = draw_differences(rng, draws, codes, correlation, (accuracy, 0.0))
                intervals = np.array([proportion_interval(sample, codes) for sample in samples])
                yield {"groups": groups, "case": accuracy, **hits(intervals, accuracy)}


def seed_rows(draws: int, group_counts: tuple[int, ...] = (10, 30, 60)) -> Iterator[dict[str, Any]]:
    """Likewise for a difference of models trained several times, 4 clips a group: `SEED_SPREADS` apart (logits)."""
    for groups in group_counts:
        codes = np.repeat(np.arange(groups), 4)
        for seeds in (2, 3, 5):
            for spread in SEED_SPREADS:
                rng = np.random.default_rng((2, groups, seeds, round(100 * spread)))
                intervals = [seeded_interval(rng, codes, seeds, spread) for _ in range(draws)]
                all_spread = np.sqrt(2 * CLIP_SPREAD**2 + spread**2) * rng.normal(size=400_000)
                truth = float(np.diff([expit(logit + all_spread).mean() for logit in SEED_LOGITS])[0])
                yield {
                    "groups": groups,
                    "case": f"{seeds} trainings, {spread:g} apart",
                    **hits(np.array(intervals), truth),
                }


def figure_rows(draws: int) -> Iterator[dict[str, Any]]:
    """Coverage of the intervals of log loss and macro-F1, four labels, a skill that varies between groups."""
    rng = np.random.default_rng((5,))
    truth = compute_metrics([_graded(rng, 20_000, 5)])
    for groups, clips in ((3, 4), (5, 4), (5, 20), (10, 4), (20, 20), (50, 20)):
        covered = []
        for _ in range(draws):
            metrics = compute_metrics([_graded(rng, groups, clips)])
            pairs = ((metrics.log_loss, truth.log_loss), (metrics.macro_f1, truth.macro_f1))
            covered.append([estimate.low <= true.value <= estimate.high for estimate, true in pairs])
        loss, macro = np.mean(covered, axis=0)
        yield {"groups": groups, "clips": clips, "log loss": loss, "macro-F1": macro}


def _graded(rng: np.random.Generator, groups: int, clips: int) -> Predictions:
    """Predictions with calibrated doubts: the true label's score is higher, by more in some groups than in others."""
    n = groups * clips
    truth, codes = rng.integers(4, size=n), np.repeat(np.arange(groups), clips)
    scores = rng.normal(size=(n, 4))
    scores[np.arange(n), truth] += 1.2 + 0.8 * rng.normal(size=groups)[codes]
    chances = np.exp(1.3 * scores)
    chances /= chances.sum(axis=1, keepdims=True)
    return Predictions(tuple(map(str, range(n))), tuple(map(str, codes)), tuple("abcd"), truth, chances)


def label_rows(draws: int, groups: int = 40) -> Iterator[dict[str, Any]]:
    """How often any label or pair of labels is significant where nothing differs.

    Both models are right in 70 % of the clips, 4 a group, and predict any other label otherwise. `flip` is the share of
    clips in which a training differs from the others of its model.
    """
    for shares in LABELS:
        for seeds in (1, 3, 5):
            for flip in (0.0, 0.03):
                rng = np.random.default_rng((3, len(shares), shares[0], seeds, round(100 * flip)))
                claims = [_claims(rng, shares, groups, seeds, flip) for _ in range(draws)]
                helps, pairs = np.mean(claims, axis=0)
                labels = " : ".join(map(str, shares))
                yield {"labels": labels, "seeds": seeds, "flip": flip, "helps": helps, "pairs": pairs}


def _claims(
    rng: np.random.Generator, shares: tuple[int, ...], groups: int, seeds: int, flip: float
) -> tuple[bool, bool]:
    clips, classes = 4 * groups, len(shares)
    names = tuple(map(str, range(classes)))
    truth = rng.choice(classes, size=clips, p=np.array(shares) / sum(shares))
    codes = tuple(str(clip // 4) for clip in range(clips))

    def trained() -> list[Predictions]:
        def draw_labels() -> Ints:
            wrong = (truth + rng.integers(1, classes, clips)) % classes
            return np.where(rng.random(clips) < 0.7, truth, wrong)

        first, runs = draw_labels(), []
        for _ in range(seeds):
            given = np.where(rng.random(clips) < flip, draw_labels(), first)
            chances = np.full((clips, classes), 0.1 / (classes - 1)) + rng.uniform(0, 1e-3, (clips, classes))
            chances[np.arange(clips), given] = 0.9
            runs.append(Predictions(tuple(map(str, range(clips))), codes, names, truth, chances))
        return runs

    still, motion = trained(), trained()
    helped = any(gain.significant for gain in label_gains(still, motion))
    return helped, any(pair.p_holm < 0.05 for pair in pair_gains(still, motion))


def drawing(key: tuple[int, ...]) -> np.random.Generator:
    """Draws the test sets of a setting; with `--seed`, others."""
    return np.random.default_rng((*key, SEED) if SEED else key)


def ladder_rows(draws: int, group_counts: tuple[int, ...] = (10, 30, 100)) -> Iterator[dict[str, Any]]:
    """How often the verdict of two still and three motion rungs is a claim that is just false at the margin."""
    stills, motions = STILL_RUNGS, ("motion 1", "motion 2", "motion 3")
    choices = {
        how: Choice(stills, motions, error_shares(stills, motions, chosen))
        for how, chosen in (("test", None), ("validation", (stills[1], motions[1])))
    }
    for groups in group_counts:
        for clips, spread in ((1, 0.0), (4, 1.0), ("half in one group", 1.0)):
            codes = group_codes_of(clips, groups)
            for case, accuracies in LADDERS.items():
                rng = drawing((6, groups, len(codes)))
                counts = {f"{answer}, {how}": 0 for how in choices for answer in ("needed", "suffice")}
                for _ in range(draws):
                    correct = dict(zip((*stills, *motions), _rungs(rng, codes, accuracies, spread), strict=True))
                    gains = {(s, m): estimate_mean(correct[m] - correct[s], codes) for s in stills for m in motions}
                    for how, choice in choices.items():
                        intervals = {pair: choice.interval(pair, gain.interval, 0.95) for pair, gain in gains.items()}
                        named = choice.pair((stills[1], motions[0]), intervals.__getitem__, MARGIN, correct)
                        low, high = choice.limits(named, intervals.__getitem__)
                        counts[f"needed, {how}"] += low > MARGIN
                        counts[f"suffice, {how}"] += high < MARGIN
                yield {"groups": groups, "clips": clips, "case": case} | {
                    name: count / draws for name, count in counts.items()
                }


def guessing_rows(draws: int, group_counts: tuple[int, ...] = (10, 30, 100)) -> Iterator[dict[str, Any]]:
    """How often the best of several models that all guess counts as better than guessing."""
    for groups in group_counts:
        for clips, labels in ((1, 2), (3, 2), (4, 4)):
            codes = np.repeat(np.arange(groups), clips)
            names, n = tuple(map(str, range(len(codes)))), len(codes)
            truth = (codes + np.tile(np.arange(clips), groups)) % labels
            rng = drawing((9, groups, clips))
            counts = {"stills": 0, "motion": 0, "an answer": 0, "an answer, validation": 0}
            for _ in range(draws):
                models = [
                    Predictions(
                        names, tuple(map(str, codes)), tuple(map(str, range(labels))), truth, np.eye(labels)[guesses]
                    )
                    for guesses in rng.integers(labels, size=(5, n))
                ]
                stills = dict(zip(STILL_RUNGS, models[:2], strict=True))
                motions = {str(number): models[number] for number in (2, 3, 4)}
                verdict = decide_among(stills, motions)
                counts["stills"] += verdict.stills_beat_guessing
                counts["motion"] += verdict.motion_beats_guessing
                counts["an answer"] += verdict.answer != "undecided"
                verdict = decide_among(stills, motions, chosen=("one frame", "2"))
                counts["an answer, validation"] += verdict.answer != "undecided"
            yield {"groups": groups, "case": f"{clips} clips, {labels} labels"} | {
                name: count / draws for name, count in counts.items()
            }


def _rungs(rng: np.random.Generator, codes: Ints, accuracies: tuple[float, ...], spread: float) -> list[Floats]:
    """Which clips models of given accuracies get right. Clips and groups are as difficult for one as for another."""
    n, own = len(codes), 0.7
    shared = spread * rng.normal(size=int(codes.max()) + 1)[codes] + rng.normal(size=n)
    scale = np.sqrt(spread**2 + 1 + own**2)
    return [(shared + own * rng.normal(size=n) < ndtri(accuracy) * scale).astype(float) for accuracy in accuracies]


def balanced_rows(draws: int, group_counts: tuple[int, ...] = (10, 30, 100)) -> Iterator[dict[str, Any]]:
    """Coverage of the interval of a difference in balanced accuracy: a rare label that only some groups may have."""
    cases = (((0.1, 0.0), (0.0, 0.0)), ((0.35, 0.25), (0.0, 0.0)), ((0.1, 0.05), (0.1, 0.05)), ((0.8, 0.0), (0.0, 0.0)))
    for groups in group_counts:
        for clips, correlation in ((1, 0.0), (4, 0.3), (4, 1.0)):
            codes = group_codes_of(clips, groups)
            for share, by_group in ((0.1, False), (0.1, True), (0.4, True)):
                rng = drawing((7, groups, clips, round(10 * correlation), round(10 * share)))
                for chances in cases:
                    intervals = []
                    rare, common = (draw_differences(rng, draws, codes, correlation, chance) for chance in chances)
                    for differences in zip(rare, common, strict=True):
                        labels = np.zeros(len(codes), np.intp)
                        while len(np.unique(labels)) < 2:  # a test set without the label says nothing about it
                            of_label = rng.random(groups if by_group else len(codes)) < share
                            labels = (of_label[codes] if by_group else of_label).astype(np.intp)
                        weights = balancing_weights(labels)
                        values = weights * np.where(labels, *differences)
                        intervals.append(estimate_balanced(values, codes, labels, (), weights).interval())
                    truth = sum(better - worse for better, worse in chances) / 2
                    yield {"groups": groups, "case": f"{chances}", **hits(np.array(intervals), truth)}


def missed_rows(draws: int, group_counts: tuple[int, ...] = (20, 60, 200)) -> Iterator[dict[str, Any]]:
    """How often a rare label counts as missed, 4 clips a group: false where its loss equals the margin, or where motion
    tells it no better from the other.

    With three motion models, all of them are at the margin.
    """
    for groups, motions in product(group_counts, (1, 3)):
        codes, n = np.repeat(np.arange(groups), 4), 4 * groups
        for percent, still_recall, motion_recall, others_right in RARE:
            rng = drawing((8, groups, motions, percent, round(100 * still_recall)))
            missed = 0
            for _ in range(draws):
                truth = (rng.random(n) < percent / 100).astype(np.intp)
                ease = 0.6 * rng.normal(size=groups)[codes] + 0.8 * rng.normal(size=n)
                models = []
                for recall, right_of_others in ((still_recall, 0.99), *[(motion_recall, others_right)] * motions):
                    draw = (ease + 0.7 * rng.normal(size=n)) / np.sqrt(1 + 0.7**2)
                    right = np.where(truth == 1, draw < ndtri(recall), rng.random(n) < right_of_others)
                    chances = np.eye(2)[np.where(right, truth, 1 - truth)]
                    names = tuple(map(str, range(n)))
                    models.append([Predictions(names, tuple(map(str, codes)), ("a", "b"), truth, chances)])
                still, *others = models
                better = {f"motion {number}": motion for number, motion in enumerate(others)}
                missed += bool(missed_labels({"still": still}, better, MARGIN))
            biased = ", biased" if others_right < 0.99 else ""
            case = f"{percent} %, recall {still_recall:g} and {motion_recall:g}{biased}"
            yield {"groups": groups, "motions": motions, "case": case, "missed": missed / draws}


def leaning_rows(draws: int, group_counts: tuple[int, ...] = (6, 12, 30)) -> Iterator[dict[str, Any]]:
    """How often the Brier gain is above 0, the verdict leans to motion, and accuracy decides that motion is needed."""
    for groups in group_counts:
        for clips, spread in ((1, 0.0), (5, 1.5)):
            codes = group_codes_of(clips, groups)
            for case, (skills, sharpness) in SCORES.items():
                rng = drawing((9, groups, len(codes)))
                found = []
                for _ in range(draws):
                    still, motion = _scored(rng, codes, skills, sharpness, spread)
                    measure = Measure(still)
                    scores = [brier_scores([model], measure) for model in (still, motion)]
                    gain = brier_gain(*scores, measure)
                    difference = estimate_mean(motion.correct - still.correct, codes)
                    low, high = gain.interval(LEANING_LEVEL)
                    needed = difference.interval()[0] > MARGIN
                    found.append((low > 0, high < 0, low > 0 and difference.mean > MARGIN, needed))
                columns = ("Brier above 0", "Brier below 0", "leaning or needed", "needed")
                above, below, leaning, needed_ = np.mean(found, axis=0)
                yield {"groups": groups, "clips": clips, "case": case} | dict(
                    zip(columns, (above, below, leaning, needed_), strict=True)
                )


def _scored(
    rng: np.random.Generator,
    codes: Ints,
    skills: Sequence[float],
    sharpness: Sequence[float],
    spread: float,
    classes: int = 4,
) -> list[Predictions]:
    """Models whose scores are alike in part, more for the true label, and too sure or not."""
    n, names = len(codes), tuple(map(str, range(len(codes))))
    truth, shared = rng.integers(classes, size=n), rng.normal(size=(n, classes))
    models = []
    for skill, sharp in zip(skills, sharpness, strict=True):
        scores = 0.5 * shared + 0.5 * rng.normal(size=(n, classes))
        scores[np.arange(n), truth] += skill + spread * rng.normal(size=int(codes.max()) + 1)[codes]
        groups, labels = tuple(f"{code:03d}" for code in codes), tuple(map(str, range(classes)))
        models.append(Predictions(names, groups, labels, truth, softmax(sharp * scores, axis=1)))
    return models


def leaning_ladder_rows(draws: int, group_counts: tuple[int, ...] = (12, 30)) -> Iterator[dict[str, Any]]:
    """The same for two still and three motion rungs that know equally much: how often the verdict claims anything."""
    motions = ("motion 1", "motion 2", "motion 3")
    for groups in group_counts:
        for case in ("equal", "equal, stills overconfident", "equal, motion overconfident", "equal and good"):
            skills, sharpness = SCORES[case]
            codes = group_codes_of(1, groups)
            rng = drawing((11, groups))
            found = []
            for _ in range(draws):
                kinds = [0, 0, 1, 1, 1]
                models = _scored(rng, codes, [skills[kind] for kind in kinds], [sharpness[kind] for kind in kinds], 0.0)
                named = dict(zip((*STILL_RUNGS, *motions), models, strict=True))
                verdict = decide_among(
                    {name: named[name] for name in STILL_RUNGS}, {name: named[name] for name in motions}
                )
                found.append((verdict.leaning is not None, verdict.answer == "motion needed"))
            leaning, needed = np.mean(found, axis=0)
            yield {"groups": groups, "case": case, "leaning": leaning, "needed": needed}


def looking_rows(draws: int, looks: tuple[int, ...] = LOOKS) -> Iterator[dict[str, Any]]:
    """How often any of many looks makes a false claim, with usual intervals and with those that hold at every look.

    *Drawn anew* is the share of outcomes that change at each look, as models are trained again with more data.
    """
    for clips, correlation in ((1, 0.0), (4, 0.3), (4, 1.0)):
        codes = group_codes_of(clips, looks[-1])
        for case in ("at the margin, one-sided", "at the margin", "at the margin, often differ", "motion gains 0.45"):
            chances = DIFFERENCES[case]
            for anew in (0.0, 0.5):
                rng = drawing((10, clips, round(10 * correlation), round(10 * anew)))
                wrong = np.zeros((draws, 2, 2), bool)
                samples = draw_differences(rng, draws, codes, correlation, chances)
                truth = chances[0] - chances[1]
                for groups in looks:
                    own = codes < groups
                    other = draw_differences(rng, draws, codes[own], correlation, chances)
                    values = np.where(rng.random((draws, int(own.sum()))) < anew, other, samples[:, own])
                    for draw, sample in enumerate(values):
                        estimate = estimate_mean(sample, codes[own])
                        for kind, level in enumerate((0.95, sequential_level(groups))):
                            low, high = estimate.interval(level)
                            wrong[draw, kind] |= (low > truth + 1e-9, high < truth - 1e-9)
                usual, always = wrong.mean(axis=0)
                yield {
                    "case": case, "clips": clips, "correlation": correlation, "anew": anew,
                    "usual, needed": usual[0], "usual, suffice": usual[1],
                    "sequential, needed": always[0], "sequential, suffice": always[1],
                }  # fmt: skip


def looking_ladder_rows(draws: int, looks: tuple[int, ...] = LOOKS) -> Iterator[dict[str, Any]]:
    """How often a ladder's verdict that holds at every look makes a false claim at any, with a gain of the margin."""
    motions = ("motion 1", "motion 2", "motion 3")
    choice = Choice(STILL_RUNGS, motions, error_shares(STILL_RUNGS, motions))
    for clips, spread in ((1, 0.0), (4, 1.0)):
        codes = group_codes_of(clips, looks[-1])
        for case, accuracies in LADDERS.items():
            rng = drawing((12, clips))
            wrong = np.zeros((draws, 2), bool)
            for draw in range(draws):
                right = dict(zip((*STILL_RUNGS, *motions), _rungs(rng, codes, accuracies, spread), strict=True))
                for groups in looks:
                    own = codes < groups
                    intervals = {}
                    for pair in product(STILL_RUNGS, motions):
                        gain = estimate_mean((right[pair[1]] - right[pair[0]])[own], codes[own])

                        def at_look(level: float, gain: Estimate = gain, groups: int = groups) -> tuple[float, float]:
                            return gain.interval(sequential_level(groups, level))

                        intervals[pair] = choice.interval(pair, at_look, 0.95)
                    named = choice.pair((STILL_RUNGS[1], motions[0]), intervals.__getitem__, MARGIN, right)
                    low, high = choice.limits(named, intervals.__getitem__)
                    wrong[draw] |= (low > MARGIN, high < MARGIN)
            needed, suffice = wrong.mean(axis=0)
            yield {"case": case, "clips": clips, "needed": needed, "suffice": suffice}


def print_rows(rows: Iterable[dict[str, Any]]) -> None:
    """Every row as it is, as it comes."""
    for index, row in enumerate(rows):
        if index == 0:
            print(f"| {' | '.join(row)} |\n|{'---|' * len(row)}")
        cells = (f"{value:.4f}" if isinstance(value, float) else str(value) for value in row.values())
        print(f"| {' | '.join(cells)} |", flush=True)
    print()


def seeded_interval(rng: np.random.Generator, codes: Ints, seeds: int, spread: float) -> tuple[float, float]:
    """Of one test set: clips differ in difficulty between groups and within, trainings in skill."""
    groups, clips = int(codes.max()) + 1, len(codes)
    ease = rng.normal(0, CLIP_SPREAD, groups)[codes] + rng.normal(0, CLIP_SPREAD, clips)
    tables = [
        (rng.random((seeds, clips)) < expit(logit + ease + rng.normal(0, spread, (seeds, 1)))).astype(float)
        for logit in SEED_LOGITS
    ]
    return estimate_mean(tables[1].mean(0) - tables[0].mean(0), codes, tables).interval()


def print_table(title: str, rows: list[dict[str, Any]]) -> None:
    """A line for each number of groups and case, over all shapes."""
    columns: dict[str, Callable[[list[dict[str, Any]]], float]] = {
        "lowest coverage": lambda cell: min(row["coverage"] for row in cell),
        "mean": lambda cell: float(np.mean([row["coverage"] for row in cell])),
        "too high": lambda cell: max(row["too high"] for row in cell),
        "too low": lambda cell: max(row["too low"] for row in cell),
        "width": lambda cell: float(np.mean([row["width"] for row in cell])),
    }
    if "bootstrap" in rows[0]:
        columns["bootstrap, lowest"] = lambda cell: min(row["bootstrap"] for row in cell)
        columns["cluster-robust, lowest"] = lambda cell: min(row["cluster-robust"] for row in cell)
    print(f"| groups | {title} | {' | '.join(columns)} |\n|{'---|' * (len(columns) + 2)}")
    for groups in dict.fromkeys(row["groups"] for row in rows):
        for case in dict.fromkeys(row["case"] for row in rows):
            cell = [row for row in rows if row["groups"] == groups and row["case"] == case]
            figures = " | ".join(f"{column(cell):.3f}" for column in columns.values())
            print(f"| {groups} | {case} | {figures} |")
    print()


def print_summary(rows: list[dict[str, Any]]) -> None:
    """By number of groups, over all settings, and over those where ten independent clips or more disagree."""
    print("| settings | number | lowest coverage | mean | highest | within 93-97 % | false *motion needed*, worst | "
          "false *stills suffice*, worst |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|")
    few = [("all", rows), ("10 disagreements or more", [row for row in rows if row["disagreements"] >= 10])]
    counts = dict.fromkeys(row["groups"] for row in rows)
    for name, cell in [*((f"{n} groups", [row for row in rows if row["groups"] == n]) for n in counts), *few]:
        cover = np.array([row["coverage"] for row in cell])
        margin = [row for row in cell if row["case"].startswith("at the margin")]
        wrong = " | ".join(f"{max(row[side] for row in margin):.3f}" for side in ("too high", "too low"))
        inside = ((cover >= 0.93) & (cover <= 0.97)).mean()
        print(
            f"| {name} | {len(cell)} | {cover.min():.3f} | {cover.mean():.3f} | {cover.max():.3f} | {inside:.0%} | "
            f"{wrong} |"
        )


MORE: dict[str, Callable[[int], Iterator[dict[str, Any]]]] = {
    "ladder": ladder_rows,
    "guessing": guessing_rows,
    "balanced": balanced_rows,
    "missed": missed_rows,
    "leaning": leaning_rows,
    "leaning-ladder": leaning_ladder_rows,
    "looking": looking_rows,
    "looking-ladder": looking_ladder_rows,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=4000, help="test sets a setting")
    parser.add_argument(
        "--again", type=int, default=0, help="draw the worst settings again, with so many test sets each"
    )
    parser.add_argument(
        "--only",
        choices=tuple(MORE),
        default="",
        help="only this table, with as many sets a setting",
    )
    parser.add_argument("--seed", type=int, default=0, help="draw other test sets for the table of --only")
    chosen = parser.parse_args()
    draws = chosen.draws
    global SEED
    SEED = chosen.seed
    if chosen.only:
        return print_rows(MORE[chosen.only](draws))
    rows = list(difference_rows(draws))
    print_table("difference", rows)
    print_table("difference over trainings", list(seed_rows(draws)))
    print_table("accuracy", list(accuracy_rows(draws)))
    print("| groups | clips a group | log loss | macro-F1 |\n|---|---|---|---|")
    for row in figure_rows(max(1, draws // 4)):
        print(f"| {row['groups']} | {row['clips']} | {row['log loss']:.3f} | {row['macro-F1']:.3f} |")
    print()
    print("| videos of the labels | trainings | apart in | any label significant | any pair |")
    print("|---" * 5 + "|")
    for row in label_rows(max(1, draws // 10)):
        print(f"| {row['labels']} | {row['seeds']} | {row['flip']:.0%} | {row['helps']:.4f} | {row['pairs']:.4f} |")
    print()
    print_summary(rows)
    for name, more_rows in MORE.items():
        print(f"\n{name}\n")
        print_rows(more_rows(max(1, draws // 4)))
    if chosen.again:
        print()
        print_again(rows, chosen.again)


if __name__ == "__main__":
    main()
