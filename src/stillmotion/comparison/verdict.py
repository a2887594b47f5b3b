"""Whether motion is needed, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import ceil
from typing import Any

import numpy as np
from scipy.special import ndtri

from stillmotion.comparison.evidence import Evidence
from stillmotion.comparison.per_label import LabelGain, PairGain, label_gains, pair_gains
from stillmotion.comparison.predictions import Predictions, check_same_videos
from stillmotion.comparison.sentences import VerdictAnswer, write_sentence
from stillmotion.statistics.intervals import LEVEL, Estimate, estimate, group_codes, proportion_interval

POWER = 0.8
HOPELESS = 20  # more than so many times the data: say that more data will hardly decide


@dataclass(frozen=True)
class Contrast:
    """One motion model against the still one: the difference in accuracy and its interval, as in a verdict."""

    motion: str
    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class Verdict:
    """The answer and the figures that it rests on. Accuracies and differences are shares (0..1).

    difference: accuracy of motion minus accuracy of still on the same videos, mean over seeds.
    low, high: its interval by group and, with more than one seed, by training. level: how sure the interval
    is; 0.95, or more where the motion model was chosen among several on the test videos themselves, unless stills
    suffice against all of them (`decide_among`). chosen: how it was chosen. p_needed: one-sided p of "the difference is
    the margin or less"; p_suffice: of "the margin or more"; *motion needed* takes p below (1 - level) / 2, *stills
    suffice* below 0.025. better: whether motion is surely better at all (low above 0).
    equivalent: whether two one-sided tests at 5 % (TOST) put the difference between minus and plus the margin;
    equivalence_low, equivalence_high: the limits that say so, those of a 90 % interval; of several motion models that
    only the test videos chose among, the lower one is at 5 % / models.
    guessing: accuracy of always giving the most frequent label; stills_beat_guessing, motion_beats_guessing: whether
    the models are surely better, by the interval of their accuracy or video by video. groups_to_decide: how many groups
    of test videos would decide in 80 % of such tests, if the difference and its spread stayed what they are; None if
    decided or out of reach. contrasts: all motion models.
    by_moment: whether the motion model is surely better by more than the margin, but goes by one moment of the clip
    rather than by motion; then it is undecided too. labels, pairs: where motion helps. warnings: what the answer must
    be read with.
    """

    answer: VerdictAnswer
    still: str
    motion: str
    difference: float
    low: float
    high: float
    margin: float
    videos: int
    groups: int
    seeds: int
    sentence: str
    groups_to_decide: int | None = None
    level: float = LEVEL
    chosen: str = "the only motion model"
    p_needed: float = 1.0
    p_suffice: float = 1.0
    better: bool = False
    equivalent: bool = False
    equivalence_low: float = -1.0
    equivalence_high: float = 1.0
    guessing: float = 0.0
    stills_beat_guessing: bool = True
    motion_beats_guessing: bool = True
    contrasts: tuple[Contrast, ...] = ()
    by_moment: bool = False
    labels: tuple[LabelGain, ...] = ()
    pairs: tuple[PairGain, ...] = ()
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As in comparison.json."""
        return asdict(self)


def decide(
    still: Sequence[Predictions],
    motion: Sequence[Predictions],
    *,
    margin: float = 0.05,
    names: tuple[str, str] = ("still", "motion"),
    among: int = 1,
) -> Verdict:
    """Compare a still and a motion family, one `Predictions` a seed, on the same test videos.

    The whole interval of the difference above the margin: motion needed; below it: stills suffice;
    else undecided. A still model that is not surely better than always giving the most frequent label is not shown
    to suffice, nor motion to be needed by a motion model that is not: then it is undecided too. names: what to call
    the two. among: of how many motion models on these very videos this one is: its interval is at the level
    1 - 0.05 / among (Bonferroni).
    Raises StillmotionError if the videos differ.
    """
    check_same_videos([*still, *motion])
    n_groups, codes = group_codes(still[0].groups)
    tables = [np.array([run.right for run in runs], float) for runs in (still, motion)]
    rights = [table.mean(axis=0) for table in tables]
    found = estimate(rights[1] - rights[0], codes, tables)
    level = 1 - (1 - LEVEL) / among
    low, high = found.interval(level)
    near, far = found.interval(1 - 0.1 / among)[0], found.interval(0.9)[1]
    frequent = (still[0].truth == np.bincount(still[0].truth).argmax()).astype(float)
    above = [estimate(right - frequent, codes) for right in rights]  # always giving the most frequent label
    guessing = float(frequent.mean())
    beats = [
        one.interval()[0] > 0 or proportion_interval(right, codes)[0] > guessing
        for one, right in zip(above, rights, strict=True)
    ]
    answer = _answer(low, high, margin)
    needed = _groups_to_decide(found, above, margin, level)
    lost = (answer == "motion needed" and not beats[1]) or (answer == "stills suffice" and not beats[0])
    accuracies = (float(rights[0].mean()), float(rights[1].mean()))
    return Verdict(
        answer="undecided" if lost else answer,
        still=names[0],
        motion=names[1],
        difference=found.mean,
        low=low,
        high=high,
        margin=margin,
        videos=len(codes),
        groups=n_groups,
        seeds=min(len(still), len(motion)),
        sentence=write_sentence(
            answer, names, accuracies, (low, high, margin), level, n_groups, needed, guessing if lost else None
        ),
        groups_to_decide=needed if answer == "undecided" else None,
        level=level,
        p_needed=found.p_above(margin),
        p_suffice=found.p_below(margin),
        better=low > 0,
        equivalent=-margin < near and far < margin,
        equivalence_low=near,
        equivalence_high=far,
        guessing=guessing,
        stills_beat_guessing=beats[0],
        motion_beats_guessing=beats[1],
        contrasts=(Contrast(names[1], found.mean, low, high),),
        labels=label_gains(still, motion),
        pairs=pair_gains(still, motion),
        warnings=_warnings(still[0], n_groups),
    )


def decide_among(
    still: Sequence[Predictions],
    motions: Mapping[str, Sequence[Predictions]],
    *,
    margin: float = 0.05,
    name: str = "still",
) -> Verdict:
    """Compare a still model with several motion models of which no validation part chose one.

    Stills suffice if every 95 % interval lies below the margin: a claim that takes all of several tests needs no
    correction (intersection-union, Berger 1982, Technometrics 24). Motion is needed if any interval lies above it, each
    at the level 1 - 0.05 / models (Bonferroni), so that all hold at once. The verdict is that of the motion model
    that settled it: the best, or the one that is hardest to rule out.
    """

    def decided(among: int) -> list[Verdict]:
        pairs = motions.items()
        return [decide(still, runs, margin=margin, names=(name, motion), among=among) for motion, runs in pairs]

    count = len(motions)
    found = decided(count)
    level = f"{100 * found[0].level:.3g} %"
    chosen = f"of {count} motion models on the test videos, so its interval is at {level} (Bonferroni)"
    if count > 1 and all(one.p_suffice < (1 - LEVEL) / 2 for one in found):
        kept = ("better", "equivalent", "equivalence_low")  # claims of one model, that the test videos chose
        plain = zip(decided(1), found, strict=True)
        found = [replace(one, **{key: getattr(corrected, key) for key in kept}) for one, corrected in plain]
        chosen = f"of {count} motion models, as the hardest to rule out on the test videos"
    needed = [one for one in found if one.answer == "motion needed"]
    settled = max(needed, key=lambda one: one.difference) if needed else max(found, key=lambda one: one.high)
    if count == 1:
        return settled
    return replace(settled, chosen=chosen, contrasts=tuple(contrast for one in found for contrast in one.contrasts))


def require_motion_evidence(verdict: Verdict, evidence: Evidence) -> Verdict:
    """*Motion needed* only where motion is what the motion model goes by; else undecided, with the reason.

    One moment may decide, which a still model may find too. Where one was trained to look for it, motion must surely be
    better than that by more than the margin, too. Where none was, one moment may decide where the frame that the still
    model is surest of is not surely worse; or where the gain surely outlives shuffling by half, so that the order of
    frames is not what counts, and neither half of a clip has all of it, so that change as such is not either.
    """
    reason = _not_motion(verdict, evidence) if verdict.answer == "motion needed" else None
    if reason is None:
        return verdict
    figures = verdict.sentence.removeprefix("Motion is needed: ").removesuffix(".")
    sentence = f"Undecided: {figures}; but {reason}: it may take the right moment rather than motion."
    return replace(verdict, answer="undecided", by_moment=True, sentence=sentence)


def _not_motion(verdict: Verdict, evidence: Evidence) -> str | None:
    """Why it may be one moment rather than motion; None if that is not to be feared."""
    looking = evidence.looking
    if looking:
        found = f"{verdict.still} trained to look for the right moment gets {100 * looking.accuracy:.0f} %"
        near = looking.high >= -verdict.margin
        return f"{found}, which is not surely worse by more than the margin" if near else None
    if evidence.moment and evidence.moment.one_frame_decides:
        return f"the frame that {verdict.still} is surest of is not surely worse"
    tampered = {one.name: one for one in evidence.tampered}
    shuffled, *halves = (tampered.get(name) for name in ("shuffled", "first half only", "last half only"))
    outlives = shuffled is not None and shuffled.low > -verdict.difference / 2
    if outlives and all(half is not None and half.high < 0 for half in halves):
        return f"{verdict.motion} does not need the frames in order, and either half of a clip is too little for it"
    return None


def _answer(low: float, high: float, margin: float) -> VerdictAnswer:
    if low > margin:
        return "motion needed"
    return "stills suffice" if high < margin else "undecided"


def _groups_to_decide(found: Estimate, above: Sequence[Estimate], margin: float, level: float) -> int | None:
    """The groups with which the interval would clear the margin in `POWER` of tests.

    With the sampling error se of a mean over so many groups, the limit next to the margin must lie z(POWER) * se
    beyond it (docs/verdict.md has the formula and its source). The level is that of *motion needed*; *stills suffice*
    needs no correction for several models. above: of the still and the motion model over guessing, which the one that
    the answer rests on must surely beat, too.
    """
    z = float(ndtri(POWER))
    for factor in np.geomspace(1.0, HOPELESS, 200):
        more = found.times(float(factor))
        low, high = more.interval(level)[0], more.interval()[1]
        rests_on = above[1 if low > margin else 0].times(float(factor))
        if max(low - margin, margin - high) >= z * more.noise and rests_on.interval()[0] > 0:
            return ceil(more.groups - 1e-9)
    return None


def _warnings(first: Predictions, n_groups: int) -> tuple[str, ...]:
    found = []
    if n_groups == len(first.videos) and first.groups == first.videos:
        found.append(
            "each video counts as a recording of its own; if several were cut from one recording, "
            "name it in a column 'group', or the interval is too narrow"
        )
    if n_groups < 10:
        found.append(f"only {n_groups} {'group' if n_groups == 1 else 'groups'} of test videos: a first look")
    return tuple(found)
