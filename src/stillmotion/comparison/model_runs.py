"""The runs of each model of a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TypeVar

from stillmotion.errors import UsageError
from stillmotion.runs import Run, as_run

AnyRun = TypeVar("AnyRun", Run, Run | Path | str)
RunsByModel = Sequence[AnyRun] | Mapping[str, Sequence[AnyRun]]


def group_by_model(runs: RunsByModel[AnyRun]) -> dict[str, list[Run]]:
    """Read runs and put those of each model together.

    Args:
        runs: runs or their folders: a mapping from the names of models, or a list in which a model is a family.

    Returns:
        The runs of each model by name.

    Raises:
        UsageError: there is no such folder.
        StillmotionError: a folder is not a run.
    """
    if isinstance(runs, str | PathLike | Run):
        raise UsageError("expected a list of runs or of their folders, not a single one")
    if isinstance(runs, Mapping):
        return {name: [as_run(run) for run in members] for name, members in runs.items()}
    by_family: dict[str, list[Run]] = {}
    for run in map(as_run, runs):
        by_family.setdefault(run.recipe.family, []).append(run)
    return by_family
