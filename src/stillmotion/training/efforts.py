"""The settings that a search tries, for each effort. Importing this module imports no backend.

Each setting is tried for a quarter of the epochs, as in the first rung of successive halving (Jamieson and Talwalkar
2016): in the same time, more settings can be tried.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from stillmotion.clips import ClipSpec
from stillmotion.errors import StillmotionError, UsageError
from stillmotion.runs import Recipe, Run

# The share of a recipe's epochs that a trial trains for.
TRIAL_FRACTION = 0.25
MAX_CROP = 0.5


@dataclass(frozen=True)
class Change:
    """One setting to try: the factors by which it changes a recipe.

    Attributes:
        name: shown to the user.
        learning_rate: factor of the peak learning rate.
        weight_decay: factor of the weight decay.
        crop: factor of the strength of random cropping.
        frames: factor of the number of frames in a clip, which still lasts as long.
        rate: factor of the frame rate, for as many frames, so that a clip lasts longer or less long.
    """

    name: str
    learning_rate: float = 1.0
    weight_decay: float = 1.0
    crop: float = 1.0
    frames: float = 1.0
    rate: float = 1.0


_STANDARD = (
    Change("the defaults"),
    Change("a third of the learning rate", learning_rate=1 / 3),
    Change("more regularization", weight_decay=5, crop=1.75),
    Change("twice the frames", frames=2),
)
EFFORTS: Mapping[str, Sequence[Change]] = MappingProxyType(
    {
        "quick": (),
        "standard": _STANDARD,
        "thorough": (
            *_STANDARD,
            Change("three times the learning rate", learning_rate=3),
            Change("less regularization", weight_decay=0.2, crop=0.5),
            Change("a third of the learning rate, more regularization", 1 / 3, 5, 1.75),
            Change("half the frames", frames=0.5),
            Change("twice the rate", rate=2),
            Change("half the rate", rate=0.5),
        ),
    }
)


@dataclass(frozen=True)
class Trial:
    """A setting that was tried, and its result on the validation part.

    Attributes:
        name: that of the change.
        learning_rate, weight_decay, crop, frames, rate: the recipe's values with the change.
        epochs: number of epochs that were trained.
        seconds: time that they took.
        validation_accuracy: from 0 to 1, of the best epoch.
        validation_loss: of the best epoch.
        chosen: whether it is the best trial of its search.
    """

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


def trial_recipes(recipe: Recipe, effort: str, *, equal_time: bool = False) -> list[tuple[Change, Recipe]]:
    """The changes that an effort tries, each with the recipe that it leads to.

    A change that makes no difference is not tried, such as another rate where frames are spread over the video.

    Args:
        recipe: the recipe to improve.
        effort: a name in `EFFORTS`.
        equal_time: as for `with_clip_spec`.

    Returns:
        Changes and recipes for a whole training; a trial trains `shorten_for_trial(recipe)`. Empty for "quick".

    Raises:
        UsageError: an unknown effort.
    """
    if effort not in EFFORTS:
        raise UsageError(f"effort {effort!r}: choose from {', '.join(EFFORTS)}")
    trials: list[tuple[Change, Recipe]] = []
    for change in EFFORTS[effort]:
        changed = apply_change(change, recipe, equal_time=equal_time)
        if all(changed != earlier for _, earlier in trials):
            trials.append((change, changed))
    return trials


def apply_change(change: Change, recipe: Recipe, *, equal_time: bool = False) -> Recipe:
    """The recipe with a change.

    Args:
        change: the factors.
        recipe: the recipe to change.
        equal_time: as for `with_clip_spec`.
    """
    spec = recipe.spec
    # A movement needs two frames, so a clip of two or more keeps at least two. A clip of one frame keeps one.
    frames = 1 if spec.frames == 1 else max(2, round(spec.frames * change.frames))
    rate = spec.rate if spec.rate == "spread" else float(spec.rate) * frames / spec.frames * change.rate
    changed = dataclasses.replace(
        recipe,
        learning_rate=recipe.learning_rate * change.learning_rate,
        weight_decay=recipe.weight_decay * change.weight_decay,
        augment=dataclasses.replace(recipe.augment, crop=min(MAX_CROP, recipe.augment.crop * change.crop)),
    )
    return with_clip_spec(changed, dataclasses.replace(spec, frames=frames, rate=rate), equal_time=equal_time)


def with_clip_spec(recipe: Recipe, spec: ClipSpec, *, equal_time: bool) -> Recipe:
    """The recipe for other clips.

    Args:
        recipe: the recipe to change.
        spec: the clips it shall have.
        equal_time: whether the training shall take as long as before, so that more frames mean fewer epochs. If not,
            the number of epochs stays.
    """
    share = recipe.spec.frames / spec.frames if equal_time else 1.0
    epochs, patience = (max(1, int(share * count)) for count in (recipe.epochs, recipe.patience))
    return dataclasses.replace(recipe, spec=spec, epochs=epochs, patience=patience)


def shorten_for_trial(recipe: Recipe) -> Recipe:
    """The recipe that a trial trains: with a quarter of the epochs, and at least one."""
    return dataclasses.replace(recipe, epochs=max(1, int(recipe.epochs * TRIAL_FRACTION)))


def describe_trial(change: Change, run: Run) -> Trial:
    """The trial of a change.

    Args:
        change: what was tried.
        run: the finished run of its shortened recipe.

    Raises:
        StillmotionError: the run is not finished.
    """
    recipe, training = run.recipe, run.record.training
    if training is None or training.validation_accuracy is None or training.validation_loss is None:
        raise StillmotionError(f"{run.folder}: this training is not finished")
    return Trial(
        name=change.name,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        crop=recipe.augment.crop,
        frames=recipe.spec.frames,
        rate=recipe.spec.rate,
        epochs=training.epochs,
        seconds=training.seconds,
        validation_accuracy=training.validation_accuracy,
        validation_loss=training.validation_loss,
    )


def choose_trial(trials: Sequence[Trial]) -> int:
    """The index of the best trial: the highest validation accuracy, then the lowest validation loss, then the first.

    Args:
        trials: at least one.
    """
    return max(
        range(len(trials)), key=lambda index: (trials[index].validation_accuracy, -trials[index].validation_loss)
    )
