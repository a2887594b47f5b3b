"""Who competes: the contenders of the ladder's rungs, or families chosen by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from stillmotion.errors import UsageError
from stillmotion.models import FAMILIES, SMALL, Options, find_family
from stillmotion.models.pretrained import split_own_name


class Variants(NamedTuple):
    """The values of an option that compete.

    Attributes:
        option: one of the family's options.
        small: values on a backbone that is trained from nothing, beside a pretrained one.
        alone: the same without a pretrained one.
        pretrained: values on each pretrained backbone, where a training takes seconds.
    """

    option: str
    small: tuple[str, ...]
    alone: tuple[str, ...]
    pretrained: tuple[str, ...]


# Of families whose backbone can be chosen; the others compete once.
VARIANTS: Mapping[str, Variants] = MappingProxyType(
    {
        # Where the action is in the middle of a video, middle frames are better; elsewhere there is less to see.
        "single_frame": Variants("moment", ("any",), ("any",), ("any", "middle")),
        # Trained from nothing, attention does not find the one frame of a clip that matters; the maximum does.
        "frame_pool": Variants("pool", ("mean+max",), ("mean+max",), ("mean", "max", "attention", "set")),
        "frame_changes": Variants("pool", ("mean",), ("mean",), ("mean", "attention")),
        "frame_sequence": Variants("head", (), ("gru",), ("gru", "convolution", "transformer")),
    }
)
# What families without such variants are given on the ladder. (2+1)D sees the differences of frames alone, as places
# are learned by heart otherwise; CNN-RNN sees the frames, too.
INPUTS: Mapping[str, str] = MappingProxyType({"conv3d": "difference"})


@dataclass(frozen=True)
class Contender:
    """One way to train a model of a comparison.

    Attributes:
        model: the model that it competes to be: a rung, or a family that was chosen by hand.
        name: what to call it among its rivals; empty for a family chosen by hand, which has none.
        family: its family.
        options: those of the family's options that differ from the defaults.
    """

    model: str
    name: str
    family: str
    options: Options

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.model}, {self.name}" if self.name else self.model

    @property
    def slug(self) -> str:
        """For folders: "several-frames-efficientnet-lite0-mean"."""
        return re.sub(r"[^A-Za-z0-9._]+", "-", f"{self.model} {self.name}").strip("-")


def by_hand(families: Sequence[str], given: Options) -> list[Contender]:
    """One contender per family, each of which becomes a model.

    Args:
        families: names in `FAMILIES`.
        given: options, for the families that have them.

    Returns:
        The contenders, in the order of `families`.
    """
    return [Contender(name, "", name, _known(name, given)) for name in families]


def on_ladder(backbones: Sequence[str], given: Options) -> list[Contender]:
    """The contenders of every rung.

    Args:
        backbones: "small" and names of `stillmotion.models.pretrained`.
        given: options for the families that have them; preset="classic" leaves only those that have it.

    Returns:
        The contenders, from the lowest rung up.

    Raises:
        UsageError: two backbones have the same short name.
    """
    contenders = []
    for family, description in FAMILIES.items():
        if given.get("preset") == "classic" and "preset" not in description.options:
            continue
        known = _known(family, given)
        if family not in VARIANTS:
            chosen = {"input": INPUTS[family]} if family in INPUTS and given.get("preset") != "classic" else {}
            contenders.append(Contender(description.rung, family, family, chosen | known))
            continue
        option, small, alone, pretrained = VARIANTS[family]
        for backbone in backbones:
            values = pretrained if backbone != SMALL else alone if len(backbones) == 1 else small
            for value in values:
                options = {"backbone": backbone, option: value, **known}
                name = f"{_short(backbone)} {value if len(values) > 1 else ''}".strip()
                contenders.append(Contender(description.rung, name, family, options))
    slugs = [contender.slug for contender in contenders]
    twice = next((slug for slug in slugs if slugs.count(slug) > 1), None)
    if twice:
        raise UsageError(f"two backbones would both be called {twice!r}; rename one of the files or layers")
    return contenders


def _known(family: str, given: Options) -> dict[str, str | bool | int | float]:
    return {name: value for name, value in given.items() if name in find_family(family).options}


def _short(backbone: str) -> str:
    """A backbone's name without the folder and the ending of a file."""
    own = split_own_name(backbone)
    return f"{own[0].stem}-{own[1]}" if own else backbone
