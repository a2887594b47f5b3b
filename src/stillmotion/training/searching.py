"""A small search over settings, alike for every family: on the validation part only.

Trials are short, a quarter of the epochs each, as in the first rung of successive halving (Jamieson & Talwalkar 2016):
for the same time more settings are tried.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from stillmotion.clips import ClipSpec, OpenedVideos
from stillmotion.data import Videos
from stillmotion.errors import UsageError
from stillmotion.progress import Progress, no_progress
from stillmotion.runs import Recipe, Run
from stillmotion.training.fitting import train

LARGEST_CROP = 0.5
SHORT = 4  # a trial's share of the epochs: one in so many


@dataclass(frozen=True)
class Change:
    """What a trial multiplies in the recipe. `frames` in the same time; `rate` as many frames in less or more time."""

    name: str
    learning_rate: float = 1.0
    weight_decay: float = 1.0
    crop: float = 1.0
    frames: float = 1.0
    rate: float = 1.0


AS_IS = Change("as is")
STANDARD = (
    AS_IS,
    Change("a third of the learning rate", learning_rate=1 / 3),
    Change("more regularisation", weight_decay=5, crop=1.75),
    Change("twice the frames", frames=2),
)
EFFORTS: Mapping[str, Sequence[Change]] = MappingProxyType(
    {
        "quick": (),
        "standard": STANDARD,
        "thorough": (
            *STANDARD,
            Change("three times the learning rate", learning_rate=3),
            Change("less regularisation", weight_decay=0.2, crop=0.5),
            Change("a third of the learning rate, more regularisation", 1 / 3, 5, 1.75),
            Change("half the frames", frames=0.5),
            Change("twice the rate", rate=2),
            Change("half the rate", rate=0.5),
        ),
    }
)


@dataclass(frozen=True)
class Trial:
    """A setting that was tried, and how it did on the validation part."""

    name: str
    learning_rate: float
    weight_decay: float
    crop: float
    frames: int
    rate: float | str
    epochs: int
    seconds: float
    validation_accuracy: float
    validation_loss: float
    chosen: bool = False


def search(
    recipe: Recipe,
    learn: Videos | OpenedVideos,
    validation: Videos | OpenedVideos,
    *,
    effort: str,
    out: Path,
    even: bool = False,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> tuple[Recipe, tuple[Trial, ...]]:
    """Try the changes of an effort on a recipe; return the best recipe, and what was tried.

    Best is the highest validation accuracy, then the lowest validation loss. Each trial is a run in `out`, so a search
    that was interrupted goes on. even: whether all take the same time rather than the same epochs.

    Raises:
        UsageError: no such effort.
        StillmotionError: as `train`.
    """
    tried: list[tuple[Recipe, Trial]] = []
    for number, (change, changed) in enumerate(changes(recipe, effort, even=even)):
        short = dataclasses.replace(changed, epochs=max(1, changed.epochs // SHORT))
        run = train(short, learn, validation, out=out / f"{number}", overwrite=overwrite, progress=progress)
        tried.append((changed, _trial(change.name, run)))
    if not tried:
        return recipe, ()
    best = max(range(len(tried)), key=lambda i: (tried[i][1].validation_accuracy, -tried[i][1].validation_loss))
    trials = tuple(dataclasses.replace(trial, chosen=i == best) for i, (_, trial) in enumerate(tried))
    return tried[best][0], trials


def changes(recipe: Recipe, effort: str, *, even: bool = False) -> list[tuple[Change, Recipe]]:
    """What an effort tries on a recipe, each once: a rate has no meaning where frames are spread.

    Raises:
        UsageError: no such effort.
    """
    if effort not in EFFORTS:
        raise UsageError(f"effort {effort!r}: choose from {', '.join(EFFORTS)}")
    found: list[tuple[Change, Recipe]] = []
    for change in EFFORTS[effort]:
        changed = apply(change, recipe, even=even)
        if all(changed != before for _, before in found):
            found.append((change, changed))
    return found


def apply(change: Change, recipe: Recipe, *, even: bool = False) -> Recipe:
    """The recipe with a change. even: as `with_clip_spec`."""
    spec = recipe.spec
    frames = max(min(2, spec.frames), round(spec.frames * change.frames))  # two make a movement
    rate = spec.rate if spec.rate == "spread" else float(spec.rate) * frames / spec.frames * change.rate
    changed = dataclasses.replace(
        recipe,
        learning_rate=recipe.learning_rate * change.learning_rate,
        weight_decay=recipe.weight_decay * change.weight_decay,
        augment=dataclasses.replace(recipe.augment, crop=min(LARGEST_CROP, recipe.augment.crop * change.crop)),
    )
    return with_clip_spec(changed, dataclasses.replace(spec, frames=frames, rate=rate), even=even)


def with_clip_spec(recipe: Recipe, spec: ClipSpec, *, even: bool) -> Recipe:
    """The recipe for other clips. even: for the same time, so for fewer epochs of more frames."""
    share = recipe.spec.frames / spec.frames if even else 1.0
    epochs, patience = (max(1, int(share * count)) for count in (recipe.epochs, recipe.patience))
    return dataclasses.replace(recipe, spec=spec, epochs=epochs, patience=patience)


def epochs_within(
    seconds: float,
    recipe: Recipe,
    learn: Videos | OpenedVideos,
    validation: Videos | OpenedVideos,
    *,
    out: Path,
    starts: float = 1,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> int:
    """How many epochs fit into so many seconds here, with so many starts: two are run and timed.

    A start (compiling) is what the first took longer than the second. At least 2 and at most 400. What decoding takes
    comes on top.
    """
    run = train(
        dataclasses.replace(recipe, epochs=2), learn, validation, out=out, overwrite=overwrite, progress=progress
    )
    lines = run.history_file.read_text(encoding="utf-8").strip().splitlines()[-2:]
    first, second = (float(line.rsplit(",", 1)[1]) for line in lines)
    left = seconds - starts * max(0.0, first - second)
    return max(2, min(400, int(left / max(second, 1e-3))))


def _trial(name: str, run: Run) -> Trial:
    recipe, training = run.recipe, run.record.training
    figures: dict[str, Any] = {"epochs": 0, "seconds": 0.0, "validation_accuracy": 0.0, "validation_loss": 0.0}
    if training is not None:
        figures = {key: getattr(training, key) for key in figures}
    return Trial(
        name=name,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        crop=recipe.augment.crop,
        frames=recipe.spec.frames,
        rate=recipe.spec.rate,
        **figures,
    )
