"""The model families: one table, and the functions that build models from it. Importing it imports no backend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pkgutil import resolve_name
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, get_args

from stillmotion.errors import UsageError
from stillmotion.models.own_families import Builder as Builder, build_own, own_kind
from stillmotion.models.pretrained import build_backbone, find_backbone

if TYPE_CHECKING:
    import keras

Options = Mapping[str, str | bool | int | float]

Rung = Literal["one frame", "several frames", "changes", "order", "dense motion"]
# Each adds a way to see motion.
RUNGS: tuple[Rung, ...] = get_args(Rung)
STILL_RUNGS: tuple[Rung, ...] = ("one frame", "several frames")
# What a model sees, for a reader who knows no models.
_CAPTIONS: Mapping[Rung, str] = MappingProxyType(
    {
        "one frame": "a single frame",
        "several frames": "frames without their order",
        "changes": "what changes between frames",
        "order": "frames in order",
        "dense motion": "all movement, pixel by pixel",
    }
)


@dataclass(frozen=True)
class Family:
    """A kind of model.

    Attributes:
        rung: what it sees of a clip.
        summary: one line, for help and docs.
        options: what can be chosen: each option's values, the default first. A backbone may also be a pretrained one.
        builder: "module:function", imported when a model is built. A module whose family takes pretrained backbones has
            a function `build_head` as well.
        classic: the values of other options that preset="classic" implies.
        head_settings: fields of the recipe that suit its head on a frozen backbone.
    """

    rung: Rung
    summary: str
    options: Mapping[str, tuple[str | bool, ...]]
    builder: str
    classic: Options = field(default_factory=dict)
    head_settings: Mapping[str, float] = field(default_factory=dict)

    @property
    def kind(self) -> Literal["still", "motion"]:
        """Whether it sees each frame alone ("still"), or also what changes between frames ("motion")."""
        return "still" if self.rung in STILL_RUNGS else "motion"


_INPUT = ("both", "rgb", "difference")
_PRESET = ("standard", "classic")
_LINEAR = {"learning_rate": 3e-2, "weight_decay": 1.0, "epochs": 40}
# The backbone that is trained from nothing. Any name of `stillmotion.models.pretrained` is allowed as well.
SMALL = "small"
SMALL_SIDE = 64  # pixels of the frames that it sees, unless others are chosen
_BACKBONE = (SMALL,)

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "single_frame": Family(
            rung="one frame",
            summary="an image classifier, trained on single frames and asked about the middle one",
            options={"moment": ("any", "middle"), "backbone": _BACKBONE, "preset": _PRESET},
            builder="stillmotion.models.single_frame:build",
            head_settings=_LINEAR,
            classic={"backbone": SMALL},
        ),
        "frame_pool": Family(
            rung="several frames",
            summary="an image classifier on each frame alone, pooled over the frames",
            options={
                "pool": ("mean", "max", "mean+max", "attention", "set", "vote"),
                "backbone": _BACKBONE,
                "preset": _PRESET,
            },
            builder="stillmotion.models.frame_pool:build",
            head_settings=_LINEAR,
            classic={"backbone": SMALL},
        ),
        "frame_changes": Family(
            rung="changes",
            summary="the differences of neighboring frames, pooled without their order",
            options={"pool": ("mean", "max", "mean+max", "attention"), "backbone": _BACKBONE},
            builder="stillmotion.models.frame_changes:build",
            head_settings=_LINEAR | {"learning_rate": 3e-3},
        ),
        "frame_sequence": Family(
            rung="order",
            summary="the frames in order: features of each, read by a small network over time",
            options={"head": ("gru", "convolution", "transformer"), "backbone": _BACKBONE},
            builder="stillmotion.models.frame_sequence:build",
            head_settings=_LINEAR,
        ),
        "cnn_rnn": Family(
            rung="dense motion",
            summary="a 2D CNN on each frame and its difference from the one before, then a GRU or LSTM",
            options={"rnn": ("gru", "lstm"), "bidirectional": (False, True), "input": _INPUT, "preset": _PRESET},
            builder="stillmotion.models.cnn_rnn:build",
            classic={"rnn": "lstm", "bidirectional": False, "input": "rgb"},
        ),
        "conv3d": Family(
            rung="dense motion",
            summary="convolutions over space and time together",
            options={"factored": (True, False), "causal": (False, True), "input": _INPUT, "preset": _PRESET},
            builder="stillmotion.models.conv3d:build",
            classic={"factored": False, "causal": False, "input": "rgb"},
        ),
    }
)


def caption(name: str) -> str:
    """Say what a model sees, in plain words.

    Args:
        name: of a family or a rung.

    Returns:
        Such as "frames in order"; empty for any other name.
    """
    rung = FAMILIES[name].rung if name in FAMILIES else name
    return next((words for known, words in _CAPTIONS.items() if known == rung), "")


def find_family(name: str) -> Family:
    """Look up a family.

    Args:
        name: a name in `FAMILIES`, or "package.module:function" for one of the user's own, after "still=" if its models
            do not look at the order of frames.

    Returns:
        The family.

    Raises:
        UsageError: there is none of this name.
    """
    if name in FAMILIES:
        return FAMILIES[name]
    kind = own_kind(name) if isinstance(name, str) else None
    if kind is None:
        raise UsageError(f"no family {name!r}: choose from {', '.join(FAMILIES)}, or give package.module:function")
    rung: Rung = "several frames" if kind == "still" else "dense motion"
    return Family(rung, f"your own {kind} model", {}, name)


def check_options(family: str, options: Options) -> dict[str, str | bool | int | float]:
    """Check the options of a family, and fill in the defaults.

    Args:
        family: a name in `FAMILIES`.
        options: some of the family's options.

    Returns:
        All options of the family; those of a user's own family as they are.

    Raises:
        UsageError: an unknown family, option or value, or a value that contradicts preset="classic".
    """
    description = find_family(family)
    if family not in FAMILIES:
        return dict(options)
    allowed = description.options
    for name, value in options.items():
        if name not in allowed:
            raise UsageError(f"{family} has no option {name!r}: it has {', '.join(allowed)}")
        if name == "backbone" and value != SMALL:
            find_backbone(str(value))
        elif not any(value is choice or value == choice for choice in allowed[name]):
            choices = ", ".join(map(str, allowed[name]))
            raise UsageError(f"{family}: {name} cannot be {value!r}: choose from {choices}")
    implied = description.classic if options.get("preset") == "classic" else {}
    for name, value in implied.items():
        if options.get(name, value) != value:
            raise UsageError(f"{family}: preset=classic has {name}={value}, not {options[name]}: give one of the two")
    return {name: choices[0] for name, choices in allowed.items()} | {**implied} | {**options}


def pretrained_backbone(options: Options) -> str | None:
    """Get the pretrained backbone among a family's options.

    Args:
        options: see `FAMILIES`.

    Returns:
        A name of `stillmotion.models.pretrained`; None for a model that is trained from nothing.
    """
    name = str(options.get("backbone", SMALL))
    return None if name == SMALL else name


def check_backbone(options: Options) -> None:
    """Check that the backbone among a family's options exists and is installed, without a backend.

    Args:
        options: see `FAMILIES`.

    Raises:
        UsageError: there is no such backbone.
        StillmotionError: its package is not installed.
    """
    name = pretrained_backbone(options)
    if name is not None:
        find_backbone(name).check_installed()


def default_size(options: Options) -> int | tuple[int, int]:
    """Get the size of the frames that suits a family's backbone.

    Args:
        options: see `FAMILIES`.

    Returns:
        The side of square frames, in pixels, or (height, width).

    Raises:
        UsageError: there is no such backbone.
    """
    name = pretrained_backbone(options)
    return SMALL_SIDE if name is None else find_backbone(name).size


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
    """Build a new model.

    Calls `keras.utils.set_random_seed(seed)`, so that the same seed gives the same initial weights and dropout.

    Args:
        family: a name in `FAMILIES`, or "package.module:function"; see `make_recipe`.
        frames: frames of a clip.
        height: of the frames, in pixels.
        width: of the frames, in pixels.
        classes: number of classes.
        options: see `FAMILIES`.
        steps: how many training steps there will be. They set the momentum of batch normalization.
        seed: of the initial weights.

    Returns:
        A model from uint8 RGB `(batch, frames, height, width, 3)` to float32 probabilities `(batch, classes)`.

    Raises:
        UsageError: see `check_options`.
        StillmotionError: the clip is too small for preset="classic".

    Examples:
        >>> model = sm.build_model("conv3d", frames=4, height=16, width=16, classes=2)
        >>> model.input_shape
        (None, 4, 16, 16, 3)
    """
    chosen = check_options(family, options)
    if family not in FAMILIES:
        import keras

        keras.utils.set_random_seed(seed)
        return build_own(family, frames=frames, height=height, width=width, classes=classes, options=chosen)
    backbone = pretrained_backbone(chosen)
    if backbone is not None:
        network = build_backbone(backbone, height, width)
        grid, top = (output.shape[1:] for output in network.outputs)
        head = build_head(
            family, frames=frames, grid=grid, top=top[0], classes=classes, options=chosen, steps=steps, seed=seed
        )
        return join_backbone(family, network, head)
    import keras

    keras.utils.set_random_seed(seed)
    build = resolve_name(FAMILIES[family].builder)
    model: keras.Model = build(frames=frames, height=height, width=width, classes=classes, options=chosen, steps=steps)
    return model


def build_head(
    family: str,
    *,
    frames: int,
    grid: tuple[int, int, int],
    top: int,
    classes: int,
    options: Options,
    steps: int = 1000,
    seed: int = 0,
) -> keras.Model:
    """Build what is trained on the features of a frozen backbone.

    Calls `keras.utils.set_random_seed(seed)`.

    Args:
        family: a name in `FAMILIES`.
        frames: frames of a clip.
        grid: rows, columns and channels of the backbone's grid.
        top: number of features of its top.
        classes: number of classes.
        options: see `FAMILIES`.
        steps: how many training steps there will be.
        seed: of the initial weights.

    Returns:
        A model from float features `(batch, frames, features)`, for each frame the grid, flattened, and then the top,
        to float32 probabilities `(batch, classes)`.

    Raises:
        UsageError: see `check_options`.
    """
    chosen = check_options(family, options)
    import keras

    from stillmotion.models.heads import FeatureShape

    keras.utils.set_random_seed(seed)
    build = resolve_name(FAMILIES[family].builder.replace(":build", ":build_head"))
    head: keras.Model = build(FeatureShape(frames, grid, top), classes=classes, options=chosen, steps=steps)
    return head


def join_backbone(family: str, backbone: keras.Model, head: keras.Model) -> keras.Model:
    """Put a head onto its backbone.

    Args:
        family: a name in `FAMILIES`.
        backbone: see `build_backbone`.
        head: see `build_head`.

    Returns:
        A model from uint8 RGB `(batch, frames, height, width, 3)` to probabilities, which shares the weights of both.
        Its layer "head" is the head.
    """
    from stillmotion.models import heads

    return heads.join_backbone(family, backbone, head)


def deployed_model(family: str, model: keras.Model, options: Options) -> keras.Model:
    """Get the model to save and use: the trained one, or for pool="vote" one that votes with the same weights.

    Args:
        family: a name in `FAMILIES`.
        model: as trained.
        options: see `FAMILIES`.

    Returns:
        The model, which shares its weights with the trained one.

    Raises:
        UsageError: see `check_options`.
    """
    if family not in FAMILIES or check_options(family, options).get("pool") != "vote":
        return model
    from stillmotion.models import frame_pool

    return frame_pool.voting(model)


def snapshot_model(family: str, model: keras.Model) -> keras.Model | None:
    """Get the model that predicts from a single picture, for a still family.

    Args:
        family: a name in `FAMILIES`.
        model: trained, deployed or loaded.

    Returns:
        A model from uint8 `(batch, height, width, 3)` to probabilities `(batch, classes)`, which shares its weights
        with `model`; None for a motion family.
    """
    if family not in FAMILIES or FAMILIES[family].kind == "motion":
        return None
    from stillmotion.models.frame_pool import snapshot

    return snapshot(model)
