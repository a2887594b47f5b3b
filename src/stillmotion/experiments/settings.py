"""What a comparison is asked to do, checked before any work begins."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Literal

from stillmotion.clips import Augment, ClipSpec, Rate
from stillmotion.data.splitting import FRACTIONS, check_fractions
from stillmotion.errors import UsageError
from stillmotion.experiments.choices import Effort, Preset
from stillmotion.models import FAMILIES, check_options
from stillmotion.runs import Recipe
from stillmotion.training import EFFORTS, make_recipe

# Architectures, with the frames of their clips: the small ones of common tutorials are usually shown fewer.
PRESETS: Mapping[Preset, int] = {"standard": 16, "classic": 10}


@dataclass(frozen=True, kw_only=True)
class ComparisonSettings:
    """The settings of `run_comparison`; see there for what each means.

    Raises:
        UsageError: a setting is unknown, out of range or contradicts another.
    """

    families: Sequence[str] = tuple(FAMILIES)
    frames: int | None = None
    rate: Rate | Literal["auto"] = "auto"
    size: int | tuple[int, int] = 64
    preset: Preset = "standard"
    epochs: int | None = None
    input: str | None = None
    pool: str | None = None
    seeds: int = 1
    folds: int = 0
    effort: Effort = "quick"
    time_budget_minutes: float | None = None
    margin: float = 0.05
    flip: bool = False
    fractions: Sequence[float] = FRACTIONS
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.families:
            raise UsageError(f"families is empty; choose from {', '.join(FAMILIES)}")
        repeated = next((name for name in self.families if list(self.families).count(name) > 1), None)
        if repeated is not None:
            raise UsageError(f"families has {repeated!r} twice")
        for family in self.families:
            check_options(family, self.options_of(family))
        if self.effort not in EFFORTS:
            raise UsageError(f"effort is {self.effort!r}; expected one of {', '.join(EFFORTS)}")
        for name in ("seeds", "folds", "seed"):
            if not isinstance(getattr(self, name), Integral):
                raise UsageError(f"{name} is {getattr(self, name)!r}; expected a whole number")
        if self.seed < 0:
            raise UsageError(f"seed is {self.seed}; expected 0 or more")
        if self.seeds < 1:
            raise UsageError(f"seeds is {self.seeds}; expected 1 or more")
        if self.folds < 0 or self.folds == 1:
            raise UsageError(f"folds is {self.folds}; cross-validation takes 2 or more (0: a single split)")
        if self.time_budget_minutes is not None and self.epochs is not None:
            raise UsageError("a time budget sets the epochs: give one of the two")
        # Comparisons with NaN are false, so the condition states what is right.
        if self.time_budget_minutes is not None and not 0 < self.time_budget_minutes < math.inf:
            raise UsageError(f"the time budget is {self.time_budget_minutes:g} minutes; expected more than 0")
        if not 0 <= self.margin < 1:
            raise UsageError(f"margin is {self.margin:g}; expected 0 to below 1 (0.05 is 5 points of accuracy)")
        check_fractions(self.fractions)
        self.spec("spread" if self.rate == "auto" else self.rate)  # checks frames, rate and size

    @property
    def clip_frames(self) -> int:
        """Frames of a clip."""
        return PRESETS[self.preset] if self.frames is None else self.frames

    @property
    def same_time(self) -> bool:
        """Whether families get the same training time; otherwise the same epochs."""
        return self.time_budget_minutes is not None

    @property
    def trains_controls(self) -> bool:
        """Whether control models are trained and memory is measured."""
        return self.effort != "quick"

    def spec(self, rate: Rate) -> ClipSpec:
        """What a clip is, at the rate that suits the data set."""
        return ClipSpec(self.clip_frames, rate, self.size)

    def options_of(self, family: str) -> dict[str, str | bool]:
        """A family's own options among the settings."""
        known = FAMILIES[family].options if family in FAMILIES else {}
        given = {"input": self.input, "pool": self.pool, "preset": self.preset}
        return {name: value for name, value in given.items() if name in known and value is not None}

    def recipes(self, rate: Rate) -> list[Recipe]:
        """One recipe per family: the same clips, augmentation, epochs and seed for all."""
        epochs: dict[str, Any] = {} if self.epochs is None else {"epochs": self.epochs}
        return [
            make_recipe(
                family,
                spec=self.spec(rate),
                augment=Augment(flip=self.flip),
                seed=self.seed,
                **epochs,
                **self.options_of(family),
            )
            for family in self.families
        ]
