"""One run from a data set: opened, split, trained and tested."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Unpack

from stillmotion import training
from stillmotion.clips import Augment, OpenedVideos, Rate
from stillmotion.data import Videos
from stillmotion.data.splitting import FRACTIONS
from stillmotion.experiments.choices import Preset
from stillmotion.experiments.datasets import open_dataset, read_labeled
from stillmotion.experiments.executors import InProcess
from stillmotion.experiments.plan import PlannedRun, train_and_evaluate
from stillmotion.experiments.settings import ComparisonSettings
from stillmotion.files import check_folder
from stillmotion.models import Builder, check_backbone, default_size
from stillmotion.progress import Progress, no_progress
from stillmotion.runs import Run, read_run
from stillmotion.training import FamilySettings, make_recipe, name_family, suit_epochs


def run_training(
    data: str | Path | Videos | OpenedVideos,
    family: str | Builder = "frame_pool",
    *,
    out: str | Path | None = None,
    frames: int | None = None,
    rate: Rate | Literal["auto"] = "auto",
    size: int | tuple[int, int] | None = None,
    preset: Preset = "standard",
    flip: bool = False,
    group: str | None = None,
    frame_rate: float | None = None,
    fractions: Sequence[float] = FRACTIONS,
    seed: int = 0,
    tensorboard: bool = False,
    overwrite: bool = False,
    devices: int | Literal["all"] = 1,
    progress: Progress = no_progress,
    cancel: threading.Event | None = None,
    **given: Unpack[FamilySettings],
) -> Run:
    """Open a data set, split it by group, train one model and test it: the whole of `stillmotion train`.

    Args:
        data: a folder with one folder per label, a table, or videos that were read or opened before.
        family: a name in `FAMILIES`, or a function of your own or its name; see `make_recipe`.
        out: the run's folder; by default the family's name with "-run", in the working folder.
        frames: frames per clip; by default 16, with the classic preset 10.
        rate: frames per second, "spread", or "auto" to choose by the videos' durations.
        size: side of the frames in pixels, or (height, width); by default 64, or what suits a pretrained backbone.
        preset: "classic" trains the small architecture of common tutorials.
        flip: whether half of the training clips are mirrored.
        group: a regular expression; what it matches in a video's path names its group.
        frame_rate: frames per second of videos that are folders of numbered frames.
        fractions: shares of the train, validation and test parts.
        seed: of the split and of the training.
        tensorboard: whether TensorBoard logs are written into the run.
        overwrite: whether another training in `out` is deleted.
        devices: how many devices each batch is divided among, or "all", on JAX; see `train`. Of several processes, the
            first one tests the model.
        progress: receives the progress of the work.
        cancel: ends the work with `CancelledError` once it is set.
        **given: the family's options and other fields of `Recipe`, such as `epochs` or `learning_rate`.

    Returns:
        The tested run.

    Raises:
        UsageError: an unknown family, setting or value.
        StillmotionError: the data set cannot be used, or `out` cannot be written or holds another training.
        CancelledError: `cancel` was set.

    Examples:
        >>> run = sm.run_training("clips/", "cnn_rnn", out="runs/cnn_rnn", rnn="lstm")
        >>> accuracy = sm.compute_metrics(sm.read_predictions(run.predictions_file)).accuracy
    """
    settings: dict[str, Any] = {**given}
    check_backbone(settings)
    size = default_size(settings) if size is None else size
    common = ComparisonSettings(frames=frames, size=size, preset=preset, fractions=fractions)
    if preset != "standard":
        settings["preset"] = preset
    videos = read_labeled(data, group=group, frame_rate=frame_rate)
    family = name_family(family, settings.pop("kind", None))
    folder = Path(out) if out is not None else default_run_folder(family)
    augment = Augment(flip=flip)
    make_recipe(family, spec=common.spec("spread"), augment=augment, seed=seed, **settings)  # refuse before opening
    check_folder(folder)
    on = training.find_devices(devices)  # which imports Keras
    executor = InProcess(progress if on.first else no_progress, cancel)
    with on.together():
        dataset = open_dataset(
            videos,
            fractions=fractions,
            seed=seed,
            rate=rate,
            frames=common.clip_frames,
            progress=executor.reporter(""),
        )
    recipe = make_recipe(family, spec=common.spec(dataset.rate), augment=augment, seed=seed, **settings)
    if "epochs" not in settings:
        recipe = suit_epochs(recipe, dataset.folds[0].train.segments)
    planned = PlannedRun(family, recipe, dataset.folds[0], folder, f"{family}, seed {seed}")
    train, test = train_and_evaluate(planned, overwrite=overwrite, tensorboard=tensorboard, devices=devices, cost=True)
    # Not in `together`: if a process fails in there, the others wait for its gradients, and it must not wait for them.
    executor.run_task(train)
    with on.together():
        if on.first:
            executor.run_task(test)
    return read_run(folder)


def default_run_folder(family: str) -> Path:
    """Where a family's run goes unless another folder is named.

    Args:
        family: the family's name.

    Returns:
        A folder in the working folder.
    """
    return Path(re.sub(r"[^\w.]+", "-", f"{family}-run"))
