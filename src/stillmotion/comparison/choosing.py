"""One interval from many: of several still and motion models, some of which the test videos themselves choose.

For the best motion model's gain over the best still model, the lower limit is the largest, over motion models, of the
smallest of a motion model's lower limits against all still models. It is above the true gain only if that of the motion
model which gives it is wrong against the truly best still model: one interval per motion model, whatever the number of
still models (intersection-union test, Berger 1982, Technometrics 24). So the level is corrected only for the number of
motion models among which the test videos choose (Bonferroni). The upper limit is the mirror image. The error that is
allowed need not be divided equally, as long as nothing in the data divides it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from stillmotion.comparison.verdict import Selection
from stillmotion.statistics import Estimate

Pair = tuple[str, str]  # names of a still and of a motion model
Interval = tuple[float, float]


class Choice:
    """How intervals of pairs of models become one: that of the best motion model's gain over the best still model."""

    def __init__(
        self,
        stills: tuple[str, ...],
        motions: tuple[str, ...],
        chosen: Pair | None = None,
        still_shares: Mapping[str, float] | None = None,
    ) -> None:
        """Take the models of a verdict.

        Args:
            stills: names of the still models.
            motions: names of the motion models.
            chosen: the pair that other data than the test videos have chosen; None if the test videos choose.
            still_shares: if the test videos choose, the share of each still model of the error that *stills suffice*
                is allowed; equal by default.
        """
        self._stills, self._motions, self._chosen = stills, motions, chosen
        # Models that a claim may rest on: the one that was chosen elsewhere, or any, at the price of a correction.
        self._still_candidates = (chosen[0],) if chosen else stills
        self._motion_candidates = (chosen[1],) if chosen else motions
        self._shares = {name: 1 / len(self._motion_candidates) for name in motions}
        self._shares |= {name: 1 / len(self._still_candidates) for name in stills}
        if still_shares is not None and not chosen:
            self._shares |= still_shares

    @property
    def selected_by(self) -> Selection:
        """Code of what chose."""
        if len(self._stills) == len(self._motions) == 1:
            return "only_pair"
        return "validation_accuracy" if self._chosen else "test_accuracy"

    def level(self, model: str, level: float) -> float:
        """The level of an interval of a model that a claim rests on."""
        return 1 - (1 - level) * self._shares[model]

    def interval(self, pair: Pair, of_pair: Callable[[float], Interval], level: float) -> Interval:
        """The interval of one pair: `of_pair(level)` at the levels that the choice of models asks for."""
        still, motion = pair
        return of_pair(self.level(motion, level))[0], of_pair(self.level(still, level))[1]

    def limits(self, interval: Callable[[Pair], Interval]) -> Interval:
        """The interval of the best motion model's gain over the best still model, from those of all pairs."""
        low = max(min(interval((s, m))[0] for s in self._stills) for m in self._motion_candidates)
        high = min(max(interval((s, m))[1] for m in self._motions) for s in self._still_candidates)
        return low, high

    def p_needed(self, gains: Mapping[Pair, Estimate], margin: float) -> float:
        """One-sided p of "no motion model gains more than the margin over every still model"."""
        p = {m: max(gains[s, m].p_above(margin) for s in self._stills) for m in self._motion_candidates}
        return min(1.0, *(value / self._shares[m] for m, value in p.items()))

    def p_suffice(self, gains: Mapping[Pair, Estimate], margin: float) -> float:
        """One-sided p of "some motion model gains the margin or more over every still model"."""
        p = {s: max(gains[s, m].p_below(margin) for m in self._motions) for s in self._still_candidates}
        return min(1.0, *(value / self._shares[s] for s, value in p.items()))
