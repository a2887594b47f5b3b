"""One interval from many: of several still and motion models, some of which the test videos themselves choose.

For the best motion model's gain over the best still model, the lower limit is the largest, over motion models, of the
smallest of a motion model's lower limits against all still models. It is above the true gain only if that of the motion
model which gives it is wrong against the truly best still model: one interval per motion model, whatever the number of
still models (intersection-union test, Berger 1982, Technometrics 24). So the level is corrected only for the number of
motion models among which the test videos choose (Bonferroni). The upper limit is the mirror image.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from stillmotion.comparison.verdict import Selection
from stillmotion.statistics import Estimate

Pair = tuple[str, str]  # names of a still and of a motion model
Interval = tuple[float, float]


class Choice:
    """How intervals of pairs of models become one: that of the best motion model's gain over the best still model."""

    def __init__(self, stills: tuple[str, ...], motions: tuple[str, ...], chosen: Pair | None = None) -> None:
        """Take the models of a verdict.

        Args:
            stills: names of the still models.
            motions: names of the motion models.
            chosen: the pair that other data than the test videos have chosen; None if the test videos choose.
        """
        self._stills, self._motions, self._chosen = stills, motions, chosen
        # Models that a claim may rest on: the one that was chosen elsewhere, or any, at the price of a correction.
        self._still_candidates = (chosen[0],) if chosen else stills
        self._motion_candidates = (chosen[1],) if chosen else motions

    @property
    def selected_by(self) -> Selection:
        """Code of what chose."""
        if len(self._stills) == len(self._motions) == 1:
            return "only_pair"
        return "validation_accuracy" if self._chosen else "test_accuracy"

    def levels(self, level: float) -> tuple[float, float]:
        """The levels of intervals of the still and of the motion model that a claim rests on."""
        tail = 1 - level
        return 1 - tail / len(self._still_candidates), 1 - tail / len(self._motion_candidates)

    def interval(self, of_pair: Callable[[float], Interval], level: float) -> Interval:
        """The interval of one pair: `of_pair(level)` at the level that the choice of models asks for."""
        of_still, of_motion = self.levels(level)
        return of_pair(of_motion)[0], of_pair(of_still)[1]

    def limits(self, interval: Callable[[Pair], Interval]) -> Interval:
        """The interval of the best motion model's gain over the best still model, from those of all pairs."""
        low = max(min(interval((s, m))[0] for s in self._stills) for m in self._motion_candidates)
        high = min(max(interval((s, m))[1] for m in self._motions) for s in self._still_candidates)
        return low, high

    def p_needed(self, gains: Mapping[Pair, Estimate], margin: float) -> float:
        """One-sided p of "no motion model gains more than the margin over every still model"."""
        p = min(max(gains[s, m].p_above(margin) for s in self._stills) for m in self._motion_candidates)
        return min(1.0, p * len(self._motion_candidates))

    def p_suffice(self, gains: Mapping[Pair, Estimate], margin: float) -> float:
        """One-sided p of "some motion model gains the margin or more over every still model"."""
        p = min(max(gains[s, m].p_below(margin) for m in self._motions) for s in self._still_candidates)
        return min(1.0, p * len(self._still_candidates))
