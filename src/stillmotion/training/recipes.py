"""Recipes from a family's name and settings. Importing this module imports no backend."""

from __future__ import annotations

import dataclasses
from typing import Any

from stillmotion.errors import UsageError
from stillmotion.models import FAMILIES, check_options
from stillmotion.runs import Recipe


def make_recipe(family: str, **settings: Any) -> Recipe:
    """Make a recipe from a family's name and settings.

    Args:
        family: a name in `stillmotion.FAMILIES`.
        **settings: the family's options, such as `rnn="lstm"`, and fields of `Recipe`, such as `epochs=30`.

    Returns:
        The recipe, with defaults for whatever is not given.

    Raises:
        UsageError: an unknown family, setting or value.
    """
    allowed = FAMILIES[family].options if family in FAMILIES else {}
    options = check_options(family, {name: settings.pop(name) for name in list(settings) if name in allowed})
    unknown = settings.keys() - {field.name for field in dataclasses.fields(Recipe)}
    if unknown:
        raise UsageError(f"{family} has no setting {sorted(unknown)[0]!r}")
    return Recipe(family, options, **settings)
