"""The model families: one table, and the functions that build from it. Importing it imports no backend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pkgutil import resolve_name
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from stillmotion.errors import UsageError

if TYPE_CHECKING:
    import keras

Options = Mapping[str, str | bool]


@dataclass(frozen=True)
class Family:
    """A kind of model: what it sees, what can be chosen, and where it is built."""

    kind: Literal["still", "motion"]
    summary: str  # one line, for help and docs
    options: Mapping[str, tuple[str | bool, ...]]  # name -> allowed values, the first is the default
    builder: str  # "module:function", imported when a model is built
    classic: Options = field(default_factory=dict)  # what size="classic" settles


_INPUT = ("both", "rgb", "difference")
_SIZE = ("small", "classic")

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "frame_pool": Family(
            kind="still",
            summary="a 2D CNN on each frame alone, pooled over the frames",
            options={"pool": ("mean", "max", "vote"), "size": _SIZE},
            builder="stillmotion.models.frame_pool:build",
        ),
        "cnn_rnn": Family(
            kind="motion",
            summary="the same CNN on each frame, then a GRU or LSTM over the frames",
            options={"rnn": ("gru", "lstm"), "bidirectional": (False, True), "input": _INPUT, "size": _SIZE},
            builder="stillmotion.models.cnn_rnn:build",
            classic={"rnn": "lstm", "bidirectional": False, "input": "rgb"},
        ),
        "conv3d": Family(
            kind="motion",
            summary="convolutions over space and time together",
            options={"factored": (True, False), "causal": (False, True), "input": _INPUT, "size": _SIZE},
            builder="stillmotion.models.conv3d:build",
            classic={"factored": False, "causal": False, "input": "rgb"},
        ),
    }
)


def check_options(family: str, options: Options) -> dict[str, str | bool]:
    """The options of a family, complete with defaults.

    Raises:
        UsageError: An unknown family, option or value, or one that size="classic" settles otherwise.
    """
    if family not in FAMILIES:
        raise UsageError(f"no family {family!r}: choose from {', '.join(FAMILIES)}")
    allowed = FAMILIES[family].options
    for name, value in options.items():
        if name not in allowed:
            raise UsageError(f"{family} has no option {name!r}: it has {', '.join(allowed)}")
        if not any(value is choice or value == choice for choice in allowed[name]):
            choices = ", ".join(map(str, allowed[name]))
            raise UsageError(f"{family}: {name} cannot be {value!r}: choose from {choices}")
    settled = FAMILIES[family].classic if options.get("size") == "classic" else {}
    for name, value in settled.items():
        if options.get(name, value) != value:
            raise UsageError(f"{family}: size=classic has {name}={value}, not {options[name]}: leave one out")
    return {name: choices[0] for name, choices in allowed.items()} | {**settled} | {**options}


def build_model(
    family: str,
    *,
    frames: int,
    height: int,
    width: int,
    classes: int,
    options: Options = MappingProxyType({}),
    steps: int = 1000,
    seed: int = 0,
) -> keras.Model:
    """A new model: uint8 RGB `(batch, frames, height, width, 3)` -> float32 probabilities `(batch, classes)`.

    Calls `keras.utils.set_random_seed(seed)`, so that the same seed gives the same weights and dropout.

    Args:
        steps: Training steps to come. They set the momentum of the batch normalisation.

    Raises:
        UsageError: As `check_options`.
        StillmotionError: The clip is too small for size="classic".
    """
    chosen = check_options(family, options)
    import keras

    keras.utils.set_random_seed(seed)
    build = resolve_name(FAMILIES[family].builder)
    model: keras.Model = build(frames=frames, height=height, width=width, classes=classes, options=chosen, steps=steps)
    return model


def deployed_model(family: str, model: keras.Model, options: Options) -> keras.Model:
    """The model to save and use: the trained one, or for pool="vote" its weights under the voting head."""
    if check_options(family, options).get("pool") != "vote":
        return model
    from stillmotion.models import frame_pool

    return frame_pool.voting(model)


def snapshot_model(family: str, model: keras.Model) -> keras.Model | None:
    """A still family's answer for one picture: uint8 `(batch, height, width, 3)` -> probabilities.

    It shares its weights with `model`, trained, deployed or loaded. None for motion families.
    """
    if FAMILIES[family].kind == "motion":
        return None
    from stillmotion.models import frame_pool

    return frame_pool.snapshot(model)
