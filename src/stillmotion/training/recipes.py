"""Recipes from a family's name and settings. Importing this module imports no backend."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypedDict, Unpack

from stillmotion.clips import Augment, ClipSpec, Segment, clips_per_epoch
from stillmotion.errors import UsageError
from stillmotion.models import FAMILIES, Builder, Options, check_options, default_size, find_family, pretrained_backbone
from stillmotion.models.own_families import Kind, register
from stillmotion.runs import Precision, Recipe

# Few clips take many epochs, and many clips few: about this many training steps, within these bounds.
STEPS = 420
MIN_EPOCHS = 20


class FamilySettings(TypedDict, total=False):
    """The families' options, and the fields of `Recipe` that say how a model is trained on given clips."""

    moment: str
    pool: str
    head: str
    rnn: str
    bidirectional: bool
    factored: bool
    causal: bool
    input: str
    backbone: str
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    label_smoothing: float
    patience: int
    precision: Precision
    finetune: bool
    kind: Kind
    options: Options


class TrainingSettings(FamilySettings, total=False):
    """The same with the fields that say how clips are drawn."""

    preset: str
    augment: Augment
    seed: int


class RecipeSettings(TrainingSettings, total=False):
    """The same with what a clip is: all that `make_recipe` takes."""

    spec: ClipSpec


def make_recipe(family: str | Builder, **given: Unpack[RecipeSettings]) -> Recipe:
    """Make a recipe from a family's name and settings.

    Args:
        family: a name in `stillmotion.FAMILIES`; or a function of your own, `build(frames, height, width, classes,
            **options)`, that returns a Keras model from `(batch, frames, height, width, 3)`, levels of 0 to 255, to
            probabilities; or the function's name, "package.module:function", which other processes can import.
        **given: the family's options, such as `rnn="lstm"`, and fields of `Recipe`, such as `epochs=30`. Options of
            your own function are given as `options={...}`; `kind="still"` says that its models do not look at the order
            of frames. For a family that sees one frame, the clips of `spec` become clips of one frame from windows as
            long.

    Returns:
        The recipe, with defaults for whatever is not given.

    Raises:
        UsageError: an unknown family, setting or value, fine-tuning without a pretrained backbone, or mirroring for a
            head on a frozen one.

    Examples:
        >>> recipe = sm.make_recipe("frame_pool", pool="attention", spec=sm.ClipSpec(frames=8))
        >>> recipe.spec.frames
        8
    """
    settings: dict[str, Any] = {**given}
    family = name_family(family, settings.pop("kind", None))
    own = settings.pop("options", {})
    if family in FAMILIES:
        settings = {**own, **settings}
    allowed = FAMILIES[family].options if family in FAMILIES else {}
    options = check_options(family, {name: settings.pop(name) for name in list(settings) if name in allowed})
    options |= {} if family in FAMILIES else own
    unknown = settings.keys() - {field.name for field in dataclasses.fields(Recipe)}
    if unknown:
        raise UsageError(f"{family} has no setting {sorted(unknown)[0]!r}")
    if settings.get("finetune") and pretrained_backbone(options) is None:
        raise UsageError(f"{family}: fine-tuning takes a pretrained backbone, such as efficientnet-lite0")
    if pretrained_backbone(options) is not None:
        settings = {**find_family(family).head_settings, **settings}
    settings.setdefault("spec", ClipSpec(size=default_size(options)))
    if find_family(family).rung == "one frame":
        settings["spec"] = _with_one_frame(settings["spec"])
    recipe = Recipe(family, options, **settings)
    if recipe.augment.flip and frozen_backbone(recipe) is not None:
        raise UsageError(
            f"{family}: a head on a frozen backbone sees no pixels, so mirroring does nothing: fine-tune it"
        )
    return recipe


def name_family(family: str | Builder, kind: Kind | None = None) -> str:
    """The name of a family, for a function of a user's own with what is said of its kind.

    Args:
        family: a family's name or a function; see `make_recipe`.
        kind: what is said of its kind.

    Returns:
        The name.

    Raises:
        UsageError: an unknown family, or one of the other kind.
    """
    if callable(family):
        return register(family, kind)
    known = find_family(family)
    if kind is None or family.startswith(f"{kind}="):
        return family
    if family not in FAMILIES and not family.startswith(("still=", "motion=")):
        return f"{kind}={family}"
    if known.kind != kind:
        raise UsageError(f"{family} is a {known.kind} family")
    return family


def suit_epochs(recipe: Recipe, segments: Sequence[Segment]) -> Recipe:
    """Choose epochs and patience by the number of training clips.

    Args:
        recipe: how a model is trained. Its epochs are the most that there will be.
        segments: what clips are drawn from.

    Returns:
        The recipe with as many epochs as make about 420 steps, but at least 20. In the second half, training stops
        after a third of them without a lower validation loss, or earlier with a shorter patience.
    """
    clips = sum(clips_per_epoch(recipe.spec, segment.window) for segment in segments)
    steps = max(1, clips // recipe.batch_size)
    epochs = min(recipe.epochs, max(MIN_EPOCHS, round(STEPS / steps)))
    return dataclasses.replace(recipe, epochs=epochs, patience=min(recipe.patience, max(1, epochs // 3)))


def frozen_backbone(recipe: Recipe) -> str | None:
    """Get the pretrained backbone that stays as it is, so that a frame goes through it once.

    Args:
        recipe: how a model is trained.

    Returns:
        Its name; None if the whole model is trained, or fine-tuned.
    """
    return None if recipe.finetune else pretrained_backbone(recipe.options)


def _with_one_frame(spec: ClipSpec) -> ClipSpec:
    """Clips of one frame, from windows as long as the spec's."""
    return dataclasses.replace(spec, frames=1, rate=spec.rate if spec.rate == "spread" else spec.rate / spec.frames)
