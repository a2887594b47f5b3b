"""Whether motion is needed, and how sure that is."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any, Literal

import numpy as np

from stillmotion.comparison.intervals import difference_interval, effective_videos, group_codes
from stillmotion.comparison.predictions import Floats, Predictions, align

Answer = Literal["motion needed", "stills suffice", "undecided"]
_HOPELESS = 20  # more than so many times the data: say that more data will hardly decide


@dataclass(frozen=True)
class Verdict:
    """The answer and the figures that it rests on. Accuracies and differences are shares (0..1).

    difference: accuracy of motion minus accuracy of still on the same videos, mean over seeds.
    low, high: its 95 % interval by group, for these trained models: what another training would
    change is seen from more seeds. groups_to_decide: about how many groups of test videos would
    decide, if the difference stayed what it is; None if decided or out of reach.
    """

    answer: Answer
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

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def decide(
    still: Sequence[Predictions],
    motion: Sequence[Predictions],
    *,
    margin: float = 0.05,
    names: tuple[str, str] = ("still", "motion"),
) -> Verdict:
    """Compare a still and a motion family, one `Predictions` a seed, on the same test videos.

    The whole interval of the difference above the margin: motion needed; below it: stills suffice;
    else undecided. names: what to call the two. Raises StillmotionError if the videos differ.
    """
    align([*still, *motion])
    n_groups, codes = group_codes(still[0].groups)
    rights = [np.mean([run.right for run in runs], axis=0) for runs in (still, motion)]
    change = rights[1] - rights[0]
    mean, square = float(change.mean()), float((change**2).mean())
    videos = effective_videos(change, codes)
    low, high = difference_interval(mean, square, videos)
    answer = _answer(low, high, margin)
    more = _times_to_decide(mean, square, videos, margin) if answer == "undecided" else None
    needed = ceil(more * n_groups) if more else None
    return Verdict(
        answer=answer,
        still=names[0],
        motion=names[1],
        difference=mean,
        low=low,
        high=high,
        margin=margin,
        videos=len(change),
        groups=n_groups,
        seeds=min(len(still), len(motion)),
        sentence=_sentence(answer, names, rights, (low, high, margin), n_groups, needed),
        groups_to_decide=needed,
    )


def _answer(low: float, high: float, margin: float) -> Answer:
    if low > margin:
        return "motion needed"
    return "stills suffice" if high < margin else "undecided"


def _times_to_decide(mean: float, square: float, videos: float, margin: float) -> float | None:
    """How many times the data, with the same figures, would leave the margin outside the interval."""
    for times in np.geomspace(1.05, _HOPELESS, 100):
        if _answer(*difference_interval(mean, square, videos * float(times)), margin) != "undecided":
            return float(times)
    return None


def _sentence(
    answer: Answer,
    names: tuple[str, str],
    rights: Sequence[Floats],
    interval: tuple[float, float, float],
    groups: int,
    needed: int | None,
) -> str:
    low, high, margin = (round(100 * value, 6) for value in interval)
    still, motion = (100 * float(values.mean()) for values in rights)
    close = answer != "undecided" and min(abs(low - margin), abs(high - margin)) < 1
    digits = 1 if close or margin != round(margin) else 0  # never "5 points, above the margin of 5"
    change, start, end = (_signed(value, digits) for value in (motion - still, low, high))
    figures = (
        f"the motion model {names[1]} gets {motion:.{digits}f} % of the test videos right and the still "
        f"model {names[0]} {still:.{digits}f} %, a difference of {change} points "
        f"(95 % interval {start} to {end})"
    )
    if answer == "motion needed":
        return f"Motion is needed: {figures}, all of it above the margin of {margin:g}."
    if answer == "stills suffice":
        return f"Stills suffice: {figures}, all of it below the margin of {margin:g}."
    if needed:
        more = f"about {needed} groups of test videos instead of {groups} would decide it"
    elif groups == 1:
        more = "one group of test videos cannot decide it"
    else:
        more = f"even {_HOPELESS} times as many groups would hardly decide it"
    return f"Undecided: {figures}, on both sides of the margin of {margin:g}; {more}."


def _signed(value: float, digits: int) -> str:
    text = f"{value:+.{digits}f}"
    return text if float(text) else text[1:]
