"""One interval from many: of several still and motion models, any of which the answer may rest on.

For the best motion model's gain over the best still model, the lower limit is the smallest of some motion model's lower
limits against all still models. It is above the true gain only if the limit of that motion model against the truly best
still model is: one interval per motion model, whatever the number of still models (intersection-union test, Berger
1982, Technometrics 24). As any motion model may give the limit, the error that is allowed is divided among them
(Bonferroni). The upper limit is the mirror image. The error need not be divided equally, as long as the
test videos do not divide it: most of it goes to the model that the claim will probably rest on, and the rest is a
safeguard against a bad guess.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from stillmotion.models import STILL_RUNGS
from stillmotion.statistics import Estimate

Pair = tuple[str, str]  # names of a still and of a motion model
Interval = tuple[float, float]
FAVORED_SHARE = 0.8  # of the error that a claim is allowed


def error_shares(stills: Collection[str], motions: Collection[str], chosen: Pair | None = None) -> dict[str, float]:
    """Divide the error of each claim among the models that it may rest on.

    Args:
        stills: names of the still models, on which *stills suffice* rests.
        motions: names of the motion models, on which *motion needed* rests.
        chosen: the models that other data than the test videos have chosen: each gets four fifths. Without it, *several
            frames* does among the still rungs of a ladder: it shows all that *one frame* shows, so the claim nearly
            always rests on it. Otherwise, shares are equal.

    Returns:
        The share of each model. Those of still models add up to 1, as those of motion models do.
    """
    still, motion = chosen or ("several frames" if set(stills) == set(STILL_RUNGS) else None, None)
    return _divided(stills, still) | _divided(motions, motion)


def _divided(models: Collection[str], favored: str | None) -> dict[str, float]:
    others = len(models) - 1
    if favored is None or not others:
        return {name: 1 / len(models) for name in models}
    return {name: FAVORED_SHARE if name == favored else (1 - FAVORED_SHARE) / others for name in models}


class Choice:
    """Which models an answer rests on, at which levels, and how the intervals of all pairs become one."""

    def __init__(self, stills: Collection[str], motions: Collection[str], shares: Mapping[str, float]) -> None:
        """Take the models of a verdict.

        Args:
            stills: names of the still models.
            motions: names of the motion models.
            shares: the share of each model of the error that a claim which rests on it is allowed (`error_shares`). No
                claim rests on a model without a share.
        """
        self._stills, self._motions, self._shares = stills, motions, shares
        self._still_candidates = [name for name in stills if name in shares]
        self._motion_candidates = [name for name in motions if name in shares]

    def level(self, model: str, level: float) -> float:
        """The level of an interval of a model that a claim rests on."""
        return 1 - (1 - level) * self._shares.get(model, 1.0)

    def interval(self, pair: Pair, of_pair: Callable[[float], Interval], level: float) -> Interval:
        """The interval of one pair: `of_pair(level)` at the levels that the choice of models asks for."""
        still, motion = pair
        return of_pair(self.level(motion, level))[0], of_pair(self.level(still, level))[1]

    def pair(
        self, preferred: Pair, interval: Callable[[Pair], Interval], margin: float, eligible: Collection[str]
    ) -> Pair:
        """The models that the answer rests on.

        Args:
            preferred: a still and a motion model.
            interval: of each pair.
            margin: what limits are compared with.
            eligible: names of the models that nothing else keeps a claim from resting on.

        Returns:
            The preferred models. Where only others are eligible and clear of the margin, the clearest of these. Where
            none is eligible, the clearest one, to say why it does not decide.
        """
        still, motion = preferred
        lows = {m: self.limits((still, m), interval)[0] for m in self._motion_candidates}
        highs = {s: self.limits((s, motion), interval)[1] for s in self._still_candidates}
        motions = [m for m in _eligible(lows, eligible) if lows[m] > margin]
        if motions and motion not in motions:
            motion = max(motions, key=lows.__getitem__)
        stills = [s for s in _eligible(highs, eligible) if highs[s] < margin]
        if stills and still not in stills:
            still = min(stills, key=highs.__getitem__)
        return still, motion

    def limits(self, pair: Pair, interval: Callable[[Pair], Interval]) -> Interval:
        """What this motion model gains over every still model at least, and any motion model over this still model."""
        still, motion = pair
        return min(interval((s, motion))[0] for s in self._stills), max(interval((still, m))[1] for m in self._motions)

    def p_needed(self, gains: Mapping[Pair, Estimate], margin: float) -> float:
        """One-sided p of "no motion model gains more than the margin over every still model"."""
        p = {m: max(gains[s, m].p_above(margin) for s in self._stills) for m in self._motion_candidates}
        return min(1.0, *(value / self._shares[m] for m, value in p.items()))

    def p_suffice(self, gains: Mapping[Pair, Estimate], margin: float) -> float:
        """One-sided p of "some motion model gains the margin or more over every still model"."""
        p = {s: max(gains[s, m].p_below(margin) for m in self._motions) for s in self._still_candidates}
        return min(1.0, *(value / self._shares[s] for s, value in p.items()))


def _eligible(names: Collection[str], eligible: Collection[str]) -> list[str]:
    """Those that are eligible; all if none is."""
    return [name for name in names if name in eligible] or list(names)
