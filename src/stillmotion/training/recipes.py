"""Recipes from a family's name and settings. Importing this module imports no backend."""

from __future__ import annotations

import dataclasses
from typing import Any

from stillmotion.clips import ClipSpec
from stillmotion.errors import UsageError
from stillmotion.models import FAMILIES, check_options, default_size, pretrained_backbone
from stillmotion.runs import Recipe


def make_recipe(family: str, **settings: Any) -> Recipe:
    """Make a recipe from a family's name and settings.

    Args:
        family: a name in `stillmotion.FAMILIES`.
        **settings: the family's options, such as `rnn="lstm"`, and fields of `Recipe`, such as `epochs=30`. For a
            family that sees one frame, the clips of `spec` become clips of one frame from windows as long.

    Returns:
        The recipe, with defaults for whatever is not given.

    Raises:
        UsageError: an unknown family, setting or value, or fine-tuning without a pretrained backbone.
    """
    allowed = FAMILIES[family].options if family in FAMILIES else {}
    options = check_options(family, {name: settings.pop(name) for name in list(settings) if name in allowed})
    unknown = settings.keys() - {field.name for field in dataclasses.fields(Recipe)}
    if unknown:
        raise UsageError(f"{family} has no setting {sorted(unknown)[0]!r}")
    if settings.get("finetune") and pretrained_backbone(options) is None:
        raise UsageError(f"{family}: fine-tuning takes a pretrained backbone, such as efficientnet-lite0")
    if pretrained_backbone(options) is not None:
        settings = {**FAMILIES[family].head_settings, **settings}
    settings.setdefault("spec", ClipSpec(size=default_size(options)))
    if FAMILIES[family].rung == "one frame":
        settings["spec"] = _with_one_frame(settings["spec"])
    return Recipe(family, options, **settings)


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
