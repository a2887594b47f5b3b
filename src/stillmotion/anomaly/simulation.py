"""What simulated faults tell: how many of which kind would be found, how soon, and whether that needs motion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from stillmotion.anomaly.faults import FAULTS
from stillmotion.anomaly.simulated_faults import SimulatedFault
from stillmotion.formatting import count
from stillmotion.statistics import CONFIDENCE, balancing_weights, estimate_mean, group_codes, proportion_interval

MARGIN = 0.05
# Fewer recordings than this are a first look only.
MIN_RECORDINGS = 10
SimulationAnswer = Literal["motion needed", "look suffices", "undecided"]


@dataclass(frozen=True)
class Share:
    """A share with its 95 % interval by recording.

    Attributes:
        value: 0 to 1.
        low: lower limit.
        high: upper limit.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class FaultShares:
    """How many faults of a kind were found.

    Attributes:
        fault: its name.
        strength: of that fault; empty for all strengths.
        count: how many were made.
        found: share that was found by look or motion.
        look: share that look alone finds.
        motion: share that motion alone finds.
        median_delay_seconds: of those that were found.
        located: of the alarms for faults that are somewhere, the share that points at them.
    """

    fault: str
    strength: str
    count: int
    found: Share
    look: Share
    motion: Share
    median_delay_seconds: float | None
    located: float | None


@dataclass(frozen=True)
class SimulationVerdict:
    """Whether finding the simulated faults takes motion.

    Attributes:
        about: "all" faults, or those of "look", "motion" or "sequence".
        look: share that look alone finds.
        both: share that look or motion finds.
        difference: how much more that is.
        low: lower limit of its 95 % interval by recording.
        high: upper limit.
        margin: the smallest difference that is worth motion.
        faults: how many were made.
        recordings: in how many recordings.
    """

    about: Literal["all", "look", "motion", "sequence"]
    look: float
    both: float
    difference: float
    low: float
    high: float
    margin: float
    faults: int
    recordings: int

    @property
    def answer(self) -> SimulationAnswer:
        """The whole interval must be above or below the margin, and what finds less than half suffices for nothing."""
        if self.low > self.margin:
            return "motion needed"
        return "look suffices" if self.high < self.margin and self.look >= 0.5 else "undecided"

    @property
    def figures(self) -> str:
        """What the answer rests on, in words."""
        faults = "simulated faults" if self.about == "all" else f"simulated faults of {self.about}"
        return (
            f"look alone finds {self.look:.0%} of the {faults}, look and motion together find {self.both:.0%}: "
            f"{count(round(100 * self.difference), 'point')} more "
            f"(95 % interval {100 * self.low:.0f} to {100 * self.high:.0f})"
        )

    @property
    def sentence(self) -> str:
        """The answer and what it rests on, in one sentence."""
        figures = self.figures
        if self.answer == "motion needed":
            return f"Motion is needed: {figures}."
        if self.answer == "look suffices":
            return f"Look suffices: {figures}."
        if self.high < self.margin:
            return f"Undecided, because most faults are missed: {figures}."
        return f"Undecided: {figures}. More recordings of normal footage would tell."


@dataclass(frozen=True)
class FaultSimulation:
    """What a detector would find, by faults that were put into normal footage.

    Attributes:
        detector: the detector's folder.
        promise: false alarms at its thresholds, such as "1/hour".
        hours: of normal footage that the thresholds rest on.
        expected_per_hour: false alarms to expect, at most.
        seed: of the random choices.
        per_fault: how many of each fault and strength were asked for.
        faults: what became of each.
        skipped: recordings into which none could be put, with reasons.

    Examples:
        >>> simulation = sm.simulate_faults("detector", "normal/")
        >>> simulation.verdict.answer
        'motion needed'
    """

    detector: str
    promise: str
    hours: float
    expected_per_hour: float
    seed: int
    per_fault: int
    faults: tuple[SimulatedFault, ...]
    skipped: tuple[str, ...] = ()

    @cached_property
    def shares(self) -> tuple[FaultShares, ...]:
        """How many were found of each fault, over all strengths."""
        return tuple(
            shares for name in FAULTS if (shares := _shares(name, "", [f for f in self.faults if f.fault == name]))
        )

    @cached_property
    def shares_by_strength(self) -> tuple[FaultShares, ...]:
        """How many were found of each fault and strength."""
        cases = [(name, strength) for name, fault in FAULTS.items() for strength in fault.strengths]
        return tuple(
            shares
            for case in cases
            if (shares := _shares(*case, [fault for fault in self.faults if (fault.fault, fault.strength) == case]))
        )

    @property
    def not_made(self) -> tuple[str, ...]:
        """The faults that could not be made anywhere in this footage."""
        made = {fault.fault for fault in self.faults}
        return tuple(name for name in FAULTS if name not in made)

    @cached_property
    def verdicts(self) -> tuple[SimulationVerdict, ...]:
        """Of all faults, and of those of look, motion and sequence."""
        parts: tuple[Literal["all", "look", "motion", "sequence"], ...] = ("all", "look", "motion", "sequence")
        verdicts = []
        for about in parts:
            faults = [fault for fault in self.faults if about in ("all", fault.kind)]
            if faults:
                verdicts.append(decide_by_faults(faults, about))
        return tuple(verdicts)

    @property
    def verdict(self) -> SimulationVerdict:
        """Of all faults."""
        return self.verdicts[0]

    @property
    def recordings(self) -> int:
        """How many recordings, or groups of them, faults were put into."""
        return len({fault.group for fault in self.faults})


def decide_by_faults(
    faults: Sequence[SimulatedFault],
    about: Literal["all", "look", "motion", "sequence"] = "all",
    margin: float = MARGIN,
) -> SimulationVerdict:
    """Whether finding faults takes motion: each fault by look, and by look or motion, paired by recording.

    Each kind of fault counts the same, however many strengths it has and however often it could be made.

    Args:
        faults: what became of each; one or more.
        about: what they are.
        margin: the smallest difference that is worth motion.

    Returns:
        The verdict.
    """
    _, labels = group_codes([fault.fault for fault in faults])
    groups, codes = group_codes([fault.group for fault in faults])
    weights = balancing_weights(labels)
    by_look = np.array([float(fault.look_delay_seconds is not None) for fault in faults])
    by_both = np.array([float(fault.delay_seconds is not None) for fault in faults])
    # Not `estimate_balanced`: faults of a kind are so alike that their spread says nothing about other recordings.
    estimate = estimate_mean((by_both - by_look) * weights, codes, weights=weights)
    low, high = estimate.interval(CONFIDENCE)
    return SimulationVerdict(
        about,
        float(np.average(by_look, weights=weights)),
        float(np.average(by_both, weights=weights)),
        estimate.mean,
        low,
        high,
        margin,
        len(faults),
        groups,
    )


def _shares(name: str, strength: str, faults: Sequence[SimulatedFault]) -> FaultShares | None:
    if not faults:
        return None
    _, codes = group_codes([fault.group for fault in faults])

    def share(delays: Sequence[float | None]) -> Share:
        hits = np.array([float(delay is not None) for delay in delays])
        return Share(float(hits.mean()), *proportion_interval(hits, codes))

    delays = [fault.delay_seconds for fault in faults if fault.delay_seconds is not None]
    located = [fault.located for fault in faults if fault.located is not None]
    return FaultShares(
        name,
        strength,
        len(faults),
        share([fault.delay_seconds for fault in faults]),
        share([fault.look_delay_seconds for fault in faults]),
        share([fault.motion_delay_seconds for fault in faults]),
        float(np.median(delays)) if delays else None,
        float(np.mean(located)) if located else None,
    )
